// When Next's tags were revalidated, for all replicas; and the resulting state of an entry.
import type { Cache } from '../engine/cache.ts'

/** `expired`: gone since then. `stale`: to be served once more, and regenerated. `until`: gone from then on. */
type Kind = 'expired' | 'stale' | 'until'
const KINDS: readonly Kind[] = ['expired', 'stale', 'until']
const SECOND = 1000
const NONE: Record<Kind, number> = { expired: 0, stale: 0, until: 0 }
/** The most marks that a process remembers. */
const MOST_OWN = 100_000
/** Which tag, and which of its marks. */
type Name = readonly [Kind, string]

export class Marks {
  readonly #shared: Cache
  readonly #entries: Cache
  /** Marks made by this process: if only memory holds them, it may evict one. */
  readonly #own = new Map<string, number>()
  readonly #most: number
  /** The latest forgotten mark, by kind: an unknown tag may have been revalidated until then. */
  readonly #forgotten: Record<Kind, number> = { ...NONE }

  /** @param entries those whose tags are revalidated. @param most the most marks that are remembered */
  constructor(cache: Cache, entries: Cache, most = MOST_OWN) {
    this.#most = most
    this.#shared = cache.namespace('next-tags')
    this.#entries = entries
  }

  /** Learns what other replicas have revalidated: reads after this see all their acknowledged steps. */
  async refresh(): Promise<void> {
    await Promise.all(
      [this.#shared, this.#entries].map((one) => one.get(['ledger'], { consistency: 'strong', quiet: true })),
    )
  }

  async revalidate(
    tags: readonly string[],
    durations: { readonly expire?: number | undefined } | undefined,
  ): Promise<void> {
    if (tags.length === 0) return
    const now = Date.now()
    const { expire } = durations ?? {}
    // What has expired before stays so, although its tag gets more time.
    const known = durations === undefined ? [] : await this.#read(tags)
    const marks: [Name, number][] = [...new Set(tags)].flatMap((tag, at): [Name, number][] => {
      if (durations === undefined) return [[['expired', tag], now]]
      const stale: [Name, number] = [['stale', tag], now]
      if (expire === undefined) return [stale]
      const gone = expiry(known[at] ?? NONE, now)
      const until: [Name, number] = [['until', tag], now + expire * SECOND]
      return gone > 0 ? [[['expired', tag], gone], stale, until] : [stale, until]
    })
    for (const [name, at] of marks) this.#remember(name.join(), at)
    await this.#shared.setMany(marks, { ttl: Number.POSITIVE_INFINITY })
    if (durations === undefined) await this.#entries.invalidateTags(tags)
  }

  /** The latest time before which entries of one of the tags are expired; 0: never. */
  async expiredAt(tags: readonly string[]): Promise<number> {
    const now = Date.now()
    const all = await this.#read(tags)
    return all.reduce((latest, marks) => Math.max(latest, expiry(marks, now)), 0)
  }

  /** The state of an entry with these tags that was created at `madeAt`. */
  async stateOf(tags: readonly string[], madeAt: number): Promise<'valid' | 'stale' | 'expired'> {
    const now = Date.now()
    const all = await this.#read(tags)
    if (all.some((marks) => expiry(marks, now) > madeAt)) return 'expired'
    return all.some(({ stale }) => stale > madeAt) ? 'stale' : 'valid'
  }

  #remember(name: string, at: number): void {
    this.#own.delete(name)
    this.#own.set(name, at)
    if (this.#own.size <= this.#most) return
    for (const [oldest, when] of this.#own) {
      const kind = oldest.slice(0, oldest.indexOf(',')) as Kind
      this.#forgotten[kind] = Math.max(this.#forgotten[kind], when)
      this.#own.delete(oldest)
      return
    }
  }

  /** A tag without marks has zeros, which are stored too, so that memory can answer without asking lower tiers. */
  async #read(given: readonly string[]): Promise<Record<Kind, number>[]> {
    if (given.length === 0) return []
    const tags = [...new Set(given)]
    const names = tags.flatMap((tag): Name[] => KINDS.map((kind): Name => [kind, tag]))
    const load = async (missing: readonly Name[]): Promise<number[]> =>
      missing.map((name) => this.#own.get(name.join()) ?? this.#forgotten[name[0]])
    const found = await this.#shared.getOrSetMany<Name, number>(names, { load, ttl: Number.POSITIVE_INFINITY })
    return tags.map((_, at) => {
      const [expired = 0, stale = 0, until = 0] = found.slice(at * KINDS.length, (at + 1) * KINDS.length)
      return { expired, stale, until }
    })
  }
}

/**
 * Entries that were made before this time have expired. Once the time of a stale tag is over, these are the entries
 * from before it became stale; those that have been made since are as good as any.
 */
const expiry = ({ expired, stale, until }: Record<Kind, number>, now: number): number =>
  until <= now ? Math.max(expired, Math.min(stale, until)) : expired
