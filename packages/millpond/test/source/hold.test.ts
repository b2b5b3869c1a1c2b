// What the hold of a write means for readers and other writers, and transactions of a database: two caches on one file,
// as two processes have them.
import { join } from 'node:path'
import { type Cache, type CollectionOptions, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, gate, newFolder, onEverySetup, open } from '../engine/setups.ts'

closeAfterEach()

/** Two processes' worth of caches over one tier. */
function two(): { readonly one: Cache; readonly other: Cache } {
  const path = join(newFolder(), 'cache.db')
  const openOne = () => open({ name: 'shared', tiers: [memory(), sqlite({ path })] })
  return { one: openOne(), other: openOne() }
}

function table() {
  const rows = new Map<string, string>()
  const load = (id: string) => rows.get(id)
  const store = async (id: string, value: string) => void rows.set(id, value)
  return { rows, load, options: { load, store } satisfies CollectionOptions<string, string> }
}

describe('a key that is being written', () => {
  it('is loaded for each caller, and not cached, until the write has ended', async () => {
    const { one, other } = two()
    const { rows, load, options } = table()
    rows.set('a', 'old')
    const begun = gate()
    const commits = gate()
    const writer = one.collection<string, string>('row', {
      ...options,
      store: async (id, value) => {
        begun.open()
        await commits.promise
        rows.set(id, value)
      },
    })
    const reader = other.collection('row', { load })
    expect(await reader.get('a')).toBe('old')
    const write = writer.set('a', 'new')
    await begun.promise
    expect(await reader.get('a', { consistency: 'strong' })).toBe('old')
    await other.flush()
    expect([other.peek(['row', 'a']), await one.get(['row', 'a'], { consistency: 'strong' })]).toEqual([
      undefined,
      undefined,
    ])
    await other.set(['row', 'a'], 'by hand')
    expect(await other.get(['row', 'a'], { consistency: 'strong' })).toBeUndefined()
    commits.open()
    await write
    expect(await reader.get('a', { consistency: 'strong' })).toBe('new')
    await other.flush()
    expect(await other.get(['row', 'a'])).toBe('new')
  })

  it.each(['write-through', 'write-around'] as const)(
    '%s: the hold ends with the write, also with one that fails',
    async (write) => {
      const { one, other } = two()
      const { rows, load, options } = table()
      let fails = false
      const writer = one.collection<string, string>('row', {
        ...options,
        write,
        store: async (id, value) => {
          rows.set(id, value)
          if (fails) throw new Error('lost')
        },
        remove: async (id) => void rows.delete(id),
      })
      const reader = other.collection('row', { load })
      const readAndKeep = async () => {
        const value = await reader.get('a', { consistency: 'strong' })
        await other.flush()
        return [value, await other.get(['row', 'a'])]
      }
      await writer.set('a', 'first')
      expect(await readAndKeep()).toEqual(['first', 'first'])
      fails = true
      await expect(writer.set('a', 'second')).rejects.toThrow('lost')
      expect(await readAndKeep()).toEqual(['second', 'second'])
      await writer.delete('a')
      rows.set('a', 'third')
      expect(await readAndKeep()).toEqual(['third', 'third'])
    },
  )

  it('is forgotten, and not cached, where the write took longer than its hold', async () => {
    const { one, other } = two()
    const { rows, load, options } = table()
    const begun = gate()
    const commits = gate()
    const writer = one.collection<string, string>('row', {
      ...options,
      hold: 200,
      store: async (id, value) => {
        begun.open()
        await commits.promise
        rows.set(id, value)
      },
    })
    const move = async () => (await other.delete('another')).position.seq
    const start = await move()
    const write = writer.set('a', 'new')
    await begun.promise
    // The hold was one step. When it has run out there is one more beside our own.
    for (let moves = 1; (await move()) < start + moves + 2; moves++);
    commits.open()
    await write
    expect(one.peek(['row', 'a'])).toBeUndefined()
    expect(await other.collection('row', { load }).get('a', { consistency: 'strong' })).toBe('new')
  })

  it('in bursts and by hundreds: every value is cached when its write has ended', async () => {
    const one = open({ maxStale: '20s', tiers: [memory(), sqlite({ path: join(newFolder(), 'cache.db') })] })
    const { options } = table()
    const rows = one.collection<string, string>('row', options)
    const ids = Array.from({ length: 400 }, (_, at) => `k${at}`)
    await Promise.all(ids.map((id) => rows.set(id, id)))
    expect(ids.filter((id) => one.peek(['row', id]) !== id)).toEqual([])
    await rows.setMany(ids.map((id) => [id, `${id} again`]))
    expect(ids.filter((id) => one.peek(['row', id]) !== `${id} again`)).toEqual([])
  })

  it('refuses garbage for a hold', () => {
    const { options } = table()
    expect(() => open().collection('row', { ...options, hold: 0 })).toThrow(
      'collection row: hold: 0 is not allowed: give how long a write may take, from 1 ms to an hour',
    )
  })
})

onEverySetup('a transaction', (openCache) => {
  it('invalidates what it names before and after, and caches what it sets', async () => {
    const cache = openCache()
    await cache.set('a', 'old')
    await cache.set('list', ['old'], { tags: ['lists'] })
    const answer = await cache.transaction({ keys: ['a'], tags: ['lists'] }, async (transaction) => {
      expect([await cache.get('a'), await cache.get('list')]).toEqual([undefined, undefined])
      await cache.getOrSet('list', () => ['meanwhile'], { tags: ['lists'] })
      await transaction.hold({ keys: ['b'] })
      transaction.set('a', { is: 'new' })
      transaction.set('b', 2, { tags: ['lists'] })
      return 'answer'
    })
    expect(answer).toBe('answer')
    expect([await cache.get('a'), await cache.get('list')]).toEqual([{ is: 'new' }, undefined])
    expect(await cache.get('b'), 'its tag moved with the transaction').toBeUndefined()
  })

  it('does not trust a load that began before its end', async () => {
    const cache = openCache()
    const loads = gate()
    const begun = gate()
    const late = cache.transaction({ keys: ['a'] }, async () => {
      const load = cache.getOrSet('a', async () => {
        begun.open()
        await loads.promise
        return 'old'
      })
      await begun.promise
      return { load }
    })
    const { load } = await late
    loads.open()
    expect(await load).toBe('old')
    await cache.flush()
    expect(await cache.get('a')).toBeUndefined()
  })

  it('passes the error of its work on, forgets, and lets go of the keys', async () => {
    const cache = openCache()
    await cache.set('a', 'old')
    const work = cache.transaction({ keys: ['a'] }, (transaction) => {
      transaction.set('a', 'never')
      throw new Error('rolled back')
    })
    await expect(work).rejects.toThrow('rolled back')
    expect(await cache.get('a')).toBeUndefined()
    await cache.getOrSet('a', () => 'loaded')
    await cache.flush()
    expect(await cache.get('a')).toBe('loaded')
  })

  it('refuses what it does not know', async () => {
    const cache = openCache()
    const work = () => {}
    await expect(cache.transaction({ key: 'a' } as object, work)).rejects.toThrow(
      'unknown option "transaction.key": did you mean "keys"',
    )
    await expect(cache.transaction({ keys: 'a' as never }, work)).rejects.toThrow(
      'transaction: keys: "a" is not a list: give an array of keys',
    )
    await expect(cache.transaction({ keys: ['a'] }, 'work' as never)).rejects.toThrow(
      'transaction: "work" is not a function',
    )
    let kept: { set(key: string, value: unknown): void } | undefined
    await cache.transaction({ keys: ['a'] }, (transaction) => {
      kept = transaction
      expect(() => transaction.set('b', 1)).toThrow(
        'transaction: set of "b": the key is not held: name it in keys, or hold it before the commit',
      )
      expect(() => transaction.set('a', undefined)).toThrow('transaction: the value of "a" is undefined')
    })
    expect(() => kept?.set('a', 1)).toThrow('the transaction is over')
  })
})
