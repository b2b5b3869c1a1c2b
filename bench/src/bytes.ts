// Bytes per entry beside key and value: what the heap grows by when a full cache takes strings that exist already.
import type { SubjectType } from './subjects.ts'
import { TTL_MS } from './subjects.ts'

export interface Bytes {
  /** Without and with a TTL; the second is absent where the library knows none. */
  readonly plain: number
  readonly ttl?: number
}

export async function bytesPerEntry(type: SubjectType, capacity: number): Promise<Bytes> {
  const keys = Array.from({ length: capacity }, (_, i): string => JSON.parse(`"user:profile:${1_000_000 + i}"`))
  // Compiled code is no entry: it is made before the first measure.
  await growth(type, keys.slice(0, 2_000), undefined)
  const plain = await growth(type, keys, undefined)
  return type.ttl ? { plain, ttl: await growth(type, keys, TTL_MS) } : { plain }
}

async function growth(type: SubjectType, keys: readonly string[], ttlMs: number | undefined): Promise<number> {
  const before = await inUse()
  const subject = type.make(keys.length, ttlMs)
  for (const key of keys) {
    const stored = subject.set(key, key)
    if (stored instanceof Promise) await stored
  }
  const after = await inUse()
  let held = 0
  for (const key of keys) if (subject.get(key) != null) held++
  subject.close?.()
  if (held < keys.length * 0.9) throw new Error(`${type.name} holds ${held} of ${keys.length}`)
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
