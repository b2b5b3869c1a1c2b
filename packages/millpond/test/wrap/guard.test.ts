// A tier behind its queues, breaker and deadline: what is a failure of the tier, and what is not.
import { describe, expect, test } from 'vitest'
import type { Stored, Tier, TierItem, TierLimits } from '../../src/core/contracts.ts'
import { MillpondError } from '../../src/core/errors.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { item } from '../../src/testing/tier.ts'
import { guardTier } from '../../src/wrap/guard.ts'

function setUp(verbs: Partial<Tier> = {}, limits?: TierLimits) {
  const clock = fakeClock()
  const held = new Map<string, Stored>()
  const told: string[] = []
  const tier: Tier = {
    name: 'test',
    scope: 'shared',
    durable: false,
    ...(limits && { limits }),
    read: async (keys) => keys.map((key) => held.get(key)),
    write: async (items) => {
      for (const { key, ...stored } of items) held.set(key, stored)
    },
    drop: async (keys) => keys.filter((key) => held.delete(key)).length,
    clear: async () => 0,
    close: async () => {},
    ...verbs,
  }
  const guarded = guardTier(tier, { id: 'test-2' }, clock, {
    onError: (name, verb) => told.push(`${name} ${verb} failed`),
    onState: (name, state) => told.push(`${name} ${state}`),
    onTimed: () => {},
    onRefused: (name, key, why) => told.push(`${name} ${key} ${why}`),
  })
  return { clock, held, told, guarded }
}

const large = (key: string): TierItem => item(key, 'x'.repeat(2000))

describe('a guarded tier', () => {
  test('what is above a limit is refused by itself: the tier stays in use, and the other items are stored', async () => {
    const { guarded, held, told } = setUp({}, { itemBytes: 1024, entryBytes: 0 })
    for (let at = 0; at < 6; at++) await guarded.write([large(`large${at}`), item(`small${at}`)])
    expect(guarded.state).toBe('closed')
    expect([...held.keys()]).toEqual(['small0', 'small1', 'small2', 'small3', 'small4', 'small5'])
    expect(told).toEqual([0, 1, 2, 3, 4, 5].map((at) => `test-2 large${at} too_large`))
  })

  test.each([
    ['no entry at all', null],
    ['an entry without a body', {}],
  ])('an answer that is %s is a failure of this read, and the next one is sent', async (_, answer) => {
    let answers: readonly unknown[] = [answer]
    const { guarded } = setUp({ read: async () => answers as (Stored | undefined)[] })
    expect(await guarded.read(['a'], 1000)).toMatchObject({ ok: false, cause: { name: 'TypeError' } })
    expect(await guarded.read(['a'])).toMatchObject({ ok: false, cause: { name: 'TypeError' } })
    answers = [undefined]
    expect(await guarded.read(['a'], 1000)).toEqual({ ok: true, value: [undefined] })
  })

  test.each([
    ['no entry at all', null],
    ['an entry without a body', {}],
  ])('so is an answer that is %s to a read of more keys than a command holds', async (_, answer) => {
    const { guarded } = setUp({ read: async (keys) => keys.map(() => answer) as (Stored | undefined)[] }, { items: 2 })
    expect(await guarded.read(['a', 'b', 'c', 'd', 'e'], 1000)).toMatchObject({
      ok: false,
      cause: { name: 'TypeError' },
    })
  })

  test('what a tier refuses in its answer is no failure', async () => {
    const { guarded, told } = setUp({
      write: async (items) => items.map(({ key }) => (key === 'b' ? 'full' : undefined)),
    })
    const answer = await guarded.write([item('a'), item('b'), item('c')])
    expect(answer).toEqual({ ok: true, value: [undefined, 'full', undefined] })
    expect(told).toEqual(['test-2 b full'])
  })

  test('a tier that throws for a single item it does not take fails no other, and does not open the breaker', async () => {
    const stored: string[] = []
    const { guarded } = setUp({
      write: async (items) => {
        if (items.some((one) => one.body.length > 1000))
          throw new MillpondError('VALUE_TOO_LARGE', 'too large for this server')
        for (const { key } of items) stored.push(key)
      },
    })
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((key) => guarded.write([key === 'c' ? large(key) : item(key)])),
    )
    expect(stored.sort()).toEqual(['a', 'b', 'd', 'e', 'f', 'g'])
    expect(answers.map((answer) => answer.ok && answer.value[0])).toEqual([
      undefined,
      undefined,
      'too_large',
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    for (let at = 0; at < 6; at++) await guarded.write([large('c')])
    expect(guarded.state).toBe('closed')
  })

  test('a key that is too long is shortened, the same way each time, and two long keys stay apart', async () => {
    const { guarded, held } = setUp({}, { keyBytes: 64 })
    const [a, b] = [`${'ä'.repeat(40)}a`, `${'ä'.repeat(40)}b`]
    await guarded.write([item(a), item(b), item('short')])
    for (const key of held.keys()) expect(Buffer.byteLength(key)).toBeLessThanOrEqual(64)
    expect(held.size).toBe(3)
    expect(await guarded.read([b, a])).toMatchObject({
      ok: true,
      value: [item(b), item(a)].map(({ key: _, ...stored }) => stored),
    })
    expect(await guarded.drop([a, 'nothing'])).toEqual({ ok: true, value: 1 })
  })

  test('G14: a read leaves at its budget, and that is no failure of a tier whose queue moves', async () => {
    const answers: (() => void)[] = []
    const { guarded, clock, told } = setUp(
      { read: (keys) => new Promise((resolve) => answers.push(() => resolve(keys.map(() => undefined)))) },
      { calls: 1, items: 1 },
    )
    const ended: string[] = []
    for (let at = 0; at < 10; at++)
      void guarded.read([`${at}`], 300).then((attempt) => ended.push(`${at} ${attempt.ok}`))
    await clock.run(0)
    for (let at = 0; at < 3; at++) {
      await clock.run(100)
      answers[at]?.()
      await clock.run(0)
    }
    expect(ended).toEqual(['0 true', '1 true', ...[2, 3, 4, 5, 6, 7, 8, 9].map((at) => `${at} false`)])
    expect(told).toEqual([])
    expect(guarded.state).toBe('closed')
    expect(answers, 'a call that is no longer awaited is not sent').toHaveLength(3)
  })

  describe('T10: a read of more keys than a command holds', () => {
    const keys = Array.from({ length: 5 }, (_, at) => `${at}`)

    /** Two keys per command, one command at a time; each step takes some time. */
    function setUpParts() {
      const commands: { readonly keys: readonly string[]; answer(): void; fail(): void }[] = []
      const read: Tier['read'] = (asked) =>
        new Promise((resolve, reject) => {
          commands.push({
            keys: asked,
            answer: () => resolve(asked.map((key) => item(key))),
            fail: () => reject(new Error('not now')),
          })
        })
      const parts = setUp({ read }, { calls: 1, items: 2 })
      const ended: (readonly (number | string)[])[] = []
      const ask = (some: readonly string[]): void => {
        void parts.guarded.read(some, 300).then((attempt) => {
          const answered = attempt.ok ? [...attempt.value.keys()].filter((at) => attempt.value[at] !== undefined) : []
          ended.push([attempt.ok ? 'ok' : 'failed', ...answered])
        })
      }
      const step = async (does: 'answer' | 'fail', ms = 100): Promise<void> => {
        await parts.clock.run(ms)
        commands.at(-1)?.[does]()
        await parts.clock.run(0)
      }
      return { ...parts, commands, ended, ask, step }
    }

    test('has its budget again with each answer', async () => {
      const { ask, step, ended, told } = setUpParts()
      ask(keys)
      await step('answer', 200)
      await step('answer', 200)
      await step('answer', 200)
      expect(ended).toEqual([['ok', 0, 1, 2, 3, 4]])
      expect(told).toEqual([])
    })

    test('keeps the answers of the others if one command fails, and says which keys have none', async () => {
      const { guarded, clock, commands, step, ask, ended, told } = setUpParts()
      ask(keys)
      await step('answer')
      await step('fail')
      await step('answer')
      expect(ended).toEqual([['ok', 0, 1, 4]])
      expect(told).toEqual(['test-2 read failed'])
      const read = guarded.read(keys, 300)
      await clock.run(0)
      for (const does of ['fail', 'answer', 'answer'] as const) {
        commands.at(-1)?.[does]()
        await clock.run(0)
      }
      expect(await read).toMatchObject({ ok: true, unanswered: new Set([0, 1]) })
    })

    test('of a tier that falls silent ends after one deadline, and that is told', async () => {
      const { clock, step, ask, ended, told } = setUpParts()
      ask(keys)
      await step('answer')
      await clock.run(240)
      expect(ended).toEqual([])
      await clock.run(60)
      expect(ended).toEqual([['ok', 0, 1]])
      expect(told).toEqual(['test-2 read failed'])
    })

    test('sends no more of itself after two failures in a row', async () => {
      const { commands, step, ask, ended, told } = setUpParts()
      ask(keys)
      await step('fail')
      await step('fail')
      await step('answer')
      expect(ended).toEqual([['failed']])
      expect(commands).toHaveLength(2)
      expect(told).toEqual(['test-2 read failed', 'test-2 read failed'])
    })

    test('lets others go between its commands', async () => {
      const { commands, step, ask, ended } = setUpParts()
      ask(keys)
      ask(['other'])
      await step('answer')
      await step('answer')
      expect(commands[1]?.keys[0]).toBe('other')
      expect(ended[0]).toEqual(['ok', 0])
      await step('answer')
      await step('answer')
      expect(ended[1]).toEqual(['ok', 0, 1, 2, 3, 4])
    })
  })

  test('G14: a tier that hangs is given up after one deadline, whatever waits, and then left alone', async () => {
    const { guarded, clock, told } = setUp({ read: () => new Promise(() => {}) }, { calls: 8, items: 1 })
    const ended: boolean[] = []
    for (let at = 0; at < 50; at++) void guarded.read([`${at}`], 300).then((attempt) => ended.push(attempt.ok))
    await clock.run(250)
    expect(ended).toEqual(Array.from({ length: 50 }, () => false))
    expect(told.filter((line) => line.includes('failed'))).toHaveLength(8)
    expect(guarded.state).toBe('open')
    expect(await guarded.read(['at once'])).toEqual({ ok: false })
  })

  test('a tier with a limit that no call can keep is refused at once', () => {
    for (const limits of [{ items: 0 }, { calls: 1.5 }, { keyBytes: 10 }, { itemBytes: Number.NaN }, { depth: 3 }])
      expect(() => setUp({}, limits as TierLimits)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})
