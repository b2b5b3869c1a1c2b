// Users' own tests under the fake timers of Vitest (and of Jest, which are the same library): a cache that is made
// there lives by them.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { compile } from '../histories/compile.mjs'
import { newFolder, open, until } from './setups.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe.each([
  ['memory', () => [memory()]],
  ['memory and SQLite', () => [memory(), { use: sqlite({ path: join(newFolder(), 'cache.db') }) }]],
])('under fake timers: %s', (_, tiers) => {
  test('what is written is read, expires when time passes, and is loaded anew', async () => {
    const cache = open({ tiers: tiers() })
    let loads = 0
    const load = () => ++loads
    expect(await cache.getOrSet('k', load, { ttl: '1m' })).toBe(1)
    vi.advanceTimersByTime(59_000)
    expect(await cache.getOrSet('k', load, { ttl: '1m' })).toBe(1)
    vi.advanceTimersByTime(2000)
    expect(await cache.getOrSet('k', load, { ttl: '1m' })).toBe(2)
    await cache.delete('k')
    expect(await cache.get('k')).toBeUndefined()
    await cache.close()
  })

  test('a system time that is set is the cache’s time', async () => {
    vi.setSystemTime(new Date('2030-01-01'))
    const cache = open({ tiers: tiers() })
    await cache.set('k', 1, { ttl: '1h' })
    vi.setSystemTime(new Date('2030-01-02'))
    expect(await cache.get('k')).toBeUndefined()
    await cache.close()
  })

  // node-cache 172: fake ones of the old kind are nothing, and those of a browser (jsdom under Jest) are numbers.
  test.each([undefined, 7])('timers that are no objects: %s', async (timer) => {
    vi.useRealTimers()
    vi.stubGlobal('setTimeout', () => timer)
    vi.stubGlobal('setInterval', () => timer)
    try {
      const cache = open({ tiers: tiers() })
      await cache.set('k', 1, { ttl: '1m' })
      expect([await cache.get('k'), await cache.getOrSet('l', () => 2)]).toEqual([1, 2])
      await cache.close()
    } finally {
      vi.unstubAllGlobals()
    }
  })

  // lru-cache 379: a clock that begins at 0.
  test('a time that begins at 0 is one', async () => {
    vi.useFakeTimers({ now: 0 })
    const cache = open({ tiers: tiers() })
    await cache.set('k', 1, { ttl: '1m' })
    expect(await cache.get('k')).toBe(1)
    vi.advanceTimersByTime(59_999)
    expect(await cache.get('k')).toBe(1)
    vi.advanceTimersByTime(2)
    expect(await cache.get('k')).toBeUndefined()
    await cache.close()
  })

  // lru-cache 349: caches outlive the timers under which they were first used.
  test.each([0, 1_000_000_000])(
    'the machine’s time again where timers were faked when it was first used, %i ms ahead',
    async (ahead) => {
      vi.useFakeTimers({ now: Date.now() + ahead })
      const cache = open({ tiers: tiers() })
      await cache.set('first', 1, { ttl: '1h' })
      expect(cache.peek('first')).toBe(1)
      vi.useRealTimers()
      await cache.set('k', 1, { ttl: 20 })
      // Not by `peek`, which finds nothing either while memory is not trusted: the timer of its questions was faked.
      await expect.poll(() => cache.get('k')).toBeUndefined()
      expect(cache.peek('k')).toBeUndefined()
      await cache.close()
    },
  )

  test('a loader that is slow gives way to a stale value at its soft timeout, and is stored when it comes', async () => {
    const cache = open({ tiers: tiers() })
    await cache.set('k', 'old', { ttl: '1m', staleIfError: '1h' })
    vi.advanceTimersByTime(61_000)
    const slow = () => new Promise<string>((resolve) => setTimeout(resolve, 3000, 'new'))
    const reading = cache.getOrSet('k', slow, { timeout: { soft: '1s' }, staleIfError: '1h' })
    await vi.advanceTimersByTimeAsync(1001)
    expect(await reading).toBe('old')
    await vi.advanceTimersByTimeAsync(2001)
    await cache.flush()
    expect(await cache.get('k')).toBe('new')
    await cache.close()
  })

  test('a loader that hangs meets its timeout when time is advanced, and close ends', async () => {
    const cache = open({ tiers: tiers() })
    const slow = cache.getOrSet('k', () => new Promise(() => {}), { timeout: { hard: '5s' } })
    const told = expect(slow).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' })
    await vi.advanceTimersByTimeAsync(5001)
    await told
    await cache.close()
  })

  test('with the date alone', async () => {
    vi.useRealTimers()
    vi.useFakeTimers({ toFake: ['Date'] })
    const cache = open({ tiers: tiers() })
    await cache.set('k', 1, { ttl: '1h' })
    vi.setSystemTime(Date.now() + 7_200_000)
    await until(() => cache.peek('k') === undefined)
    expect(await cache.get('k')).toBeUndefined()
    await cache.close()
  })
})

// node-cache 172: timers of a browser are numbers, and a test may run as in one.
test('memory with timers that are numbers', async () => {
  vi.useRealTimers()
  const { setTimeout: real } = globalThis
  vi.stubGlobal('setTimeout', (work: () => void, ms: number) => Number(real(work, ms)))
  try {
    const cache = open()
    await cache.set('k', 1)
    expect([await cache.get('k'), await cache.getOrSet('l', async () => 2, { timeout: { hard: '1m' } })]).toEqual([
      1, 2,
    ])
    await cache.set('k', 1, { ttl: 20 })
    await until(() => cache.peek('k') === undefined)
  } finally {
    vi.unstubAllGlobals()
  }
})

/**
 * A program in which no timer, no immediate, no tick and no microtask of its own ever comes, as under Jest's default
 * until time is advanced: whatever is no matter of time must settle all the same.
 */
const HELD = (library: string, folder: string): string => `
import { createCache, memory } from ${JSON.stringify(`${library}/src/index.js`)}
import { sqlite } from ${JSON.stringify(`${library}/src/tiers/sqlite/index.js`)}
import { file } from ${JSON.stringify(`${library}/src/tiers/file/index.js`)}
const held = () => ({ ref() {}, unref() {}, hasRef: () => false, refresh() {}, [Symbol.toPrimitive]: () => 1 })
for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) globalThis[name] = held
process.nextTick = held
const path = ${JSON.stringify(folder)}
const arrangements = {
  memory: [memory()],
  SQLite: [memory(), sqlite({ path: path + '/a.db' })],
  files: [memory(), file({ path: path + '/files' }), sqlite({ path: path + '/b.db' })],
}
for (const [name, tiers] of Object.entries(arrangements)) {
  const cache = createCache({ tiers })
  const rows = cache.collection('row', { loadMany: async (ids) => ids.map(String) })
  const seen = [
    // Before the ledger was asked: they all wait for its answer.
    (await Promise.all(Array.from({ length: 600 }, (_, at) => cache.getOrSet('many' + at, () => at)))).length,
    await cache.getOrSet('a', () => 1, { tags: ['t'] }),
    await cache.getOrSet('b', async () => 2),
    await cache.getOrSetMany(['c', 'd'], { load: async (ids) => ids }),
    await cache.setMany([['e', 5], ['f', 6]]).then(() => cache.getMany(['e', 'f'])),
    await rows.get(7),
    await rows.getMany([8, 9]),
    (await cache.delete('b')).removed > 0,
    await cache.invalidateTags(['t']).then(() => cache.get('a')),
    await cache.refresh('e', () => 55),
  ]
  await cache.clear()
  await cache.close()
  console.log(name, JSON.stringify(seen))
}
`

test('with all that Jest fakes, only what is a matter of time waits for it', { timeout: 120_000 }, async () => {
  vi.useRealTimers()
  const { href } = pathToFileURL(compile())
  const program = HELD(href, newFolder())
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 50_000,
  })
  const seen = '[600,1,2,["c","d"],[5,6],"7",["8","9"],true,null,55]'
  expect(stdout.trim().split('\n')).toEqual([`memory ${seen}`, `SQLite ${seen}`, `files ${seen}`])
})
