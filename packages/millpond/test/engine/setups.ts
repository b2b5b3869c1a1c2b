// Every arrangement of tiers that the engine's tests run on: one suite, many caches.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, type CacheOptions, createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { describeWith, PATIENCE, patient, type RedisService, startRedis } from '../services/index.ts'

type Tiers = NonNullable<CacheOptions['tiers']>

const opened: Cache[] = []
const folders: string[] = []

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-engine-'))
  folders.push(folder)
  return folder
}

/** Closes what the tests opened, also when they failed. */
export function closeAfterEach(): void {
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((cache) => cache.close()))
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })
}

/**
 * With SQLite and files waited for as if nothing else ran on the machine, and what they have told trusted for as long,
 * unless a suite says for how long.
 */
export function open(options: CacheOptions = {}): Cache {
  const { tiers } = options
  const given = options.clock === undefined ? { ...UNHURRIED, ...options } : options
  const cache = createCache(Array.isArray(tiers) ? { ...given, tiers: tiers.map(unhurried) } : options)
  opened.push(cache)
  return cache
}

/** For less than elsewhere: an erasure waits for as long as a tier may take. */
function unhurried(tier: Tiers[number]): Tiers[number] {
  const isOnDisk =
    tier instanceof Object && 'name' in tier && !('use' in tier) && (tier.name === 'sqlite' || tier.name === 'file')
  return isOnDisk ? patient(tier, '3s') : tier
}

export const setups: Readonly<Record<string, () => Tiers>> = {
  'memory alone': () => [memory()],
  'memory and SQLite': () => [memory(), patient(sqlite({ path: join(newFolder(), 'cache.db') }))],
  'SQLite alone': () => [patient(sqlite({ path: join(newFolder(), 'cache.db') }))],
  'two SQLite files under memory': () => [
    memory(),
    patient(sqlite({ path: join(newFolder(), 'a.db') })),
    patient(sqlite({ path: join(newFolder(), 'b.db') })),
  ],
}

const withRedis: Readonly<Record<string, (url: string) => Tiers>> = {
  'memory and Redis': (url) => [memory(), patient(redis({ url, ...PATIENCE }))],
  'memory, Redis and SQLite': (url) => [
    memory(),
    patient(redis({ url, ...PATIENCE })),
    patient(sqlite({ path: join(newFolder(), 'cache.db') })),
  ],
}

/** An answer of the ledger that came late on a busy machine still counts. */
const UNHURRIED = { maxStale: '20s' } as const

/** Runs the suite once for each arrangement. */
export function onEverySetup(
  name: string,
  suite: (cache: (options?: Omit<CacheOptions, 'tiers'>) => Cache) => void,
): void {
  for (const [label, tiers] of Object.entries(setups)) {
    describe(`${name}: ${label}`, () => {
      closeAfterEach()
      suite((options = {}) => open({ ...UNHURRIED, ...options, tiers: tiers() }))
    })
  }
  for (const [label, tiers] of Object.entries(withRedis)) {
    describeWith('redis', `${name}: ${label}`, () => {
      let server: RedisService
      let count = 0
      beforeAll(async () => {
        server = await startRedis()
      })
      afterAll(() => server.stop())
      closeAfterEach()
      suite((options = {}) => open({ name: `cache${count++}`, ...UNHURRIED, ...options, tiers: tiers(server.url) }))
    })
  }
}

/** A promise that the test settles by hand. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void; fail: (error: unknown) => void } {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, open: resolve, fail: reject }
}

/** Waits until a condition holds, by turns of the event loop, not by time. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
