// Which answers were overtaken by an invalidation on their way: what this cache will not believe a CDN behind it must not keep.
//
// The ledger judges what is stored here, in every process. A client's head leaves before that, so what was invalidated while the origin was asked is looked up among
// the last of this process's own purges; for what came before those, any answer counts as overtaken.

const MOST = 1000

type Covers = (primary: string, tags: readonly string[]) => boolean

export class Overtaken {
  readonly #purges: { readonly at: number; readonly covers: Covers }[] = []
  #now = 0

  /** The moment at which a question is put. */
  get now(): number {
    return this.#now
  }

  tags(tags: readonly string[]): void {
    const named = new Set(tags)
    this.#note((_, its) => its.some((tag) => named.has(tag)))
  }

  prefix(prefix: string): void {
    this.#note((primary) => primary.startsWith(prefix))
  }

  all(): void {
    this.#note(() => true)
  }

  #note(covers: Covers): void {
    this.#purges.push({ at: ++this.#now, covers })
    if (this.#purges.length > MOST) this.#purges.shift()
  }

  /** Has something been invalidated since that concerns such an answer? */
  since(asked: number, primary: string, tags: () => readonly string[]): boolean {
    if (asked === this.#now) return false
    const [oldest] = this.#purges
    if (oldest !== undefined && oldest.at > asked + 1) return true
    const its = tags()
    return this.#purges.some(({ at, covers }) => at > asked && covers(primary, its))
  }
}
