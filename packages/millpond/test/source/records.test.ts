// Records of collections: two versions of a program over the same tiers, journals and files, and versions of one thing.
import { join } from 'node:path'
import { type CacheOptions, type CollectionOptions, memory } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { closeAfterEach, newFolder, open } from '../engine/setups.ts'

closeAfterEach()

const before = z.strictObject({ id: z.number(), name: z.string() })
const after = z.strictObject({ id: z.number(), first: z.string(), last: z.string() })
type Before = z.infer<typeof before>
type After = z.infer<typeof after>

/** The release before and the one after, side by side over one file. */
function releases(upgrade?: CollectionOptions<number, After>['upgrade'], more: CacheOptions = {}) {
  const path = join(newFolder(), 'cache.db')
  const asked: string[] = []
  const make = () => open({ ...more, tiers: [memory(), sqlite({ path })] })
  const [old, young] = [make(), make()]
  return {
    asked,
    old,
    young,
    oldPeople: old.collection('user', {
      schema: before,
      load: (id: number): Before => {
        asked.push('old')
        return { id, name: 'Ada Lovelace' }
      },
      store: () => {},
    }),
    youngPeople: young.collection('user', {
      schema: after,
      upgrade,
      load: (id: number): After => {
        asked.push('young')
        return { id, first: 'Ada', last: 'Lovelace' }
      },
      store: () => {},
    }),
  }
}

const split = (record: unknown): After | undefined => {
  const found = before.safeParse(record)
  if (!found.success) return undefined
  const [first = '', last = ''] = found.data.name.split(' ')
  return { id: found.data.id, first, last }
}

describe('two versions of a program', () => {
  it('share keys: the later one brings up to date what the other has stored, and each forgets what the other writes', async () => {
    const { asked, oldPeople, youngPeople, old, young } = releases(split)
    expect(await oldPeople.get(1)).toEqual({ id: 1, name: 'Ada Lovelace' })
    await old.flush()
    expect(await youngPeople.get(1)).toEqual({ id: 1, first: 'Ada', last: 'Lovelace' })
    expect(asked).toEqual(['old'])
    expect(young.stats().missesByCause.other_shape ?? 0).toBe(0)
    expect(young.peek(['user', 1])).toEqual({ id: 1, first: 'Ada', last: 'Lovelace' })
    await oldPeople.set(1, { id: 1, name: 'Grace Hopper' })
    expect(await youngPeople.get(1, { consistency: 'strong' })).toEqual({ id: 1, first: 'Grace', last: 'Hopper' })
    expect(asked).toEqual(['old'])
  })

  it('count what they cannot use as a miss, and load it', async () => {
    const { asked, oldPeople, youngPeople, old, young } = releases()
    await youngPeople.set(1, { id: 1, first: 'Ada', last: 'King' })
    const misses: string[] = []
    old.on('miss', ({ cause }) => misses.push(cause))
    expect(await oldPeople.get(1)).toEqual({ id: 1, name: 'Ada Lovelace' })
    await old.flush()
    expect([asked, misses, old.stats().missesByCause.other_shape]).toEqual([['old'], ['other_shape'], 1])
    expect(await young.explain(['user', 1])).toMatchObject({ tiers: [{}, { state: 'invalid', cause: 'other_shape' }] })
    // Many at once, and by the cache's own verbs too.
    await oldPeople.setMany([
      [2, { id: 2, name: 'Grace Hopper' }],
      [3, { id: 3, name: 'Mary Shelley' }],
    ])
    expect(
      await young.getMany([
        ['user', 2],
        ['user', 3],
        ['other', 2],
      ]),
    ).toEqual([undefined, undefined, undefined])
    expect(await young.has(['user', 2])).toBe(false)
    expect((await youngPeople.getMany([2, 3])).map((one) => one?.last)).toEqual(['Lovelace', 'Lovelace'])
  })

  it('go on where upgrade fails, or makes something else than the schema says', async () => {
    for (const upgrade of [
      () => {
        throw new Error('no')
      },
      () => ({ id: 1 }) as After,
    ]) {
      const { oldPeople, youngPeople, old, young, asked } = releases(upgrade)
      const warnings: string[] = []
      young.on('warning', ({ message }) => warnings.push(message))
      for (const id of [1, 2]) await oldPeople.get(id)
      await old.flush()
      for (const id of [1, 2]) expect(await youngPeople.get(id)).toMatchObject({ first: 'Ada' })
      expect(asked).toEqual(['old', 'old', 'young', 'young'])
      expect(warnings).toEqual([
        expect.stringMatching(
          /collection user: (the stored value of 1 is not used: no|upgrade of 1 returned a value that does not match the schema.*first: )/,
        ),
      ])
    }
  })

  it('need no upgrade where the schema itself fills in what is new, and never freeze what upgrade hands out', async () => {
    const path = join(newFolder(), 'cache.db')
    const make = () => open({ tiers: [memory(), sqlite({ path })] })
    const [old, young] = [make(), make()]
    await old.set(['user', 1], { id: 1 })
    await old.set(['deal', 1], 'a text')
    const people = young.collection('user', {
      schema: z.object({ id: z.number(), roles: z.array(z.string()).default([]) }),
    })
    expect(await people.get(1)).toEqual({ id: 1, roles: [] })
    const standIn = { title: '' }
    const deals = young.collection('deal', { schema: z.object({ title: z.string() }), upgrade: () => standIn })
    expect(await deals.get(1)).toEqual(standIn)
    expect(Object.isFrozen(standIn)).toBe(false)
  })

  it('bring up to date what a restart finds in its file', async () => {
    const path = join(newFolder(), 'memory.snapshot')
    const first = open({ tiers: [memory()], restart: { path } })
    await first.set(['user', 1], { id: 1, name: 'Ada Lovelace' })
    await first.set(['user', 2], 'nonsense')
    await first.set('other', 7)
    await first.close()
    const second = open({ tiers: [memory()], restart: { path } })
    const people = second.collection('user', { schema: after, upgrade: split })
    await second.ready()
    expect([await people.get(1), await people.get(2), second.peek('other')]).toEqual([
      { id: 1, first: 'Ada', last: 'Lovelace' },
      undefined,
      7,
    ])
    // Also where the file was faster than the collection.
    await second.set(['deal', 1], { title: 7 })
    await second.set(['deal', 2], { title: 'new' })
    second.collection('deal', { schema: z.strictObject({ title: z.string() }) })
    expect([second.peek(['deal', 1]), second.peek(['deal', 2])]).toEqual([undefined, { title: 'new' }])
  })

  it('G18: bring up to date what the other has queued, and set aside what they cannot, which the other then finds', async () => {
    const journal = join(newFolder(), 'journal')
    const stored: unknown[] = []
    const behind = { write: 'write-behind', writeBehind: { journal, maxDelay: 1, drainTimeout: 1 } } as const
    const queue = async (record: Before) => {
      const cache = open()
      const people = cache.collection('user', { ...behind, schema: before, store: () => new Promise(() => {}) })
      await people.set(record.id, record)
      await cache.close()
    }
    const run = async (schema: typeof before | typeof after, upgrade?: typeof split) => {
      const cache = open()
      const people = cache.collection<number, Before | After>('user', {
        ...behind,
        schema,
        upgrade,
        store: (_, value) => void stored.push(value),
      })
      await cache.ready()
      await people.flush()
      const dead = people.deadLetters.list()
      await cache.close()
      return dead
    }
    await queue({ id: 1, name: 'Ada Lovelace' })
    expect(await run(after)).toEqual([{ key: '["user",1]', error: expect.stringContaining('in another format') }])
    expect([await run(after, split), stored]).toEqual([[], [{ id: 1, first: 'Ada', last: 'Lovelace' }]])
    await queue({ id: 2, name: 'Grace Hopper' })
    expect([await run(before), stored.at(-1)]).toEqual([[], { id: 2, name: 'Grace Hopper' }])
  })
})

describe('a schema', () => {
  it('refuses what is loaded or set in another shape, before the source is written', async () => {
    const stored: unknown[] = []
    const cache = open()
    const people = cache.collection<number, Before>('user', {
      schema: before,
      loadMany: async (ids) => ids.map((id) => (id === 1 ? { id, name: 'Ada' } : ({ id, name: 7 } as never))),
      store: (_, value) => stored.push(value),
    })
    expect(await people.get(1)).toEqual({ id: 1, name: 'Ada' })
    const refused = {
      code: 'VALUE_UNSUPPORTED',
      message: expect.stringMatching(/what was loaded of 2 does not match the schema: name: /),
    }
    await expect(people.get(2)).rejects.toMatchObject(refused)
    await expect(people.getMany([1, 2])).rejects.toMatchObject(refused)
    await expect(people.set(3, { id: 3 } as never)).rejects.toThrow(
      /collection user: the value of 3 does not match the schema: name: /,
    )
    expect(stored).toEqual([])
    await people.set(3, { id: 3, name: 'Mary' })
    expect(stored).toEqual([{ id: 3, name: 'Mary' }])
  })

  it('is refused where it is none, takes its time, or cannot tell its keys', async () => {
    const cache = open()
    const named = (options: object) => () => cache.collection('user', options as CollectionOptions<number, Before>)
    expect(named({ schema: {} })).toThrow(/schema: .* is not allowed: give a Standard Schema/)
    expect(named({ schema: before, key: (id: number) => `user:${id}` })).toThrow(/tuple keys that end with the id/)
    expect(named({ versionOf: () => 1, key: (id: number) => `user:${id}` })).toThrow(/tuple keys that end with the id/)
    expect(named({ upgrade: split })).toThrow(/add schema/)
    const later = cache.collection('later', {
      schema: z.object({}).refine(async () => true),
      load: (_: number) => ({}),
    })
    await expect(later.get(1)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('validates synchronously'),
    })
  })
})

interface Row {
  readonly version: number
}

describe('versionOf', () => {
  it('G7: an older version than a process has seen is not accepted: of a lagging source kept nowhere, of a tier a miss', async () => {
    const clock = fakeClock({ now: Date.now() })
    const path = join(newFolder(), 'cache.db')
    const make = () => open({ clock, tiers: [memory(), sqlite({ path })] })
    const source: { row: Row } = { row: { version: 1 } }
    const options = {
      load: (_: number): Row => source.row,
      store: () => {},
      remove: () => {},
      versionOf: ({ version }: Row) => version,
    }
    const [one, two] = [make(), make()]
    const [ours, theirs] = [one.collection('row', options), two.collection('row', options)]
    const warnings: string[] = []
    one.on('warning', ({ message }) => warnings.push(message))
    await ours.set(1, { version: 2 }, { write: 'write-around' })
    expect([await ours.get(1), await ours.get(1), one.stats().loads]).toEqual([{ version: 1 }, { version: 1 }, 2])
    expect(warnings).toEqual([expect.stringContaining('the source returned an older version of 1')])
    expect(await one.has(['row', 1])).toBe(false)
    // Another process has not seen the later one, and stores what it was told.
    expect(await theirs.get(1)).toEqual({ version: 1 })
    await two.flush()
    expect(await one.explain(['row', 1])).toMatchObject({ tiers: [{}, { cause: 'older_version' }] })
    source.row = { version: 3 }
    expect(await ours.getMany([1])).toEqual([{ version: 3 }])
    expect(await ours.get(1)).toEqual({ version: 3 })
    // Somebody has set it back, and means it.
    source.row = { version: 1 }
    await clock.run(61_000)
    expect([await ours.refresh(1), await one.has(['row', 1])]).toEqual([{ version: 1 }, true])
    await ours.set(2, { version: 9 })
    await ours.delete(2)
    expect([await ours.get(2), await one.has(['row', 2])]).toEqual([{ version: 1 }, true])
  })

  it('asks the source where a replica lags', async () => {
    const cache = open()
    let isDown = false
    const rows = cache.collection('row', {
      load: async (_: number): Promise<Row> => (isDown ? new Promise(() => {}) : { version: 2 }),
      replicaLoad: (): Row => ({ version: 1 }),
      versionOf: ({ version }) => version,
      guard: { hedge: { after: 1 } },
    })
    expect(await rows.get(1)).toEqual({ version: 2 })
    isDown = true
    const refreshed = rows.refresh(1, { timeout: { hard: 50 } })
    await expect(refreshed).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
    expect(await rows.get(1)).toEqual({ version: 2 })
  })

  it('may be a bigint or a Date, and nothing else', async () => {
    const cache = open()
    const days = cache.collection('day', { load: (_: number) => new Date(0), versionOf: (day) => day })
    expect(await days.get(1)).toEqual(new Date(0))
    const texts = cache.collection('text', { load: (_: number) => '10', versionOf: (text) => text as never })
    await expect(texts.get(1)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('a number, a bigint or a Date'),
    })
    const big = cache.collection('big', { load: (id: number) => BigInt(id), versionOf: (value) => value })
    expect(await big.get(3)).toBe(3n)
  })
})
