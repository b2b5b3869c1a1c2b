// The most read keys: as this process has seen them, and as they were recorded earlier, by whichever process did so
// last.
import type { Key } from '../core/key.ts'
import type { WarmedCache } from './warmed-cache.ts'

/** Where it is recorded. */
const RECORD: Key = ['millpond.hot']
const KEPT = '30d'
/** How often memory is scanned, in milliseconds. */
const LOOK_MS = 60_000

export class HotList {
  readonly #cache: WarmedCache
  readonly #top: number
  /** Encoded. From before the present event: invalidated keys are no longer in memory. */
  #keys: readonly string[] = []
  #cancel: (() => void) | undefined

  constructor(cache: WarmedCache, top: number) {
    this.#cache = cache
    this.#top = top
  }

  get keys(): readonly string[] {
    return this.#keys
  }

  /** Scans repeatedly, until `stop`. */
  async follow(): Promise<void> {
    this.stop()
    this.#cancel = this.#cache.clock.after(LOOK_MS, () => void this.follow())
    await this.#look()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** The hottest now, then the recorded ones; and records them. Only keys with a loader. */
  async list(): Promise<readonly string[]> {
    await this.#look()
    const recorded = await this.#cache.recall(RECORD)
    const before = Array.isArray(recorded) ? recorded.filter((key): key is string => typeof key === 'string') : []
    const all = [...new Set([...this.#keys, ...before])].filter((key) => this.#cache.knows(key)).slice(0, this.#top)
    if (all.length > 0) await this.#cache.set(RECORD, all, { ttl: KEPT })
    return all
  }

  async #look(): Promise<void> {
    const hot = await this.#cache.hottest(this.#top)
    if (hot.length > 0) this.#keys = hot.filter((key) => this.#cache.knows(key))
  }
}
