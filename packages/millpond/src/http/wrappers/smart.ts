// A time to live that follows how often the result really changes between two loads: longer while it stays the same, shorter when it has changed.
import { createHash } from 'node:crypto'
import { serialize } from 'node:v8'

export interface SmartBounds {
  readonly baseMs: number
  readonly minMs: number
  readonly maxMs: number
}

/** One load, as `monitor` is told. */
export interface SmartLoad {
  readonly key: string
  /** `undefined` with the first load of this process. */
  readonly hasChanged: boolean | undefined
  readonly ttlMs: number
}

const LONGER = 1.5
const SHORTER = 0.5
/** Keys that are remembered; the oldest begin anew. */
const MOST_KEYS = 10_000

export class SmartTtl {
  readonly #bounds: SmartBounds
  readonly #known = new Map<string, { readonly hash: string; readonly ttlMs: number }>()
  readonly #monitor: ((load: SmartLoad) => void) | undefined

  constructor(bounds: SmartBounds, monitor: ((load: SmartLoad) => void) | undefined) {
    this.#bounds = bounds
    this.#monitor = monitor
  }

  /** The time to live of a result that was just loaded. */
  next(key: string, result: unknown): number {
    const { baseMs, minMs, maxMs } = this.#bounds
    const before = this.#known.get(key)
    const hash = createHash('sha256').update(serialize(result)).digest('base64')
    const hasChanged = before === undefined ? undefined : before.hash !== hash
    const aimed = before === undefined ? baseMs : before.ttlMs * (hasChanged === true ? SHORTER : LONGER)
    const ttlMs = Math.round(Math.min(maxMs, Math.max(minMs, aimed)))
    this.#known.delete(key)
    this.#known.set(key, { hash, ttlMs })
    if (this.#known.size > MOST_KEYS) this.#known.delete(this.#known.keys().next().value as string)
    this.#monitor?.({ key, hasChanged, ttlMs })
    return ttlMs
  }
}
