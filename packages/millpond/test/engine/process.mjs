// One process of a test: a cache as its arguments say, driven by lines of JSON on standard input, answering in lines of
// JSON.
import { createInterface } from 'node:readline'
import { createCache, memory } from 'millpond'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'

const { tier, name, defaults } = JSON.parse(process.argv[2])
const patience = { commandTimeout: '20s', connectTimeout: '20s' }
const farOf = () => {
  if (tier.redis !== undefined) return redis({ url: tier.redis, ...patience })
  if (tier.postgres !== undefined) return postgres({ url: tier.postgres, poolSize: 4, ...patience })
  return sqlite({ path: tier.sqlite })
}
const far = farOf()
const cache = createCache({ name, tiers: [memory(), { use: far, timeout: '20s' }], defaults })
let loads = 0
const load = (ms) => async () => {
  loads++
  await new Promise((resolve) => setTimeout(resolve, ms))
  return `${process.pid}:${loads}`
}

const verbs = {
  /** Many callers at once. */
  stampede: async ({ key, callers, ms }) =>
    new Set(await Promise.all(Array.from({ length: callers }, () => cache.getOrSet(key, load(ms))))).size,
  /** One caller after the other, for a while. */
  hammer: async ({ key, forMs, ms }) => {
    const until = Date.now() + forMs
    while (Date.now() < until) {
      await cache.getOrSet(key, load(ms))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  },
  get: ({ key }) => cache.get(key),
  set: ({ key, value, tags }) => cache.set(key, value, tags === undefined ? {} : { tags }),
  invalidateTags: async ({ tags }) => (await cache.invalidateTags(tags)).isApplied,
  acked: async ({ key, timeout }) => (await cache.delete(key)).acked({ timeout }),
  /** Stops between two turns, so never inside a transaction; goes on with SIGCONT. */
  stop: async () => process.kill(process.pid, 'SIGSTOP'),
  loads: async () => loads,
  close: () => cache.close(),
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, verb, ...given } = JSON.parse(line)
  verbs[verb](given).then(
    (value) => process.stdout.write(`${JSON.stringify({ id, value: value ?? null })}\n`),
    (error) => process.stdout.write(`${JSON.stringify({ id, error: String(error) })}\n`),
  )
}
await cache.close()
