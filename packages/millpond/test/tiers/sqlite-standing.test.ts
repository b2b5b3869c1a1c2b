// The question for all namespaces over a cache file: what it reads grows with what has moved, by any process.
import Database from 'libsql'
import { createCache, memory } from 'millpond'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import type { LedgerPlace } from '../../src/core/contracts.ts'
import { change, key } from '../../src/testing/ledger-subject.ts'
import type { SqliteClass } from '../../src/tiers/sqlite/client.ts'
import { type SqliteTier, sqlite } from '../../src/tiers/sqlite/index.ts'
import { until } from '../services/index.ts'
import { openRaw, temporaryFolder } from './folder.ts'

const opened: SqliteTier[] = []
afterEach(() => Promise.all(opened.splice(0).map((tier) => tier.close())))

/** Counts the records that are read. */
let reads = 0
class Counting extends Database {
  constructor(path: string) {
    super(path)
    const prepare = this.prepare.bind(this)
    Object.assign(this, {
      prepare: (sql: string) => {
        const statement = prepare(sql)
        if (!/FROM ledger WHERE ns = \?$/.test(sql)) return statement
        const get = statement.get.bind(statement)
        return Object.assign(statement, {
          get: (...values: unknown[]) => {
            reads++
            return get(...values)
          },
        })
      },
    })
  }
}

const open = (path: string, driver?: SqliteClass): SqliteTier => {
  const tier = sqlite(driver === undefined ? { path } : { path, driver })
  opened.push(tier)
  return tier
}
const file = temporaryFolder()
const newPath = (): string => file()
const unmoved = async ({ ledger }: SqliteTier, places: readonly LedgerPlace[]): Promise<readonly boolean[]> =>
  (await ledger.unmoved?.(places)) ?? []
async function placesIn({ ledger }: SqliteTier, count: number): Promise<LedgerPlace[]> {
  const places: LedgerPlace[] = []
  for (let at = 0; at < count; at++)
    places.push({ namespace: `n${at}`, position: (await ledger.pull(`n${at}`)).position })
  return places
}

test('G3: a process is in all its namespaces again a second after the file went back to when it was in none', async () => {
  const path = newPath()
  const tier = open(path)
  const cache = createCache({ name: 'restored', tiers: [memory(), open(path)] })
  onTestFinished(() => cache.close())
  const inIt = async (): Promise<number> => (await tier.ledger.nodes?.('restored:default:'))?.length ?? 0
  await cache.getOrSet('k', () => 'v')
  await until('its first heartbeats', async () => {
    await cache.get('k')
    return (await inIt()) === 1
  })
  const file = openRaw(path)
  onTestFinished(() => void file.close())
  const [{ count = 0 } = {}] = file.prepare('SELECT count FROM heartbeat').all() as { count?: number }[]
  file.exec(`DELETE FROM node; UPDATE heartbeat SET count = ${count - 1}`)
  expect(await inIt()).toBe(0)
  await until('it to be there again', async () => {
    await cache.get('k')
    return (await inIt()) === 1
  })
})

test('of 2,000 namespaces only the records are read that have moved, whatever else is written to the file', async () => {
  const path = newPath()
  const tier = open(path, Counting)
  const other = open(path)
  const places = await placesIn(tier, 2000)
  expect((await unmoved(tier, places)).every(Boolean)).toBe(true)
  reads = 0
  await other.write([{ key: 'k', body: new Uint8Array(10), expiresAt: 1e15, asOf: { epoch: 'e', seq: 0 } }])
  await other.ledger.heartbeat?.('other', { count: 1, moved: places.slice(0, 100), left: [] })
  expect((await unmoved(tier, places)).every(Boolean)).toBe(true)
  expect(reads).toBe(0)
  await other.ledger.advance('n7', change([key('a')]))
  await tier.ledger.advance('n9', change([key('a')]))
  reads = 0
  const stand = await unmoved(tier, places)
  expect(stand.flatMap((stands, at) => (stands ? [] : [at]))).toEqual([7, 9])
  expect(reads).toBe(2)
})

test.each([
  [
    'replaces its row',
    "INSERT OR REPLACE INTO ledger SELECT ns, epoch, seq + 1, floor, commit_floor, external FROM ledger WHERE ns = 'n1'",
  ],
  ['updates it', "UPDATE ledger SET seq = seq + 1 WHERE ns = 'n1'"],
  ['begins an epoch in it', "UPDATE ledger SET epoch = 'another' WHERE ns = 'n1'"],
  ['removes it', "DELETE FROM ledger WHERE ns = 'n1'"],
])('G1: a program of an earlier version that %s has moved the namespace', async (_, sql) => {
  const path = newPath()
  const tier = open(path)
  const places = await placesIn(tier, 3)
  expect(await unmoved(tier, places)).toEqual([true, true, true])
  const raw = openRaw(path)
  raw.exec(sql)
  raw.close()
  expect(await unmoved(tier, places)).toEqual([true, false, true])
})
