// Bytes per entry besides key and value: how much the heap grows when a cache is filled with strings that exist
// already.
import type { Contender } from './contenders.ts'
import { TTL_MS } from './contenders.ts'

export interface Bytes {
  /** Without and with a TTL; the second is absent if the library has no TTLs. */
  readonly plain: number
  readonly ttl?: number
}

export async function bytesPerEntry(contender: Contender, capacity: number): Promise<Bytes> {
  const keys = Array.from({ length: capacity }, (_, i): string => JSON.parse(`"user:profile:${1_000_000 + i}"`))
  // Runs before the first measurement, so that compiled code is not counted.
  await growth(contender, keys.slice(0, 2_000), undefined)
  const plain = await growth(contender, keys, undefined)
  return contender.ttl ? { plain, ttl: await growth(contender, keys, TTL_MS) } : { plain }
}

async function growth(contender: Contender, keys: readonly string[], ttlMs: number | undefined): Promise<number> {
  const before = await inUse()
  const cache = contender.make(keys.length, ttlMs)
  for (const key of keys) {
    const stored = cache.set(key, key)
    if (stored instanceof Promise) await stored
  }
  const after = await inUse()
  let held = 0
  for (const key of keys) if (cache.get(key) != null) held++
  cache.close?.()
  if (held < keys.length * 0.9) throw new Error(`${contender.name} holds ${held} of ${keys.length}`)
  return (after - before) / held
}

export async function inUse(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('start with --expose-gc')
  for (let i = 0; i < 4; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

export interface BytesAnswer extends Bytes {
  readonly name: string
  readonly size: number
}
