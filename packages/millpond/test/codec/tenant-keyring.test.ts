// Keys of tenants: made when they are needed, wrapped by the ring, destroyed for good.
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  folderKeyStore,
  type KeyStore,
  keyring,
  memoryKeyStore,
  type Rejection,
  type TenantKeyringOptions,
  tenantId,
  tenantKeyring,
} from 'millpond/codec'
import { postgresKeyStore } from 'millpond/tiers/postgres'
import { sqliteKeyStore } from 'millpond/tiers/sqlite'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TenantRings } from '../../src/codec/tenant-rings.ts'
import type { Codec } from '../../src/core/contracts.ts'
import { tenantPart } from '../../src/engine/tenant-part.ts'
import { loadDriver } from '../../src/tiers/sqlite/client.ts'
import { describeWith, type PostgresService, startPostgres } from '../services/index.ts'
import { countedStore } from './counted-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'millpond-tenants-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const [k1, k2] = [randomBytes(32), randomBytes(32)]
const ring = keyring({ current: 'k1', keys: { k1 } })
let count = 0

/** Of a process that was killed while it put a record. */
const LEFT = 'LEFT-BEHIND'
type Fresh = () => { store: () => KeyStore; bytes: () => Buffer | Promise<Buffer>; leave?: (tenant: string) => void }
const stores: [string, Fresh][] = [
  [
    'memory',
    () => {
      const store = memoryKeyStore()
      return { store: () => store, bytes: () => Buffer.alloc(0) }
    },
  ],
  [
    'a folder',
    () => {
      const path = join(folder, `keys${count++}`)
      return {
        store: () => folderKeyStore(path),
        bytes: () =>
          Buffer.concat(
            readdirSync(path, { recursive: true, withFileTypes: true }).flatMap((one) =>
              one.isFile() ? [readFileSync(join(one.parentPath, one.name))] : [],
            ),
          ),
        leave(tenant) {
          for (const name of ['0', '1-dead', '2-dead', '3-dead']) writeFileSync(join(path, tenant, name), LEFT)
        },
      }
    },
  ],
  [
    'SQLite',
    () => {
      const name = `keys${count++}.db`
      const path = join(folder, name)
      const bytes = () =>
        Buffer.concat(
          readdirSync(folder).flatMap((one) => (one.startsWith(name) ? [readFileSync(join(folder, one))] : [])),
        )
      return { store: () => sqliteKeyStore({ path }), bytes }
    },
  ],
]

const place = (tenant: string, namespace = 'n') => ({
  cache: 'c',
  namespace: tenantPart(namespace, tenant),
  asOf: { epoch: 'e', seq: 1 },
})
const parts = { key: 'k', value: 'v', createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] }
const codecOf = (more: Partial<TenantKeyringOptions> & Pick<TenantKeyringOptions, 'store'>) => {
  // What is tried here is not how fast a disk syncs.
  const keys = tenantKeyring({ ring, timeout: '10s', ...more })
  return { keys, codec: keys.codec({}) }
}
async function read(codec: Codec, bytes: Uint8Array, tenant: string, namespace = 'n') {
  let why: Rejection | undefined
  const found = await codec.decode(bytes, { ...place(tenant, namespace), reject: (reason) => (why = reason) })
  return found?.value ?? why
}

function keepsKeys(fresh: Fresh): void {
  test('each tenant has its own, the same in every process and namespace; none opens another’s', async () => {
    const { store, bytes } = fresh()
    const [a, b] = [codecOf({ store: store() }), codecOf({ store: store() })]
    const sealed = await a.codec.encode(parts, place('acme'))
    expect(await read(b.codec, sealed, 'acme')).toBe('v')
    expect(await read(b.codec, sealed, 'bolt')).toBe('unknown_key')
    const other = await b.codec.encode(parts, place('acme', 'other'))
    expect(await read(a.codec, other, 'acme', 'other')).toBe('v')
    expect(await read(a.codec, other, 'acme')).toBe('tampered')
    // Known now: at once.
    expect(a.codec.encode(parts, place('acme'))).toBeInstanceOf(Uint8Array)
    expect((await bytes()).includes('acme')).toBe(false)
  })

  test('processes that need a tenant’s first key at the same time agree on one', async () => {
    const { store } = fresh()
    const all = Array.from({ length: 5 }, () => codecOf({ store: store() }))
    const sealed = await Promise.all(all.map(({ codec }) => codec.encode(parts, place('acme'))))
    for (const { codec } of all) for (const bytes of sealed) expect(await read(codec, bytes, 'acme')).toBe('v')
  })

  test('G25: what was sealed before a shredding is unreadable, nothing is sealed after it, and the store has lost the key', async () => {
    const { store, bytes } = fresh()
    const kept = store()
    const { keys, codec } = codecOf({ store: kept })
    const sealed = await codec.encode(parts, place('acme'))
    const wrapped: string = JSON.parse((await kept.get(tenantId('acme'))) ?? '').keys[0].wrapped
    const { shreddedAt, ids, heldUntil } = await keys.shred('acme')
    expect([ids.length, heldUntil - shreddedAt]).toEqual([1, 300_000])
    expect(await read(codec, sealed, 'acme')).toBe('shredded')
    expect(() => codec.encode(parts, place('acme'))).toThrow(/KEY_SHREDDED|were destroyed/)
    expect(await read(codecOf({ store: store() }).codec, sealed, 'acme')).toBe('shredded')
    expect((await bytes()).includes(wrapped)).toBe(false)
    expect(await kept.get(tenantId('acme'))).not.toContain(wrapped)
    // Twice is once.
    expect(await keys.shred('acme')).toEqual({ shreddedAt, ids, heldUntil })
    await keys.revive('acme')
    const again = await codec.encode(parts, place('acme'))
    expect([await read(codec, sealed, 'acme'), await read(codec, again, 'acme')]).toEqual(['unknown_key', 'v'])
  })

  test('a tenant’s key is rotated, and processes that have the former one find the new one', async () => {
    const { store } = fresh()
    const [a, b] = [codecOf({ store: store() }), codecOf({ store: store() })]
    const first = await a.codec.encode(parts, place('acme'))
    expect(await read(b.codec, first, 'acme')).toBe('v')
    await a.keys.rotate('acme')
    const second = await a.codec.encode(parts, place('acme'))
    expect([await read(a.codec, first, 'acme'), await read(a.codec, second, 'acme')]).toEqual(['v', 'v'])
    const late = codecOf({ store: store() })
    expect([await read(late.codec, first, 'acme'), await read(late.codec, second, 'acme')]).toEqual(['v', 'v'])
    expect(await late.codec.decode(first, place('acme'))).toMatchObject({ isOldKey: true })
  })

  test('when the ring is rotated, tenants’ keys are wrapped anew, and the ring’s former key may leave', async () => {
    const { store } = fresh()
    const live = keyring({ current: 'k1', keys: { k1 } })
    const { keys, codec } = codecOf({ store: store(), ring: live })
    const sealed = await Promise.all(['a', 'b', 'c'].map((tenant) => codec.encode(parts, place(tenant))))
    await keys.shred('b')
    live.replace({ current: 'k2', keys: { k1, k2 } })
    const stop = new AbortController()
    await expect(keys.rewrap({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
    const seen: number[] = []
    expect(await keys.rewrap({ signal: stop.signal, onProgress: (progress) => seen.push(progress.seen) })).toEqual({
      seen: 3,
      rewrapped: 2,
      unreadable: 0,
    })
    expect(seen.at(-1)).toBe(3)
    expect(await keys.rewrap()).toMatchObject({ rewrapped: 0 })
    const next = codecOf({ store: store(), ring: keyring({ current: 'k2', keys: { k2 } }) })
    expect(await read(next.codec, sealed[0] ?? new Uint8Array(), 'a')).toBe('v')
    expect(await read(next.codec, sealed[1] ?? new Uint8Array(), 'b')).toBe('shredded')
  })

  test('of changes that begin at the same record one is done, and what a dead process has left goes with the first', async () => {
    const { store, bytes, leave } = fresh()
    const all = Array.from({ length: 8 }, () => store())
    await all[0]?.put('t', '0', undefined)
    let done = 0
    const count = async (kept: KeyStore): Promise<void> => {
      for (let turn = 0; turn < 10; turn++) {
        const before = await kept.get('t')
        if (await kept.put('t', String(Number(before) + 1), before)) done++
      }
    }
    leave?.('t')
    await Promise.all(all.map(count))
    expect(await store().get('t')).toBe(String(done))
    expect(done).toBeGreaterThanOrEqual(10)
    expect((await bytes()).includes(LEFT)).toBe(false)
  })

  test('of changes that meet one wins, and a shredding is never undone by another change', async () => {
    const { store } = fresh()
    const [a, b] = [codecOf({ store: store() }), codecOf({ store: store() })]
    await a.codec.encode(parts, place('acme'))
    const done = await Promise.allSettled([
      a.keys.rotate('acme'),
      b.keys.shred('acme'),
      a.keys.rotate('acme'),
      b.keys.rewrap(),
    ])
    expect(done[1]?.status).toBe('fulfilled')
    await expect(b.keys.rotate('acme')).rejects.toMatchObject({ code: 'KEY_SHREDDED' })
  })
}

describe.each(stores)('tenants’ keys kept in %s', (_name, fresh) => keepsKeys(fresh))

describeWith('postgres', 'tenants’ keys kept in PostgreSQL', () => {
  let server: PostgresService
  let pool: pg.Pool
  beforeAll(async () => {
    server = await startPostgres()
    pool = new pg.Pool({ connectionString: server.url, max: 8 })
    // A server that stops may still tell connections that are being closed.
    pool.on('error', () => undefined)
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })
  keepsKeys(() => {
    const table = `keys${count++}`
    return {
      store: () => postgresKeyStore({ pool, table }),
      bytes: async () => Buffer.from(JSON.stringify(await server.query(`select * from ${table}`))),
    }
  })

  /** Of the table, and of what the server keeps for itself. */
  const bytesOf = (room: 'base' | 'pg_wal'): Buffer =>
    Buffer.concat(
      readdirSync(join(server.folder, 'data', room), { recursive: true, withFileTypes: true }).flatMap((one) =>
        one.isFile() ? [readFileSync(join(one.parentPath, one.name))] : [],
      ),
    )

  test('G25: a shredded key is gone from the table’s file after VACUUM FULL; the server’s own log keeps it until it is recycled', async () => {
    const store = postgresKeyStore({ pool, table: 'vacuumed' })
    const { keys, codec } = codecOf({ store })
    await codec.encode(parts, place('acme'))
    const wrapped: string = JSON.parse((await store.get(tenantId('acme'))) ?? '').keys[0].wrapped
    await server.query('checkpoint')
    expect(bytesOf('base').includes(wrapped)).toBe(true)
    await keys.shred('acme')
    await server.query('vacuum full vacuumed')
    await server.query('checkpoint')
    expect([bytesOf('base').includes(wrapped), bytesOf('pg_wal').includes(wrapped)]).toEqual([false, true])
  })

  test('is committed for good where commits are not, and where sessions are stricter one change of two wins', async () => {
    await server.query('alter system set synchronous_commit = off')
    await server.query('select pg_reload_conf()')
    const strict = new pg.Pool({
      connectionString: server.url,
      options: '-c default_transaction_isolation=serializable',
      max: 8,
    })
    strict.on('error', () => undefined)
    const told: unknown[] = []
    // What a statement has set for its transaction shows before that ends.
    const within = async (text: string, values?: unknown[]) => {
      const client = await strict.connect()
      try {
        await client.query('begin')
        const answer = await client.query(text, values)
        told.push((await client.query('show synchronous_commit')).rows[0].synchronous_commit)
        await client.query('commit')
        return answer
      } finally {
        client.release()
      }
    }
    const watched = postgresKeyStore({ pool: { query: within }, table: 'strict' })
    expect(await watched.put('t', '0', undefined)).toBe(true)
    expect(await watched.put('t', '1', '0')).toBe(true)
    expect(told).toEqual(['off', 'on', 'on'])
    const store = postgresKeyStore({ pool: strict, table: 'strict' })
    const won = await Promise.all(Array.from({ length: 8 }, (_, at) => store.put('t', `by ${at}`, '1')))
    expect(won.filter(Boolean)).toHaveLength(1)
    await strict.end()
    await server.query('alter system reset synchronous_commit')
    await server.query('select pg_reload_conf()')
  })

  test('refuses what is no table, does nothing after it was closed, and rejects where the server does not let it', async () => {
    for (const table of ['', 'a;b', 'A', 'a.b.c'])
      expect(() => postgresKeyStore({ pool, table })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    const store = postgresKeyStore({ pool, table: 'never_made', install: false })
    await expect(store.get('t')).rejects.toMatchObject({ code: 'KEYRING_UNREACHABLE' })
    await expect(store.put('t', '0', undefined)).rejects.toMatchObject({ code: 'KEYRING_UNREACHABLE' })
    await store.close()
    await expect(store.get('t')).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

test('G25: a shredding that a reader of the SQLite file has kept from its end is brought to it when it is done again', async () => {
  const path = join(folder, `keys${count++}.db`)
  const bytes = () => Buffer.concat([path, `${path}-wal`].map((file) => readFileSync(file)))
  const store = sqliteKeyStore({ path })
  const { keys, codec } = codecOf({ store })
  await codec.encode(parts, place('acme'))
  const wrapped: string = JSON.parse((await store.get(tenantId('acme'))) ?? '').keys[0].wrapped
  const reader = loadDriver(undefined).open(path)
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM tenant_key').get()
  await expect(keys.shred('acme')).rejects.toMatchObject({ code: 'KEYRING_UNREACHABLE' })
  reader.exec('COMMIT')
  reader.close()
  await keys.shred('acme')
  expect(bytes().includes(wrapped)).toBe(false)
  await store.close()
})

describe('a tenants’ ring', () => {
  const failing = (over: Partial<KeyStore>): KeyStore => ({ ...memoryKeyStore(), ...over })

  test('what belongs to no tenant is sealed by the ring itself', async () => {
    const { codec } = codecOf({ store: failing({ get: () => Promise.reject(new Error('down')) }) })
    const context = { cache: 'c', namespace: 'n', asOf: { epoch: 'e', seq: 1 } }
    const sealed = codec.encode(parts, context)
    expect(sealed).toBeInstanceOf(Uint8Array)
    expect(await codec.decode(await sealed, context)).toMatchObject({ value: 'v' })
  })

  test.each<[string, Partial<KeyStore>]>([
    ['down', { get: () => Promise.reject(new Error('ECONNREFUSED')) }],
    ['silent', { get: () => new Promise(() => {}) }],
    ['damaged', { get: async () => '{"version":1}' }],
    ['of a later version', { get: async () => '{"version":2}' }],
    ['cut', { get: async () => '{"vers' }],
  ])(
    'over a store that is %s: reads are misses that are counted, writes are refused, and no call waits twice',
    async (_what, over) => {
      const store = countedStore(failing(over))
      const { codec } = codecOf({ store, timeout: 20 })
      const sealed = await codecOf({ store: memoryKeyStore() }).codec.encode(parts, place('acme'))
      expect(await read(codec, sealed, 'acme')).toBe('no_answer')
      await expect(codec.encode(parts, place('acme'))).rejects.toMatchObject({
        code: expect.stringMatching(/^(KEYRING_UNREACHABLE|KEYRING_INVALID|SCHEMA_NEWER)$/),
      })
      for (let turn = 0; turn < 20; turn++) expect(await read(codec, sealed, 'acme')).toBe('no_answer')
      expect(store.asked).toBe(1)
    },
  )

  test('a disk that takes its time over a new key is waited for, a question that has no answer is not', async () => {
    const inner = memoryKeyStore()
    const slow: KeyStore = {
      ...inner,
      async put(...args) {
        await new Promise((resolve) => setTimeout(resolve, 60))
        return inner.put(...args)
      },
    }
    const { keys, codec } = codecOf({ store: slow, timeout: 20 })
    expect(await codec.encode(parts, place('acme'))).toBeInstanceOf(Uint8Array)
    expect((await keys.shred('acme')).ids).toHaveLength(1)
    await keys.revive('acme')
    await expect(
      codecOf({ store: failing({ get: () => new Promise(() => {}) }), timeout: 20 }).keys.revive('acme'),
    ).rejects.toMatchObject({
      code: 'KEYRING_UNREACHABLE',
    })
  })

  test('a damaged record can be shredded', async () => {
    const store = memoryKeyStore()
    await store.put(tenantId('acme'), 'garbage', undefined)
    await expect(codecOf({ store }).keys.rotate('acme')).rejects.toMatchObject({ code: 'KEYRING_INVALID' })
    expect(await codecOf({ store }).keys.shred('acme')).toMatchObject({ ids: [] })
  })

  test('a record in the place of another tenant’s opens nothing', async () => {
    const store = memoryKeyStore()
    const sealed = await codecOf({ store }).codec.encode(parts, place('acme'))
    await store.put(tenantId('bolt'), (await store.get(tenantId('acme'))) ?? '', undefined)
    const { codec } = codecOf({ store })
    expect(await read(codec, sealed, 'bolt')).toBe('unknown_key')
    await expect(async () => codec.encode(parts, place('bolt'))).rejects.toMatchObject({ code: 'KEYRING_INVALID' })
  })

  test('a process that is told nothing asks again in time, and one that is told at once', async () => {
    let now = 0
    const store = memoryKeyStore()
    const of = () => new TenantRings({ ring, store, recheckMs: 1000, timeoutMs: 50, now: () => now })
    const [a, b] = [of(), of()]
    await a.openToSeal('t')
    expect((await b.open('t')).canSeal).toBe(true)
    await a.shred('t')
    now = 499
    expect(b.known('t')?.canSeal).toBe(true)
    now = 1000
    expect(b.known('t')).toBeUndefined()
    expect((await b.open('t')).isShredded).toBe(true)
    const c = of()
    await a.revive('t')
    expect((await c.open('t')).canSeal).toBe(true)
    await a.shred('t')
    c.forget('t')
    expect(c.known('t')).toBeUndefined()
    expect((await c.open('t')).isShredded).toBe(true)
  })

  test('a long name and its hash are one tenant', async () => {
    const { codec } = codecOf({ store: memoryKeyStore() })
    const tenant = 'ä'.repeat(20)
    const [short, long] = ['n', 'n'.repeat(80)]
    expect([tenantPart(short, tenant), tenantPart(long, tenant)]).toEqual([
      expect.stringContaining('~='),
      expect.stringContaining('~~'),
    ])
    const first = await codec.encode(parts, place(tenant, short))
    const second = codec.encode(parts, place(tenant, long))
    expect(second).toBeInstanceOf(Uint8Array)
    expect([await read(codec, first, tenant, short), await read(codec, await second, tenant, long)]).toEqual(['v', 'v'])
  })

  test('a folder that others may read is refused, and so is a file', () => {
    const open = join(folder, 'open')
    mkdirSync(open)
    chmodSync(open, 0o750)
    expect(() => folderKeyStore(open)).toThrow(/other users may read or change it \(mode 750\): chmod 700/)
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expect(() => folderKeyStore(file)).toThrow(expect.objectContaining({ code: 'KEYRING_UNREACHABLE' }))
  })
})
