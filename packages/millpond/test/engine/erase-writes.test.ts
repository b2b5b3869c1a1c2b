// Erasure and queued writes (G25): what waits for its source is dropped and listed, and leaves no byte in the journal.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Cache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, test } from 'vitest'
import { until } from '../services/index.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

interface User {
  readonly name: string
  readonly owner: string
}

const CANARY = 'CANARY-90ce'

function bytesUnder(path: string): Buffer {
  if (!statSync(path).isDirectory()) return readFileSync(path)
  return Buffer.concat(readdirSync(path).map((name) => bytesUnder(join(path, name))))
}

describe('an erasure and queued writes', () => {
  closeAfterEach()
  const start = (
    folder: string,
    stored: Map<number, unknown>,
    store: (id: number, user: User) => Promise<void> | void = (id, user) => void stored.set(id, user),
    maxDelay = '1h' as const,
  ) => {
    const cache = open({ tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })] })
    const users = cache.collection<number, User>('user', {
      store,
      remove: (id) => void stored.delete(id),
      tags: (user) => [`owner:${user.owner}`],
      write: 'write-behind',
      writeBehind: { journal: join(folder, 'journal'), maxDelay, drainTimeout: 50, maxAttempts: 1 },
    })
    return { cache, users }
  }
  const user = (owner: string): User => ({ name: CANARY, owner })

  test('by tag: dropped, listed, and gone from the journal; others stay', async () => {
    const folder = newFolder()
    const stored = new Map<number, unknown>()
    const { cache, users } = start(folder, stored)
    await users.set(1, user('ann'))
    await users.set(1, { ...user('ann'), name: `${CANARY}!` })
    await users.set(2, { name: 'OTHER', owner: 'bob' })
    await users.set(3, { name: CANARY, owner: 'carl' }, { tags: ['owner:ann'] })
    await users.delete(4)
    const told: unknown[] = []
    cache.on('erased', (detail) => told.push(detail))
    const { id, writes, isProven, receipts } = await cache.erase({ tags: ['owner:ann'] })
    expect(receipts).toEqual([{ namespace: 'default', id }])
    expect(isProven).toBe(true)
    expect(writes).toEqual([
      { collection: 'user', key: '["user",1]', kind: 'set', wasSent: false, wasDead: false },
      { collection: 'user', key: '["user",3]', kind: 'set', wasSent: false, wasDead: false },
    ])
    expect(told).toEqual([{ id, namespace: 'default', writes, isOwn: true }])
    const bytes = bytesUnder(folder)
    expect([bytes.includes(CANARY), bytes.includes('OTHER')]).toEqual([false, true])
    expect(await users.get(1)).toBeUndefined()
    await users.flush()
    expect([...stored.keys()]).toEqual([2])
  })

  test('in other processes too, and what a dead one has left', async () => {
    const folder = newFolder()
    const stored = new Map<number, unknown>()
    const dead = start(folder, stored, () => Promise.reject(new Error('down')))
    await dead.users.set(9, user('ann'))
    await dead.cache.close()
    expect(bytesUnder(join(folder, 'journal')).includes(CANARY)).toBe(true)
    const [a, b] = [start(folder, stored), start(folder, stored)]
    await Promise.all([a.cache.ready(), b.cache.ready()])
    await b.users.set(1, user('ann'))
    const heard = new Promise((resolve) => b.cache.on('erased', resolve))
    const { id, writes } = await a.cache.erase({ tags: ['owner:ann'] })
    const elsewhere = (await heard) as { id: string; writes: { key: string }[] }
    expect(elsewhere.id).toBe(id)
    expect([...writes, ...elsewhere.writes].map(({ key }) => key).sort()).toEqual(['["user",1]', '["user",9]'])
    expect(bytesUnder(join(folder, 'journal')).includes(CANARY)).toBe(false)
    await Promise.all([a.users.flush(), b.users.flush()])
    expect(stored.size).toBe(0)
  })

  test('dead letters go too, and a tenant’s queue as a whole', async () => {
    const folder = newFolder()
    const cache: Cache = open({ tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })] })
    const users = cache.for({ tenant: 'acme' }).collection<number, User>('user', {
      store: () => Promise.reject(Object.assign(new Error('no'), { permanent: true })),
      write: 'write-behind',
      writeBehind: { journal: join(folder, 'journal'), maxDelay: 1 },
    })
    await users.set(1, user('ann'))
    await until('the letter', () => users.deadLetters.list().length === 1)
    const { writes, isProven } = await cache.erase({ tenant: 'acme' })
    expect([isProven, writes.map(({ wasDead }) => wasDead)]).toEqual([true, [true]])
    expect(users.deadLetters.list()).toEqual([])
    expect(bytesUnder(folder).includes(CANARY)).toBe(false)
  })
})
