// The cache file's life: wrong paths, other people's files, corruption, replacement, locks, bounds.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import Database from 'libsql'
import { describe, expect, test } from 'vitest'
import { MillpondError } from '../../src/core/errors.ts'
import { until } from '../../src/testing/runner.ts'
import { item } from '../../src/testing/tier.ts'
import { loadDriver, type SqliteHandle, type SqliteStatement } from '../../src/tiers/sqlite/client.ts'
import { type SqliteOptions, sqlite, type TierWarning } from '../../src/tiers/sqlite/index.ts'
import { SCHEMA, SCHEMA_VERSION } from '../../src/tiers/sqlite/schema.ts'
import fc from '../properties.ts'
import { openRaw, temporaryFolder } from './folder.ts'

const file = temporaryFolder()
const nothing = { targets: [], mode: 'delete', reason: 'manual', id: 'r', drop: [], write: [] } as const

function refusal(options: SqliteOptions): MillpondError {
  try {
    sqlite(options)
  } catch (error) {
    if (error instanceof MillpondError) return error
    throw error
  }
  throw new Error('it was accepted')
}

/** What stands beside a file, itself included. */
function beside(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)))
}

async function text(tier: ReturnType<typeof sqlite>, key: string): Promise<string | undefined> {
  const [stored] = await tier.read([key])
  return stored && new TextDecoder().decode(stored.body)
}

describe('options that are wrong throw where they stand, show the value and the remedy', () => {
  test.each([
    [{ path: '' }, 'OPTION_INVALID', /path: ""/],
    [{ path: 'a\u0000b' }, 'OPTION_INVALID', /path/],
    [{ path: ':memory:', maxEntries: 0 }, 'OPTION_INVALID', /maxEntries: 0/],
    [{ path: ':memory:', maxBytes: -1 }, 'OPTION_INVALID', /maxBytes: -1/],
    [{ path: ':memory:', maxBytes: 1.5 }, 'OPTION_INVALID', /maxBytes: 1.5/],
    [{ path: ':memory:', busyTimeout: 21 }, 'OPTION_INVALID', /busyTimeout: 21 .*at most 20 ms/],
    [{ path: ':memory:', deadline: 'soon' as never }, 'DURATION_INVALID', /deadline: "soon"/],
    [{ path: ':memory:', retain: { targets: 3 } }, 'OPTION_INVALID', /retain.targets: 3/],
    [{ path: ':memory:', retain: { window: -1 } }, 'DURATION_INVALID', /retain.window: -1/],
  ] as const)('%j', (options, code, message) => {
    const error = refusal(options)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })

  test('unknown names and values of other kinds', () => {
    // What plain JavaScript may pass.
    const options = (given: object): SqliteOptions => Object.assign({ path: ':memory:' }, given)
    expect(refusal(options({ maxEntires: 5 })).message).toContain('maxEntires')
    expect(refusal(options({ synchronous: 'off' })).message).toContain('"off"')
    expect(refusal(options({ driver: 'sqlite3' })).message).toContain('"sqlite3"')
    expect(refusal(options({ onWarning: true })).message).toContain('onWarning: true')
    expect(refusal(options({ path: 5 })).message).toContain('path: 5')
  })

  test('a folder that does not exist, a folder instead of a file, a file instead of a folder', () => {
    const missing = file('missing/cache.db')
    expect(refusal({ path: missing }).message).toMatch(/does not exist; create it or choose another path/)
    expect(existsSync(dirname(missing))).toBe(false)
    const folder = file('folder')
    mkdirSync(folder)
    expect(refusal({ path: folder }).message).toMatch(/is not a file/)
    const plain = file('plain')
    writeFileSync(plain, '')
    expect(refusal({ path: `${plain}/cache.db` }).message).toMatch(/is not a folder|does not exist/)
  })

  test.skipIf(process.getuid?.() === 0)('a folder that may not be written', () => {
    const folder = file('read-only')
    mkdirSync(folder)
    chmodSync(folder, 0o500)
    expect(refusal({ path: `${folder}/cache.db` }).message).toMatch(/may not be written/)
    chmodSync(folder, 0o700)
  })

  test('a driver that is not there says how to get it', () => {
    if (Number(process.versions.node.split('.')[0]) >= 22) return
    const error = refusal({ path: ':memory:', driver: 'node' })
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toContain('npm install libsql')
  })
})

describe('files of others', () => {
  test("another program's database is refused and left as it was", () => {
    const path = file()
    const theirs = openRaw(path)
    theirs.exec('CREATE TABLE orders (id INTEGER)')
    theirs.close()
    const before = readFileSync(path)
    const error = refusal({ path })
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toContain('another program')
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(beside(path)).toEqual([basename(path)])
  })

  test('a file of an older schema gets what is new, and keeps what it holds', async () => {
    const path = file()
    const before = sqlite({ path })
    const { position } = await before.ledger.advance('ns', nothing)
    await before.write([item('k', 'kept')])
    await before.close()
    const older = openRaw(path)
    older.exec('DROP TABLE node; PRAGMA user_version = 1')
    older.close()
    const tier = sqlite({ path })
    expect(await text(tier, 'k')).toBe('kept')
    expect((await tier.ledger.pull('ns', position)).position).toEqual(position)
    await tier.ledger.report?.('ns', 'me', position)
    expect(await tier.ledger.nodes?.('ns')).toMatchObject([{ id: 'me', seq: 1 }])
    await tier.close()
  })

  test('G3: processes of version 5 that have the file open are waited for, and wait for those with heartbeats', async () => {
    const path = file()
    const tier = sqlite({ path })
    const { position } = await tier.ledger.pull('ns')
    const older = openRaw(path)
    const reportAsBefore = (id: string): void =>
      void older.exec(
        `INSERT OR REPLACE INTO node VALUES ('ns', '${id}', '${position.epoch}', 0, ${Date.now()}); DELETE FROM node WHERE ns = 'ns' AND at < ${Date.now() - 3000}`,
      )
    const seenAsBefore = (): unknown[] =>
      older
        .prepare('SELECT id FROM node JOIN ledger USING (ns, epoch) WHERE ns = ? AND at >= ?')
        .all('ns', Date.now() - 3000)
        .map((row) => Object(row).id)
        .sort()
    const seen = async (): Promise<unknown> => (await tier.ledger.nodes?.('ns'))?.map(({ id }) => id).sort()
    await tier.ledger.heartbeat?.('new', { count: 1, moved: [{ namespace: 'ns', position }], left: [] })
    const began = Date.now()
    for (let count = 2; Date.now() - began < 3500; count++) {
      reportAsBefore('old')
      await tier.ledger.heartbeat?.('new', { count, moved: [], left: [] })
      expect(seenAsBefore()).toEqual(['new', 'old'])
      expect(await seen()).toEqual(['new', 'old'])
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    await tier.ledger.heartbeat?.('new', { count: 100, moved: [], left: ['ns'] })
    expect(seenAsBefore()).toEqual(['old'])
    older.close()
    await tier.close()
  })

  test('G24: a write that was prepared in a history which the file has lost counts as late', async () => {
    const tier = sqlite({ path: file() })
    const { position } = await tier.ledger.pull('ns')
    const { stored } = await tier.ledger.advance('ns', {
      ...nothing,
      targets: [{ kind: 'key', key: 'k' }],
      write: [item('k', 'late')],
      unmovedSince: { ...position, seq: 7 },
    })
    expect(stored).toEqual([false])
    expect(await text(tier, 'k')).toBeUndefined()
    await tier.close()
  })

  test('a file of version 2 is used on: its entries, whose heads have no check, count as absent', async () => {
    const path = file()
    const before = sqlite({ path })
    await before.write([item('k')])
    await before.close()
    const raw = openRaw(path)
    raw.exec('ALTER TABLE entry DROP COLUMN head; PRAGMA user_version = 2')
    raw.close()
    const tier = sqlite({ path })
    expect(await tier.read(['k'])).toEqual([undefined])
    await tier.write([item('k')])
    expect(await tier.read(['k'])).toEqual([expect.objectContaining({ asOf: { epoch: 'e0', seq: 0 } })])
    await tier.close()
  })

  test('the tables have not changed since their version was raised', () => {
    // Where this fails: raise SCHEMA_VERSION, or the files that stand will not get what is new. Then say the new
    // digest.
    expect([SCHEMA_VERSION, createHash('sha256').update(SCHEMA).digest('hex')]).toEqual([
      7,
      '872c764b4f4a436ccb8fa5ebf9d2b3342a31fa016d9cef43ba0c8be9eb61ad26',
    ])
  })

  test('a newer schema is refused and left as it was', async () => {
    const path = file()
    await sqlite({ path }).close()
    const later = openRaw(path)
    later.exec('PRAGMA user_version = 99')
    later.close()
    const before = readFileSync(path)
    const error = refusal({ path })
    expect(error.code).toBe('SCHEMA_NEWER')
    expect(error.message).toMatch(/schema version 99, but this Millpond supports only 7: update Millpond/)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('a class that is handed in is the driver', async () => {
    const tier = sqlite({ path: file(), driver: Database })
    await tier.write([item('k')])
    expect(await text(tier, 'k')).toBe('body of k')
    expect(tier.driver).toBe('Database')
    await tier.close()
  })
})

describe('the first start of many processes', () => {
  // Whose file it is takes several statements, and another process may make the tables between any two of them.
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'another process makes the tables after statement %i of the opening',
    async (when) => {
      const path = file()
      const others: ReturnType<typeof sqlite>[] = []
      let statements = 0
      const driver = loadDriver('libsql')
      class Interrupted implements SqliteHandle {
        readonly #handle: SqliteHandle
        constructor(at: string) {
          this.#handle = driver.open(at)
        }
        exec(sql: string): unknown {
          return this.#handle.exec(sql)
        }
        prepare(sql: string): SqliteStatement {
          const statement = this.#handle.prepare(sql)
          return {
            run: (...values) => statement.run(...values),
            all: (...values) => statement.all(...values),
            get(...values) {
              const row = statement.get(...values)
              if (++statements === when) others.push(sqlite({ path }))
              return row
            },
          }
        }
        close(): unknown {
          return this.#handle.close()
        }
      }
      const tier = sqlite({ path, driver: Interrupted })
      await tier.write([item('k')])
      for (const other of others) {
        expect(await text(other, 'k')).toBe('body of k')
        await other.close()
      }
      await tier.close()
    },
  )
})

describe('G22: corruption', () => {
  test('a file of garbage is set aside and replaced, with a warning', async () => {
    const path = file()
    writeFileSync(path, 'not a database at all, but long enough to look like one'.repeat(200))
    const warnings: TierWarning[] = []
    const tier = sqlite({ path, onWarning: (warning) => warnings.push(warning) })
    await tier.write([item('k')])
    expect(await text(tier, 'k')).toBe('body of k')
    expect(warnings.map((warning) => warning.kind)).toEqual(['corrupt'])
    const aside = beside(path).find((name) => name.includes('.corrupt-'))
    expect(readFileSync(`${dirname(path)}/${aside}`, 'utf8')).toMatch(/^not a database/)
    await tier.close()
  })

  // libsql ends the whole process over such text, unless it is asked for bytes. One bit of a row's head makes text of a
  // number, or of bytes.
  test.each([
    ['entry', 'epoch'],
    ['entry', 'seq'],
    ['entry', 'expires'],
    ['entry', 'head'],
    ['entry', 'body'],
    ['total', 'entries'],
    ['ledger', 'epoch'],
    ['ledger', 'seq'],
    ['ledger', 'floor'],
    ['ledger', 'commit_floor'],
    ['ledger', 'external'],
    ['ledger_target', 'kind'],
    ['ledger_target', 'name'],
    ['ledger_target', 'mode'],
    ['ledger_target', 'seq'],
    ['ledger_target', 'receipt'],
    ['ledger_line', 'at'],
    ['ledger_line', 'mode'],
    ['ledger_line', 'reason'],
    ['ledger_line', 'targets'],
    ['hold', 'seq'],
    ['lease', 'id'],
    ['lease', 'until'],
    ['node', 'id'],
    ['node', 'seq'],
    ['node', 'at'],
    ['channel', 'seq'],
    ['channel_node', 'boot'],
    ['channel_node', 'at'],
    ['channel_node', 'late'],
    ['channel_node', 'forget'],
    ['channel_request', 'seq'],
    ['channel_request', 'ends'],
    ['channel_request', 'body'],
    ['channel_setting', 'revision'],
    ['ledger_move', 'ns'],
    ['ledger_move', 'number'],
    ['heartbeat', 'at'],
    ['heartbeat', 'count'],
    ['mark', 'value'],
  ])('text that is not UTF-8 in %s.%s is a clean error or a new epoch, and the tier goes on', async (table, column) => {
    const path = file()
    const tier = sqlite({ path })
    const { position } = await tier.ledger.pull('ns')
    const change = { ...nothing, targets: [{ kind: 'key', key: 'k' }] } as const
    await tier.ledger.advance('ns', change)
    await tier.ledger.lease('ns', 'k', 'me', 60_000)
    await tier.ledger.report?.('ns', 'me', position)
    await tier.ledger.advance('ns', { ...change, hold: 1 })
    await tier.write([item('k', 'body', Date.now() + 60_000)])
    const { nodes } = tier
    const beat = { id: 'n', boot: 'b', lateMs: 60_000, forgetMs: 60_000, state: '{}' }
    await nodes.beat('ch', beat, true)
    await nodes.post('ch', { id: 'q', from: 'n', text: '{}' }, 60_000)
    await nodes.putSettings('ch', 's', { revision: 'r', text: '{}' })
    const raw = openRaw(path)
    raw.exec(`UPDATE ${table} SET ${column} = CAST(X'61FF62' AS TEXT)`)
    raw.close()
    const calls = [
      () => tier.ledger.pull('ns'),
      () => tier.ledger.pull('ns', position),
      () => tier.ledger.advance('ns', change),
      () => tier.ledger.commit('ns', [{ ...item('k'), asOf: position, target: 'k', lease: 'me' }]),
      () => tier.ledger.lease('ns', 'k', 'you', 1000),
      async () => tier.ledger.nodes?.('ns'),
      () => tier.read(['k']),
      () => tier.usage(),
      () => nodes.list('ch'),
      () => nodes.inbox('ch', 'x:0'),
      () => nodes.beat('ch', beat, false),
      () => nodes.getSettings('ch', 's'),
    ]
    for (const call of calls)
      await call().catch((error: unknown) =>
        expect(error).toMatchObject({
          code: expect.stringMatching(/^(LEDGER_UNREACHABLE|TIER_FAILED|NODES_UNREACHABLE)$/),
        }),
      )
    await tier.close()
    const again = sqlite({ path })
    await again.write([item('after')])
    expect(await text(again, 'after')).toBe('body of after')
    expect((await again.ledger.pull('other')).kind).toBe('snapshot')
    await again.close()
  })

  test('a file that is found corrupt while it is used is replaced, and the ledger begins a new epoch', async () => {
    const path = file()
    const first = sqlite({ path })
    const { position } = await first.ledger.pull('ns')
    await first.write(Array.from({ length: 500 }, (_, index) => item(`k${index}`, 'x'.repeat(2000))))
    await first.close()
    // The first page stays, so that opening finds nothing.
    const descriptor = openSync(path, 'r+')
    const size = statSync(path).size
    for (let at = 4096 * 3; at < size; at += 4096) writeSync(descriptor, Buffer.alloc(4096, 0xa5), 0, 4096, at)
    closeSync(descriptor)

    const warnings: TierWarning[] = []
    const tier = sqlite({ path, onWarning: (warning) => warnings.push(warning) })
    expect(await tier.read(Array.from({ length: 500 }, (_, index) => `k${index}`))).toEqual(
      Array.from({ length: 500 }, () => undefined),
    )
    await tier.write([item('new')])
    expect(await text(tier, 'new')).toBe('body of new')
    expect((await tier.ledger.pull('ns', position)).position.epoch).not.toBe(position.epoch)
    expect(warnings.map((warning) => warning.kind)).toEqual(['corrupt'])
    expect(beside(path).filter((name) => /\.corrupt-[^/]*(?<!-wal|-shm)$/.test(name))).toHaveLength(1)
    await tier.close()
  })

  test('cut at any length, the file never makes a call fail', async () => {
    const whole = file()
    const first = sqlite({ path: whole })
    for (let index = 0; index < 60; index++)
      await first.ledger.advance('ns', {
        ...nothing,
        write: [{ key: `k${index}`, body: Buffer.alloc(900, index), expiresAt: Number.POSITIVE_INFINITY }],
      })
    await first.close()
    const size = statSync(whole).size
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: size - 1 }), async (length) => {
        const path = file()
        writeFileSync(path, readFileSync(whole).subarray(0, length))
        const tier = sqlite({ path })
        // A page that is cut within is filled with zeros by SQLite: damaged bodies are the codec's to refuse, by their
        // checksum.
        expect(await tier.read(Array.from({ length: 60 }, (_, each) => `k${each}`))).toHaveLength(60)
        await tier.write([item('after')])
        expect(await text(tier, 'after')).toBe('body of after')
        await tier.ledger.advance('ns', nothing)
        await tier.close()
      }),
      { numRuns: 25 },
    )
  })

  test('a row that is not ours reads as nothing', async () => {
    const path = file()
    const tier = sqlite({ path })
    const handle = openRaw(path)
    handle.exec(
      "PRAGMA busy_timeout = 1000; INSERT INTO entry (key, epoch, seq, expires, body) VALUES ('odd', 5, 'x', 'never', 'text')",
    )
    handle.close()
    await tier.write([item('fine')])
    expect(await tier.read(['odd', 'fine'])).toEqual([
      undefined,
      expect.objectContaining({ asOf: { epoch: 'e0', seq: 0 } }),
    ])
    await tier.close()
  })
})

describe('G6: a file that is not the one it was', () => {
  test('deleted beneath two processes: both go on with the same new one, in a new epoch', async () => {
    const path = file()
    const warnings: TierWarning[] = []
    const one = sqlite({ path, onWarning: (warning) => warnings.push(warning) })
    const two = sqlite({ path })
    const { position } = await one.ledger.pull('ns')
    await one.write([item('old')])
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })

    const advanced = await one.ledger.advance('ns', { ...nothing, targets: [{ kind: 'tag', tag: 't' }] })
    expect(advanced.position.epoch).not.toBe(position.epoch)
    expect((await two.ledger.pull('ns', position)).position).toEqual(advanced.position)
    await two.write([item('new')])
    expect(await text(one, 'new')).toBe('body of new')
    expect(await text(one, 'old')).toBeUndefined()
    expect(warnings.map((warning) => warning.kind)).toEqual(['replaced'])
    await one.close()
    await two.close()
  })

  test('restored from a copy: a new epoch, so that nothing that was invalidated since comes back', async () => {
    const path = file()
    const backup = file()
    const first = sqlite({ path })
    const { position } = await first.ledger.pull('ns')
    await first.ledger.commit('ns', [{ ...item('k', 'old', undefined, position.seq), asOf: position, target: 'k' }])
    await first.close()
    copyFileSync(path, backup)
    const second = sqlite({ path })
    await second.ledger.advance('ns', { ...nothing, targets: [{ kind: 'key', key: 'k' }], drop: ['k'] })
    await second.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    copyFileSync(backup, path)

    const third = sqlite({ path })
    const now = await third.ledger.pull('ns')
    const [stored] = await third.read(['k'])
    expect(stored?.asOf).toEqual(position)
    expect(now.position.epoch).not.toBe(position.epoch)
    await third.close()
  })

  test('closed and opened again it is the same: same epoch, same numbers', async () => {
    const path = file()
    const first = sqlite({ path })
    const { position } = await first.ledger.advance('ns', nothing)
    await first.close()
    const second = sqlite({ path })
    expect((await second.ledger.pull('ns')).position).toEqual(position)
    await second.close()
  })
})

describe("another process's lock", () => {
  test('a write waits for it without blocking the event loop, reads do not wait at all', async () => {
    const path = file()
    const tier = sqlite({ path, deadline: '20s' })
    await tier.write([item('k')])
    const other = openRaw(path)
    other.exec('BEGIN IMMEDIATE')
    let done = false
    let turns = 0
    const writing = tier.write([item('k', 'changed')]).then(() => {
      done = true
    })
    const end = performance.now() + 300
    for (; performance.now() < end; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(done).toBe(false)
    expect(await text(tier, 'k')).toBe('body of k')
    // A wait inside SQLite would leave a turn or two in these 300 ms.
    expect(turns, 'in time').toBeGreaterThan(20)
    other.exec('COMMIT')
    await writing
    expect(await text(tier, 'k')).toBe('changed')
    other.close()
    await tier.close()
  })

  test('held for longer than the deadline it is a typed failure, and nothing was done', async () => {
    const path = file()
    const tier = sqlite({ path, deadline: 60 })
    const { position } = await tier.ledger.pull('ns')
    const other = openRaw(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(tier.write([item('k')])).rejects.toMatchObject({
      code: 'TIER_FAILED',
      message: expect.stringContaining('lock for 60 ms'),
    })
    await expect(tier.ledger.advance('ns', nothing)).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    other.exec('COMMIT')
    other.close()
    expect((await tier.ledger.pull('ns')).position).toEqual(position)
    expect(await text(tier, 'k')).toBeUndefined()
    await tier.close()
  })

  test('held while the tier is made, it is waited for by the first call', async () => {
    const path = file()
    const other = openRaw(path)
    other.exec('PRAGMA journal_mode = WAL; BEGIN EXCLUSIVE')
    const tier = sqlite({ path, busyTimeout: 0, deadline: '20s' })
    const writing = tier.write([item('k')])
    await new Promise((resolve) => setTimeout(resolve, 30))
    other.exec('COMMIT')
    other.close()
    await writing
    expect(await text(tier, 'k')).toBe('body of k')
    await tier.close()
  })
})

describe('bounds', () => {
  test('never more entries or bytes than allowed; what was written last is there; totals are exact', async () => {
    const write = fc.record({
      key: fc.integer({ min: 0, max: 30 }),
      size: fc.integer({ min: 0, max: 900 }),
      kind: fc.constantFrom('write', 'write', 'write', 'drop', 'advance'),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(write, { maxLength: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 200, max: 4000 }),
        async (steps, maxEntries, maxBytes) => {
          const path = file()
          const tier = sqlite({ path, maxEntries, maxBytes, sweepEvery: Number.POSITIVE_INFINITY })
          for (const { key, size, kind } of steps) {
            const name = `k${key}`
            if (kind === 'drop') await tier.drop([name])
            else if (kind === 'write') await tier.write([item(name, Buffer.alloc(size))])
            else
              await tier.ledger.advance('ns', {
                ...nothing,
                write: [{ key: name, body: Buffer.alloc(size), expiresAt: Number.POSITIVE_INFINITY }],
              })
            const { entries, bytes } = await tier.usage()
            expect(entries).toBeLessThanOrEqual(maxEntries)
            expect(bytes).toBeLessThanOrEqual(maxBytes)
            if (kind !== 'drop')
              expect((await tier.read([name]))[0]?.body.length).toBe(size + name.length <= maxBytes ? size : undefined)
          }
          const handle = openRaw(path)
          const counted = handle
            .prepare(
              'SELECT count(*) AS entries, coalesce(sum(length(CAST(key AS BLOB)) + length(body)), 0) AS bytes FROM entry',
            )
            .get()
          handle.close()
          expect(counted).toMatchObject(await tier.usage())
          await tier.close()
        },
      ),
      { numRuns: 40 },
    )
  })

  test('the expired leave before the old, the old before the new', async () => {
    const tier = sqlite({ path: file(), maxEntries: 4, sweepEvery: Number.POSITIVE_INFINITY })
    await tier.write([item('oldest'), item('old')])
    const soon = Date.now() + 30
    await tier.write([item('short', 'x', soon), item('new')])
    await until('the deadline to pass', () => Date.now() > soon)
    await tier.write([item('newer')])
    expect(await Promise.all(['oldest', 'old', 'short', 'new', 'newer'].map((key) => text(tier, key)))).toEqual([
      'body of oldest',
      'body of old',
      undefined,
      'body of new',
      'body of newer',
    ])
    await tier.write([item('old'), item('newest')])
    expect(await Promise.all(['oldest', 'old', 'newest'].map((key) => text(tier, key)))).toEqual([
      undefined,
      'body of old',
      'body of newest',
    ])
    await tier.close()
  })

  test('T3: expired rows are swept without anybody reading them, in steps', async () => {
    const tier = sqlite({ path: file(), sweepEvery: 10 })
    const soon = Date.now() + 50
    await tier.write(Array.from({ length: 700 }, (_, index) => item(`k${index}`, 'x', soon)))
    await tier.write([item('kept')])
    await until('the expired rows to be swept', async () => (await tier.usage()).entries === 1, 10_000)
    expect(await text(tier, 'kept')).toBe('body of kept')
    await tier.close()
  })
})

test('G11: a lease ends with the commit of its entry, in the same transaction, and so does not have to be given back', async () => {
  let transactions = 0
  class Counting extends Database {
    override exec(sql: string): this {
      if (sql === 'BEGIN IMMEDIATE') transactions++
      return super.exec(sql)
    }
  }
  const tier = sqlite({ path: file(), driver: Counting })
  const { ledger } = tier
  const loaded = (key: string, lease: string) => ({ ...item(key), target: key, asOf: position, lease })
  const { position } = await ledger.pull('ns')
  await ledger.lease('ns', 'k', 'one', 60_000)
  await ledger.lease('ns', 'late', 'one', 60_000)
  const before = transactions
  expect(await ledger.commit('ns', [loaded('k', 'one'), loaded('late', 'another')])).toEqual([true, false])
  await ledger.release('ns', 'k', 'one')
  expect(transactions - before).toBe(1)
  expect(await ledger.lease('ns', 'k', 'two', 60_000)).toEqual({ granted: true })
  // One whose entry was refused holds until it is given back.
  expect((await ledger.lease('ns', 'late', 'two', 60_000)).granted).toBe(false)
  await ledger.release('ns', 'late', 'one')
  expect(await ledger.lease('ns', 'late', 'two', 60_000)).toEqual({ granted: true })
  await tier.close()
})
