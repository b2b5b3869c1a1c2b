import { describe, expect, it } from 'vitest'
import type {
  DeadLetter,
  Operation,
  QueuedWrite,
  QueueOptions,
  WriteLog,
} from '../../../src/source/write-behind/contract.ts'
import { memoryLog } from '../../../src/source/write-behind/memory-log.ts'
import { WriteQueue } from '../../../src/source/write-behind/queue.ts'
import { fakeClock } from '../../../src/testing/clock.ts'
import fc from '../../properties.ts'

type Given = Partial<QueueOptions>

function open(given: Given = {}) {
  const clock = fakeClock()
  const batches: (readonly QueuedWrite[])[] = []
  const dead: DeadLetter[] = []
  const source = new Map<string, unknown>()
  const keep = (writes: readonly QueuedWrite[]): void => {
    batches.push(writes)
    for (const { key, operation } of writes) {
      if (operation.kind === 'remove') source.delete(key)
      else source.set(key, operation.value)
    }
  }
  const queue = new WriteQueue({
    log: memoryLog(),
    store: async (writes) => {
      keep(writes)
      return undefined
    },
    clock,
    random: () => 0.5,
    encode: (_, operation) => Buffer.from(JSON.stringify(operation)),
    decode: (_, body) => (body.length === 0 ? undefined : JSON.parse(Buffer.from(body).toString())),
    afterStore: async () => {},
    events: { stored: () => {}, failed: () => {}, dead: (letter) => dead.push(letter) },
    maxDelayMs: 2000,
    maxBatch: 3,
    concurrency: 2,
    maxQueued: 5,
    maxWaitMs: 1000,
    timeoutMs: 10_000,
    maxAttempts: 3,
    ...given,
  })
  return { queue, clock, batches, dead, source, keep }
}

const set = (value: unknown): Operation => ({ kind: 'set', value })
const keysOf = (batches: readonly (readonly QueuedWrite[])[]): string[] =>
  batches.map((batch) => batch.map(({ key }) => key).join(' '))

describe('a write queue', () => {
  it('sends a full batch at once, and what is left after the longest delay', async () => {
    const { queue, clock, batches } = open()
    for (const key of ['a', 'b', 'c', 'd']) await queue.put(key, set(1))
    await clock.run(1)
    expect(keysOf(batches)).toEqual(['a b c'])
    await clock.run(1990)
    expect(keysOf(batches)).toEqual(['a b c'])
    await clock.run(20)
    expect(keysOf(batches)).toEqual(['a b c', 'd'])
    expect(queue.depth).toBe(0)
  })

  it('lets what is written again and again wait out its time, although it would fill a batch, and sends what is new at once', async () => {
    const { queue, clock, batches } = open({ maxQueued: 10_000, maxBatch: 10, maxDelayMs: 1000 })
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
    const rows = () => batches.reduce((sum, batch) => sum + batch.length, 0)
    let writes = 0
    for (let turn = 0; turn < 200; turn++) {
      for (const key of keys) await queue.put(key, set(writes++))
      await clock.run(50)
    }
    await queue.flush()
    expect(writes / rows()).toBeGreaterThan(15)
    const before = batches.length
    for (let index = 0; index < 10; index++) await queue.put(`new ${index}`, set(1))
    await clock.run(1)
    expect(keysOf(batches.slice(before))).toEqual([Array.from({ length: 10 }, (_, index) => `new ${index}`).join(' ')])
  })

  it('does not wait for the time of what is written again where half of the room is taken', async () => {
    const { queue, clock, batches } = open({ maxQueued: 8, maxBatch: 3, maxDelayMs: 60_000 })
    for (let turn = 0; turn < 2; turn++) {
      for (const key of ['a', 'b', 'c', 'd', 'e']) await queue.put(key, set(turn))
      await clock.run(1)
    }
    expect(keysOf(batches)).toEqual(['a b c', 'd e a', 'b c d'])
  })

  it('sends the latest write of a key, in its first turn', async () => {
    const { queue, clock, batches, source } = open()
    await queue.put('a', set(1))
    await queue.put('b', set(1))
    await queue.put('a', set(2))
    await queue.put('a', { kind: 'remove' })
    await queue.put('a', set(3))
    expect(queue.pending('a')).toEqual(set(3))
    await clock.run(2000)
    expect(keysOf(batches)).toEqual(['a b'])
    expect(source).toEqual(
      new Map([
        ['a', 3],
        ['b', 1],
      ]),
    )
    expect(queue.pending('a')).toBeUndefined()
  })

  it('lets a write wait for the end of the one before it', async () => {
    let finish = (): void => {}
    const seen: unknown[] = []
    const { queue, clock } = open({
      store: (writes) => {
        seen.push(...writes.map(({ operation }) => (operation.kind === 'set' ? operation.value : undefined)))
        return new Promise((resolve) => {
          finish = () => resolve(undefined)
        })
      },
    })
    await queue.put('a', set(1))
    await clock.run(2000)
    await queue.put('a', set(2))
    await queue.put('a', set(3))
    await clock.run(5000)
    expect(seen).toEqual([1])
    expect(queue.pending('a')).toEqual(set(3))
    finish()
    await clock.run(2000)
    expect(seen).toEqual([1, 3])
  })

  it('finds the one write that a source refuses, stores the others, and sets it aside', async () => {
    const opened = open({
      maxBatch: 4,
      maxQueued: 100,
      store: async (writes) => {
        if (writes.some(({ key }) => key === 'poison')) throw new Error('constraint')
        opened.keep(writes)
        return undefined
      },
    })
    const { queue, clock, source, dead } = opened
    for (const key of ['a', 'b', 'poison', 'c']) await queue.put(key, set(1))
    await clock.run(3000)
    expect([...source.keys()].sort()).toEqual(['a', 'b', 'c'])
    for (let more = 0; more < 20; more++) {
      await queue.put(`more${more}`, set(1))
      await clock.run(4000)
    }
    expect(dead).toEqual([expect.objectContaining({ key: 'poison', error: 'constraint' })])
    expect(queue.depth).toBe(0)
    expect(queue.retry('poison')).toBe(true)
    expect(queue.deadLetters).toEqual([])
    expect(queue.depth).toBe(1)
    expect(queue.dropDead('poison')).toBe(false)
  })

  it('sets nothing aside while the source refuses everything, asks it ever more seldom, and stores all once it is back', async () => {
    let isDown = true
    let calls = 0
    const opened = open({
      maxQueued: 1000,
      store: async (writes) => {
        calls++
        if (isDown) throw new Error('down')
        opened.keep(writes)
        return undefined
      },
    })
    const { queue, clock, source, dead } = opened
    for (let at = 0; at < 300; at++) await queue.put(`k${at}`, set(at))
    await clock.run(3_600_000)
    expect(dead).toEqual([])
    expect(calls).toBeLessThan(700)
    isDown = false
    await clock.run(120_000)
    expect(source.size).toBe(300)
    expect(queue.depth).toBe(0)
  })

  it('heeds verdicts one by one, and does not try again what is permanent', async () => {
    const permanent = Object.assign(new Error('no such column'), { permanent: true })
    const { queue, clock, dead } = open({
      store: async (writes) => writes.map(({ key }) => (key === 'b' ? permanent : undefined)),
    })
    for (const key of ['a', 'b', 'c']) await queue.put(key, set(1))
    await clock.run(10)
    expect(dead.map(({ key }) => key)).toEqual(['b'])
    expect(queue.depth).toBe(0)
  })

  it('gives a source that hangs its time, then tries again with the signal fired', async () => {
    const signals: AbortSignal[] = []
    const { queue, clock, source, keep } = open({
      store: (writes, { signal }) => {
        signals.push(signal)
        if (signals.length === 1) return new Promise(() => {})
        keep(writes)
        return Promise.resolve(undefined)
      },
    })
    await queue.put('a', set(1))
    await clock.run(11_999)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
    await clock.run(1000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    expect(source.get('a')).toBe(1)
  })

  it('pushes back when it is full: a writer waits for room, and is refused after a while', async () => {
    const { queue, clock, source } = open({ maxBatch: 100 })
    for (const key of ['a', 'b', 'c', 'd', 'e']) await queue.put(key, set(1))
    await queue.put('a', set(2)) // has its place
    const refused = queue.put('f', set(1)).catch((error: unknown) => error)
    await clock.run(1000)
    expect(await refused).toMatchObject({ code: 'QUEUE_FULL' })
    const waiting = queue.put('g', set(1))
    await clock.run(1000)
    await waiting
    await queue.flush()
    expect([...source.keys()].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'g'])
  })

  it('acknowledges nothing that the log refused', async () => {
    const log: WriteLog = { ...memoryLog(), append: () => Promise.reject(new Error('disk full')) }
    const { queue } = open({ log })
    await expect(queue.put('a', set(1))).rejects.toThrow('disk full')
    expect(queue.pending('a')).toBeUndefined()
    expect(queue.depth).toBe(0)
  })

  it('takes over what was left: writes, what was set aside, and what cannot be read', async () => {
    const settled: string[] = []
    const body = (mark: number, operation: Operation): Uint8Array =>
      Buffer.concat([Buffer.from([mark]), Buffer.from(JSON.stringify(operation))])
    const log: WriteLog = {
      ...memoryLog(),
      settle: (key) => settled.push(key),
      recover: async () => ({
        records: [
          { key: 'a', number: 1, body: body(0, set(1)) },
          { key: 'b', number: 2, body: body(1, set(2)) },
          { key: 'c', number: 3, body: Buffer.from([0]) },
        ],
        lostBytes: 7,
      }),
    }
    const { queue, source, dead } = open({ log })
    expect(await queue.recover()).toEqual({ recovered: 3, lostBytes: 7 })
    expect(await queue.flush()).toEqual({ left: 0, dead: 2 })
    expect(source).toEqual(new Map([['a', 1]]))
    expect(dead.map(({ key, operation }) => [key, operation])).toEqual([
      ['b', set(2)],
      ['c', undefined],
    ])
    expect(queue.retry('c')).toBe(false)
    expect(queue.dropDead('c')).toBe(true)
    expect(settled).toEqual(['a', 'c'])
  })

  it('says at its end what is left', async () => {
    const { queue, clock } = open({ store: () => new Promise(() => {}) })
    await queue.put('a', set(1))
    const closed = queue.close(500)
    await clock.run(600)
    expect(await closed).toEqual({ left: 1, dead: 0 })
    await expect(queue.put('b', set(1))).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('brings every key to its last acknowledged write, in order, whatever fails meanwhile', async () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 4 }), wait: fc.integer({ min: 0, max: 900 }) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 5 })),
        async (steps, fates) => {
          const last = new Map<string, number>()
          const numbers = new Map<string, number>()
          const opened = open({
            maxAttempts: 1000,
            concurrency: 3,
            store: async (writes) => {
              for (const { key, number } of writes) {
                expect(number).toBeGreaterThanOrEqual(numbers.get(key) ?? 0)
                numbers.set(key, number)
              }
              const fate = fates.next().value
              await new Promise<void>((resolve) => opened.clock.after(fate * 50, resolve))
              if (fate === 0) throw new Error('refused')
              opened.keep(fate === 1 ? writes.slice(1) : writes)
              return fate === 1 ? writes.map((_, at) => (at === 0 ? new Error('refused') : undefined)) : undefined
            },
          })
          for (const [at, { key, wait }] of steps.entries()) {
            const put = opened.queue.put(`k${key}`, set(at))
            await opened.clock.run(wait)
            await put
            last.set(`k${key}`, at)
          }
          await opened.clock.run(10_000_000)
          expect(opened.queue.depth).toBe(0)
          expect([...opened.source].sort()).toEqual([...last].sort())
        },
      ),
      { numRuns: 60 },
    )
  })

  it('forgets what waits, waits for what is on its way, and tries neither again', async () => {
    let refuse: (error: Error) => void = () => {}
    const settled: string[] = []
    const { queue, clock, batches } = open({
      log: { ...memoryLog(), settle: (key, number) => settled.push(`${key} ${number}`) },
      concurrency: 1,
      maxBatch: 1,
      store: (writes) => {
        batches.push(writes)
        return new Promise((_, reject) => (refuse = reject))
      },
    })
    for (const key of ['sent', 'waits', 'other']) await queue.put(key, set(1))
    await clock.run(1)
    await queue.put('sent', set(2))
    expect(keysOf(batches)).toEqual(['sent'])
    let isOver = false
    const forgetting = queue.forget((key) => key !== 'other').finally(() => (isOver = true))
    await clock.run(1)
    expect([isOver, queue.pending('waits')]).toEqual([false, undefined])
    refuse(new Error('down'))
    expect(await forgetting).toEqual([
      { key: 'sent', kind: 'set', wasSent: true, wasDead: false },
      { key: 'waits', kind: 'set', wasSent: false, wasDead: false },
    ])
    expect(settled).toEqual(['sent 4', 'waits 2'])
    await clock.run(60_000)
    expect(new Set(keysOf(batches))).toEqual(new Set(['sent', 'other']))
    expect(keysOf(batches).filter((keys) => keys === 'sent')).toHaveLength(1)
    expect(queue.depth).toBe(1)
  })

  it('tries a write that came after what was forgotten', async () => {
    let refuse: (error: Error) => void = () => {}
    const { queue, clock, batches } = open({
      maxBatch: 1,
      store: (writes) => {
        batches.push(writes)
        return new Promise((_, reject) => (refuse = reject))
      },
    })
    await queue.put('k', set(1))
    await clock.run(1)
    const forgetting = queue.forget(() => true)
    await queue.put('k', set(2))
    refuse(new Error('down'))
    await forgetting
    await clock.run(60_000)
    expect(batches.at(-1)?.[0]?.operation).toEqual(set(2))
  })
})
