// Collections: reads that come together, writes that keep cache and source together, and queued writes that readers
// see.
import { join } from 'node:path'
import { type CollectionOptions, createCache, memory } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, newFolder, onEverySetup, open } from '../engine/setups.ts'

closeAfterEach()

interface User {
  readonly id: number
  readonly name: string
}

/** A source of users that counts what it is asked. */
function users() {
  const rows = new Map<number, User>()
  const asked: (readonly number[])[] = []
  const options = {
    ttl: '10m',
    loadMany: async (ids: readonly number[]) => {
      asked.push(ids)
      return ids.map((id) => rows.get(id))
    },
    store: async (id: number, user: User) => void rows.set(id, user),
    remove: async (id: number) => void rows.delete(id),
  } satisfies CollectionOptions<number, User>
  return { rows, asked, options }
}

const user = (id: number, name = 'Ada'): User => ({ id, name })

function gate(): { readonly passed: Promise<void>; open(): void } {
  let open: () => void = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

describe('the signal of loadMany', () => {
  it.each(['by the loader', 'after one has left', 'after all have left'] as const)(
    'is aborted when the last of its callers has left, first read %s',
    async (first) => {
      const end = gate()
      let given: { readonly signal: AbortSignal } | undefined
      const people = open().collection<number, User>('user', {
        loadMany: async (ids, context) => {
          given = context
          if (first === 'by the loader') expect(context.signal.aborted).toBe(false)
          await end.passed
          return ids.map((id) => user(id))
        },
      })
      const callers = [new AbortController(), new AbortController()]
      const reads = callers.map(({ signal }, at) =>
        people.get(at, { signal }).catch((error: { code: string }) => error.code),
      )
      while (given === undefined) await new Promise((resolve) => setImmediate(resolve))
      callers[0]?.abort()
      if (first !== 'after all have left') expect(given.signal.aborted).toBe(false)
      callers[1]?.abort()
      expect(await Promise.all(reads)).toEqual(['ABORTED', 'ABORTED'])
      expect(given.signal.aborted).toBe(true)
      end.open()
    },
  )

  it('is there for a loader that spreads its context, and is not aborted by an answer', async () => {
    let given: { readonly signal: AbortSignal } | undefined
    const people = open().collection<number, User>('user', {
      loadMany: async (ids, context) => {
        given = { ...context }
        return ids.map((id) => user(id))
      },
    })
    const caller = new AbortController()
    expect(await people.get(1, { signal: caller.signal })).toEqual(user(1))
    caller.abort()
    expect(given?.signal.aborted).toBe(false)
  })
})

onEverySetup('a collection', (openCache) => {
  it('loads what single reads of a turn ask for in one call, and of many only what is missing', async () => {
    const { rows, asked, options } = users()
    for (const id of [1, 2, 3, 4]) rows.set(id, user(id))
    // No time passes: who waits for a lease in vain (250 ms, on a busy machine) loads by itself.
    const people = openCache({ clock: fakeClock({ now: Date.now() }) }).collection('user', options)
    const inOneCall = async <T>(work: () => Promise<T>, ids: readonly number[]): Promise<T> => {
      const before = asked.length
      const answer = await work()
      expect(asked.slice(before).map((call) => [...call].sort())).toEqual([ids])
      return answer
    }
    const three = () => Promise.all([people.get(1), people.get(2), people.get(1)])
    expect(await inOneCall(three, [1, 2])).toEqual([user(1), user(2), user(1)])
    expect(await inOneCall(() => people.getMany([4, 2, 9, 3]), [3, 4, 9])).toEqual([
      user(4),
      user(2),
      undefined,
      user(3),
    ])
    rows.set(1, user(1, 'Grace'))
    expect(await people.get(1)).toEqual(user(1))
    expect(await people.refresh(1)).toEqual(user(1, 'Grace'))
    rows.set(1, user(1, 'Barbara'))
    await people.invalidate(1)
    expect(await people.get(1)).toEqual(user(1, 'Barbara'))
  })

  it('writes through: a load that began before is not accepted, and the new value is there', async () => {
    const { rows, options } = users()
    rows.set(1, user(1, 'old'))
    const loads = gate()
    const begun = gate()
    const people = openCache().collection('user', {
      load: async (id: number) => {
        const found = rows.get(id)
        begun.open()
        await loads.passed
        return found
      },
      store: options.store,
      remove: options.remove,
    })
    const late = people.get(1)
    await begun.passed
    await people.set(1, user(1, 'new'))
    loads.open()
    await late
    expect(await people.get(1)).toEqual(user(1, 'new'))
    expect(rows.get(1)).toEqual(user(1, 'new'))
    const receipt = await people.delete(1)
    expect([receipt.reason, await people.get(1), rows.size]).toEqual(['data_changed', undefined, 0])
  })

  it('keeps nothing of writes whose order only the source knows', async () => {
    const { rows, asked, options } = users()
    const first = gate()
    const people = openCache().collection('user', {
      ...options,
      store: async (id: number, one: User) => {
        if (one.name === 'first') await first.passed
        rows.set(id, one)
      },
    })
    // The one that began first reaches the source last.
    const slow = people.set(1, user(1, 'first'))
    await people.set(1, user(1, 'second'))
    first.open()
    await slow
    expect(rows.get(1)).toEqual(user(1, 'first'))
    expect(await people.get(1)).toEqual(user(1, 'first'))
    expect(asked).toEqual([[1]])
  })

  it('passes an error of the source on, and does not trust what was cached', async () => {
    const { rows, options } = users()
    rows.set(1, user(1))
    const people = openCache().collection('user', {
      ...options,
      store: async (id: number, one: User) => {
        rows.set(id, one)
        throw new Error('the answer was lost')
      },
    })
    expect(await people.get(1)).toEqual(user(1))
    await expect(people.set(1, user(1, 'Grace'))).rejects.toThrow('the answer was lost')
    expect(await people.get(1)).toEqual(user(1, 'Grace'))
  })

  it('writes around: the source has the value, and the cache asks it', async () => {
    const { asked, options } = users()
    const people = openCache().collection('user', { ...options, write: 'write_around' })
    await people.set(1, user(1))
    expect(await people.get(1)).toEqual(user(1))
    expect(asked).toEqual([[1]])
    await people.set(1, user(1, 'Grace'), { write: 'write-through' })
    expect([await people.get(1), asked.length]).toEqual([user(1, 'Grace'), 1])
  })

  it('shows what is queued before any tier and any loader, and drops none of it', async () => {
    const { rows, options } = users()
    rows.set(1, user(1, 'old'))
    const cache = openCache()
    const isOpen = gate()
    const people = cache.collection('user', {
      ...options,
      store: async (id: number, one: User) => {
        await isOpen.passed
        await options.store(id, one)
      },
      write: 'write-behind',
      writeBehind: { journal: join(newFolder(), 'journal'), maxDelay: 1 },
    })
    await people.set(1, user(1, 'new'))
    await people.invalidate(1)
    await cache.clear()
    expect([await people.get(1), await people.getMany([1]), await people.refresh(1)]).toEqual([
      user(1, 'new'),
      [user(1, 'new')],
      user(1, 'new'),
    ])
    expect(rows.get(1)).toEqual(user(1, 'old'))
    await people.set(1, user(1, 'newer'))
    await people.delete(2)
    expect(await people.get(2)).toBeUndefined()
    isOpen.open()
    await cache.flush()
    expect([rows.get(1), rows.has(2), await people.get(1)]).toEqual([user(1, 'newer'), false, user(1, 'newer')])
    expect(cache.stats().queues).toEqual([expect.objectContaining({ collection: 'user', depth: 0, dead: 0 })])
    await people.delete(1)
    expect(await people.get(1)).toBeUndefined()
    await cache.flush()
    expect([rows.has(1), await people.get(1)]).toEqual([false, undefined])
  })
})

describe('a collection', () => {
  it('fails one id for an Error in its place, and all for an answer that is not one', async () => {
    const answers: unknown[] = [[user(1), new Error('no such row')], [user(1)], new Map([['1', user(1)]]), 'nothing']
    const people = open().collection('user', { loadMany: async (_: readonly number[]) => answers.shift() as User[] })
    const [one, two] = await Promise.allSettled([people.get(1), people.get(2)])
    expect([one, two]).toEqual([
      { status: 'fulfilled', value: user(1) },
      { status: 'rejected', reason: new Error('no such row') },
    ])
    const wrong = /loadMany of 2 ids returned an array of 1/
    for (const result of await Promise.allSettled([people.get(3), people.get(4)]))
      expect(result).toMatchObject({ reason: { message: expect.stringMatching(wrong) } })
    await expect(people.get(1).then(() => people.get(5))).rejects.toThrow(/returned "1", which was not requested/)
    await expect(people.getMany([6, 7])).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
  })

  it('is a source: an entry can be refreshed by its key alone, with the tags of the value', async () => {
    const cache = open()
    let version = 0
    cache.collection('deal', {
      key: (id: string) => ['org', 7, id],
      keyVersion: 3,
      tags: (deal: { readonly owner: string }) => [`owner:${deal.owner}`],
      load: async (id) => ({ id, owner: 'ada', version: ++version }),
    })
    expect(cache.sources).toEqual([expect.objectContaining({ name: 'collection deal', prefix: ['v3', 'org', 7] })])
    expect(await cache.refresh(['v3', 'org', 7, 'x'])).toEqual({ id: 'x', owner: 'ada', version: 1 })
    await cache.invalidateTags(['owner:ada'])
    expect(cache.peek(['v3', 'org', 7, 'x'])).toBeUndefined()
    expect(() => cache.collection('deal', {})).toThrow(/already/)
  })

  it('knows strategies by both spellings, and says what each needs', () => {
    const { options } = users()
    const write = (given: object) => createCache().collection('user', given).write
    expect(write({})).toBe('cache-aside')
    expect(write(options)).toBe('write-through')
    for (const name of ['write_around', 'write-around'] as const)
      expect(write({ ...options, write: name })).toBe('write-around')
    for (const strategy of ['write_back', 'write-behind', 'write_behind'] as const)
      expect(write({ ...options, strategy: [strategy, 'TTL'], writeBehind: { durability: 'memory' } })).toBe(
        'write-behind',
      )
    expect(write({ ...options, strategy: ['cache_aside', 'refresh_ahead'] })).toBe('cache-aside')
    const bad: readonly [object, RegExp][] = [
      [{ strategy: 'adaptive' }, /adaptive needs an adaptive TTL/],
      [{ strategy: 'LRU' }, /memory\(\{ policy: 'lru' \}\)/],
      [{ strategy: 'tag_based' }, /needs tags/],
      [{ strategy: 'TTL' }, /needs ttl/],
      [{ strategy: 'read-through' }, /needs load or loadMany/],
      [{ write: 'write-through' }, /give store or storeMany/],
      [{ write: 'write-sideways' }, /"write-sideways" is not known/],
      [{ ...options, write: 'write-around', strategy: 'write-through' }, /choose one/],
      [{ ...options, write: 'write-through', writeBehind: {} }, /add write: 'write-behind'/],
      [{ ...options, writeBehind: {} }, /journal: undefined is not a path/],
      [{ writeBehind: { durability: 'memory' } }, /write-behind needs a way to write/],
      [{ ...options, write: 'write-behind' }, /journal: undefined is not a path/],
      [
        { ...options, write: 'write-behind', writeBehind: { durability: 'stream' } },
        /durability 'stream' needs a server/,
      ],
      [{ load: 'x' }, /collection user.load: "x" is not allowed: give a function/],
      [{ colour: 1 }, /unknown option/],
    ]
    for (const [given, why] of bad) expect(() => createCache().collection('user', given)).toThrow(why)
  })

  it('follows the strategies of its cache where it names none, as far as it can', () => {
    const store = () => undefined
    const load = (id: number) => id
    const cache = open({ strategy: ['write_around', 'refresh_ahead', 'TTL'] })
    expect(cache.collection('written', { load, store }).write).toBe('write-around')
    expect(cache.collection('read', { load }).write).toBe('cache-aside')
    expect(cache.collection('queued', { store, writeBehind: { durability: 'memory' } }).write).toBe('write-behind')
    expect(cache.collection('other', { load, store, write: 'write_through' }).write).toBe('write-through')
    expect(cache.collection('named', { load, store, ttl: '1m', strategy: 'TTL' }).write).toBe('write-through')
    expect(cache.collection('lower', { load, store, ttl: '1m', strategy: 'ttl' }).write).toBe('write-through')
    const refused: [unknown, string][] = [
      [
        'LRU',
        `strategy "LRU" is not possible here: it is the eviction policy of the whole cache: use memory({ policy: 'lru' })`,
      ],
      ['lfu', 'strategy: "lfu" is not known: use one of cache-aside'],
      [['write-back', 'cache-aside'], 'strategy: a write cannot be write-behind and cache-aside: choose one'],
      ['adaptive', 'strategy: the strategy adaptive needs an adaptive TTL'],
    ]
    for (const [strategy, message] of refused) expect(() => open({ strategy } as object)).toThrow(message)
  })

  it('may be handed to plug-ins: its writes come by once', async () => {
    const verbs: string[] = []
    const plugin = {
      name: 'verbs',
      around: ({ verb }: { verb: string }, next: () => Promise<unknown>) => {
        verbs.push(verb)
        return next()
      },
    }
    const people = open({ plugins: [plugin] }).collection('user', users().options)
    await people.set(1, user(1))
    await people.get(1)
    await people.delete(1)
    expect(verbs).toEqual(['set', 'getOrSet', 'delete'])
  })
})

describe('a journal', () => {
  const behind = (journal: string, more: Partial<CollectionOptions<number, User>> = {}) => ({
    ...users().options,
    write: 'write-behind' as const,
    writeBehind: { journal, maxDelay: 1, drainTimeout: 1 },
    ...more,
  })

  it('brings what a closed cache has left to the source of the next one, and shows it until then', async () => {
    const journal = join(newFolder(), 'journal')
    const told: unknown[] = []
    const first = createCache()
    first.on('writeBehind', ({ state, count }) => told.push([state, count]))
    const hanging = first.collection('user', behind(journal, { store: () => new Promise(() => {}) }))
    await hanging.set(1, user(1))
    await first.close()
    expect(told).toEqual([['left', 1]])

    const source = users()
    const second = open()
    const people = second.collection('user', { ...behind(journal), ...source.options, store: source.options.store })
    expect(await people.get(1)).toEqual(user(1))
    await second.flush()
    expect(source.rows.get(1)).toEqual(user(1))
    expect(() => second.collection('deal', behind(journal))).toThrow(/belongs to "cache\/default\/user"/)
  })

  it('sets aside what the source refuses, over a restart, until it is retried or dropped', async () => {
    const journal = join(newFolder(), 'journal')
    const permanent = Object.assign(new Error('no such column'), { permanent: true })
    const refusing = behind(journal, { store: async () => Promise.reject(permanent) })
    const first = createCache()
    const people = first.collection('user', refusing)
    await people.set(1, user(1))
    await people.set(2, user(2))
    await first.flush()
    expect(people.deadLetters.list()).toEqual(
      [1, 2].map((id) => ({ key: `["user",${id}]`, id, kind: 'set', value: user(id), error: 'no such column' })),
    )
    await first.close()

    const source = users()
    const second = open()
    const again = second.collection('user', { ...behind(journal), ...source.options, store: source.options.store })
    await second.ready()
    expect(again.deadLetters.list().map(({ id }) => id)).toEqual([1, 2])
    expect([again.deadLetters.retry(1), again.deadLetters.drop(2), again.deadLetters.drop(2)]).toEqual([
      true,
      true,
      false,
    ])
    await second.flush()
    expect([...source.rows.keys()]).toEqual([1])
    expect(again.deadLetters.list()).toEqual([])
  })

  it('keeps no plain value where the cache encrypts or encodes in its own way', async () => {
    const { readFileSync, readdirSync } = await import('node:fs')
    const folder = newFolder()
    const path = join(folder, 'journal')
    const { jsonCodec } = await import('../../src/codec/index.ts')
    const plain = jsonCodec()
    const mask = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x5a)
    const codec = {
      encode: async (...given: Parameters<typeof plain.encode>) => mask(plain.encode(...given)),
      decode: async (bytes: Uint8Array) => plain.decode(mask(bytes)),
    }
    const first = createCache({ codec, tiers: [memory()] })
    const people = first.collection('user', behind(path, { store: () => new Promise(() => {}) }))
    await Promise.all([people.set(1, user(1, 'canary one')), people.set(1, user(1, 'canary two'))])
    await first.close()
    const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log'))
    expect(files.length).toBeGreaterThan(0)
    for (const name of files) expect(readFileSync(join(path, name)).includes('canary')).toBe(false)
    const source = users()
    const second = open({ codec, tiers: [memory()] })
    second.collection('user', { ...behind(path), ...source.options, store: source.options.store })
    await second.flush()
    expect(source.rows.get(1)).toEqual(user(1, 'canary two'))
  })
})
