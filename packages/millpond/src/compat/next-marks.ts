// When tags of Next were revalidated, for all replicas; and what that makes of an entry.
import type { Cache } from '../engine/cache.ts'

/** `expired`: gone since then. `stale`: to be served once more, and made anew. `until`: gone from then on. */
type Kind = 'expired' | 'stale' | 'until'
const KINDS: readonly Kind[] = ['expired', 'stale', 'until']
const SECOND = 1000
/** Marks that a process remembers. */
const MOST_OWN = 100_000
/** Which tag, and which of its marks. */
type Name = readonly [Kind, string]

export class Marks {
  readonly #shared: Cache
  readonly #entries: Cache
  /** Marks that this process has made: where memory alone holds them, it may have to let go of one. */
  readonly #own = new Map<string, number>()
  readonly #most: number
  /**
   * The latest that it no longer remembers, by kind: a tag that it knows nothing of may have been revalidated until
   * then.
   */
  readonly #forgotten: Record<Kind, number> = { expired: 0, stale: 0, until: 0 }

  /** @param entries whose tags are those that are revalidated. @param most marks that are remembered */
  constructor(cache: Cache, entries: Cache, most = MOST_OWN) {
    this.#most = most
    this.#shared = cache.namespace('next-tags')
    this.#entries = entries
  }

  /**
   * Hears of what other replicas have revalidated: their acknowledged steps are seen by whatever is read after this.
   */
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
    const marks: [Name, number][] = tags.flatMap((tag): [Name, number][] => {
      if (durations === undefined) return [[['expired', tag], now]]
      const stale: [Name, number] = [['stale', tag], now]
      return expire === undefined ? [stale] : [stale, [['until', tag], now + expire * SECOND]]
    })
    for (const [name, at] of marks) this.#remember(name.join(), at)
    await this.#shared.setMany(marks, { ttl: Number.POSITIVE_INFINITY })
    if (durations === undefined) await this.#entries.invalidateTags(tags)
  }

  /** The latest time at which one of the tags ended all that was made before; 0: never. */
  async expiredAt(tags: readonly string[]): Promise<number> {
    const now = Date.now()
    const marks = await this.#read(tags)
    return marks.reduce((latest, { kind, at }) => (kind !== 'stale' && at <= now && at > latest ? at : latest), 0)
  }

  /** Of an entry with these tags that was made then. */
  async stateOf(tags: readonly string[], madeAt: number): Promise<'valid' | 'stale' | 'expired'> {
    const now = Date.now()
    const later = (await this.#read(tags)).filter(({ at }) => at > madeAt)
    if (later.some(({ kind, at }) => kind !== 'stale' && at <= now)) return 'expired'
    return later.some(({ kind }) => kind === 'stale') ? 'stale' : 'valid'
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

  /** A tag without marks has zeros, which are kept too: memory can say so without asking the tiers below. */
  async #read(tags: readonly string[]): Promise<{ readonly kind: Kind; readonly at: number }[]> {
    if (tags.length === 0) return []
    const names = [...new Set(tags)].flatMap((tag): Name[] => KINDS.map((kind): Name => [kind, tag]))
    const load = async (missing: readonly Name[]): Promise<number[]> =>
      missing.map((name) => this.#own.get(name.join()) ?? this.#forgotten[name[0]])
    const found = await this.#shared.getOrSetMany<Name, number>(names, { load, ttl: Number.POSITIVE_INFINITY })
    return names.map((name, at) => ({ kind: name[0], at: found[at] ?? 0 }))
  }
}
