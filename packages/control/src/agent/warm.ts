// Warming by the cache's own loaders: fresh keys stay, and a failing key does not stop the rest.
import type { Cache } from 'millpond'
import type { Warmed } from './answers.ts'
import { reasonOf } from './reason.ts'
import type { Asked } from './requests.ts'
import { chosen, keyOf, spaceOf } from './spaces.ts'

const MOST_ERRORS = 20

export async function warm(
  cache: Cache,
  { namespaces, keys, concurrency, per_second, wait_ms }: Asked<'warm'>,
): Promise<Warmed> {
  const until = performance.now() + wait_ms
  const began = performance.now()
  const spaces = chosen(cache, namespaces).map((name) => spaceOf(cache, name))
  const queue = [...keys]
  const counts = { loaded: 0, fresh: 0, failed: 0, without_source: 0 }
  const errors = new Set<string>()
  let taken = 0
  const work = async (): Promise<void> => {
    while (queue.length > 0 && performance.now() < until) {
      if (per_second !== undefined) await pause(began + (taken / per_second) * 1000)
      if (performance.now() >= until) return
      const key = queue.shift()
      if (key === undefined) return
      taken++
      counts[await warmOne(spaces, key, (error) => errors.size < MOST_ERRORS && errors.add(error))]++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return { ...counts, left: queue, errors: [...errors] }
}

async function pause(until: number): Promise<void> {
  const ms = until - performance.now()
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
}

async function warmOne(
  spaces: readonly Cache[],
  text: string,
  failed: (error: string) => void,
): Promise<'loaded' | 'fresh' | 'failed' | 'without_source'> {
  const key = keyOf(text)
  const space = spaces.find((one) =>
    one.sources.some(({ namespace, prefix }) => namespace === one.name && belongs(key, prefix)),
  )
  if (space === undefined) return 'without_source'
  try {
    if (await space.has(key, { quiet: true })) return 'fresh'
    await space.refresh(key, undefined, { quiet: true })
    return 'loaded'
  } catch (error) {
    failed(`${text}: ${reasonOf(error)}`)
    return 'failed'
  }
}

function belongs(key: ReturnType<typeof keyOf>, prefix: ReturnType<typeof keyOf>): boolean {
  if (typeof key === 'string') return typeof prefix === 'string' && key.startsWith(prefix)
  return typeof prefix !== 'string' && prefix.every((part, at) => part === key[at])
}
