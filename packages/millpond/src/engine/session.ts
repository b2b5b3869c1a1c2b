// Reads of one session: each is reported to recorders before it begins, so that sequences can be learnt for each reader
// separately.

import { encodeKey, type Key } from '../core/key.ts'
import { hashOf } from '../core/key-hash.ts'
import { holds, peek } from './cache-reads.ts'
import { intercept } from './plugins.ts'
import type { Space } from './space.ts'

const READS = ['get', 'getEntry', 'has', 'getOrSet', 'getOrSetEntry', 'getMany', 'getOrSetMany'] as const

/** Outermost: also before plug-ins, which may return their own results. */
export function announceReads(cache: object, space: Space, session: string): void {
  // 0: no session.
  const number = hashOf(session, 0) || 1
  const tell = (key: Key): void => {
    const { recorder } = space.watch
    if (recorder === undefined) return
    const encoded = encodeKey(key)
    recorder.context(space.watch.hash(encoded), number, encoded, space.id.name)
  }
  // Not awaited, so that nothing wraps it. What memory does not have is not a read.
  const value = <T>(key: Key): T | undefined => {
    if (holds(space, key)) tell(key)
    return peek<T>(space, key)
  }
  Object.defineProperty(cache, 'peek', { value })
  intercept(cache, READS, space.id.name, ({ verb, args }, next) => {
    for (const key of keysOf(verb, args)) tell(key)
    return next()
  })
}

/** Invalid arguments are reported by the verb itself. */
function keysOf(verb: string, args: readonly unknown[]): readonly Key[] {
  const [first, second] = args
  if (verb !== 'getMany' && verb !== 'getOrSetMany') return isKey(first) ? [first] : []
  if (!Array.isArray(first)) return []
  const given: unknown = typeof second === 'object' && second !== null ? Reflect.get(second, 'key') : undefined
  const keys: readonly unknown[] = typeof given === 'function' ? first.map((id) => given(id)) : first
  return keys.filter(isKey)
}

const isKey = (value: unknown): value is Key => typeof value === 'string' || Array.isArray(value)
