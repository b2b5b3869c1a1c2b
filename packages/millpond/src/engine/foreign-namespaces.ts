// Entries computed from another namespace's entries: each is judged by its own namespace's ledger, from the position at
// which it was read.
//
// Nothing is sent from one namespace's ledger to another's, so nothing can be lost between them: the reader asks both.
// If a namespace's ledger does not answer, entries computed from it are not accepted, like its own.
import { type ForeignEntry, isForeignTag, parseForeignTag } from '../core/dependency.ts'
import type { Blame, Judgement, LedgerView } from '../core/ledger-view.ts'
import type { Consistency } from '../core/options.ts'
import { decodeToken } from '../invalidate/token.ts'
import type { Ledger } from './ledger.ts'

/** How many parsed tags are cached. */
const MAX_PARSED = 10_000

/** How recent a read must be. */
export interface Demand {
  readonly consistency: Consistency
  /** What the reader has seen elsewhere: `cache.token()`. */
  readonly after?: string | undefined
}

/** The part of a space that another one needs. */
interface ForeignNamespace {
  readonly id: { readonly name: string; readonly prefix: string }
  readonly ledger: Ledger
}

export class ForeignNamespaces {
  readonly #spaceOf: (namespace: string) => ForeignNamespace | undefined
  readonly #parsed = new Map<string, ForeignEntry | undefined>()
  /** Namespaces whose ledgers have been asked for this, so that a read that demands the latest knows which to ask. */
  readonly #asked = new Map<string, ForeignNamespace>()

  /** `spaceOf`: undefined if there can be none. */
  constructor(spaceOf: (namespace: string) => ForeignNamespace | undefined) {
    this.#spaceOf = spaceOf
  }

  /**
   * Whether entries with these tags may be accepted, as far as other namespaces are concerned. `unheard`: one of their
   * ledgers has to be asked first. Judging without a reader does not count as use, for which they would be polled.
   */
  judge(tags: readonly string[], isForReader = true): Judgement | 'unheard' {
    let worst: Judgement = 'valid'
    for (const tag of tags) {
      if (!isForeignTag(tag)) continue
      const from = this.#parse(tag)
      const there = from && this.#spaceOf(from.namespace)
      if (from === undefined || there === undefined) return 'invalid'
      if (!this.#isHeard(there, isForReader)) return 'unheard'
      const judgement = judgeForeign(there.ledger.view, from)
      if (judgement === 'invalid') return 'invalid'
      if (judgement === 'stale') worst = 'stale'
    }
    return worst
  }

  /** Which target there has invalidated what was read. Its number belongs to that ledger, so it is omitted. */
  blame(tags: readonly string[]): Blame | undefined {
    for (const tag of tags) {
      const from = isForeignTag(tag) ? this.#parse(tag) : undefined
      const view = from && this.#spaceOf(from.namespace)?.ledger.view
      if (from === undefined || view === undefined || judgeForeign(view, from) === 'valid') continue
      const { kind, name } = view.blameDependent(from.key, from.tags, from.asOf.seq) ?? { kind: 'clear', name: '' }
      return { kind, name, seq: 0 }
    }
    return undefined
  }

  /** Asks the ledgers that have to be asked before these tags can be judged; undefined if there are none. */
  hear(lists: Iterable<readonly string[] | undefined>): Promise<unknown> | undefined {
    const unheard = new Map<string, ForeignNamespace>()
    for (const tags of lists) {
      for (const tag of tags ?? []) {
        const from = isForeignTag(tag) ? this.#parse(tag) : undefined
        const there = from && this.#spaceOf(from.namespace)
        if (there !== undefined && !this.#isHeard(there)) unheard.set(there.id.name, there)
      }
    }
    return unheard.size === 0 ? undefined : Promise.all([...unheard].map(([name, there]) => this.#ask(name, there)))
  }

  /**
   * Brings other namespaces' views up to what a read demands, synchronously if they are. `false`: one of their ledgers
   * does not answer.
   */
  catchUp({ consistency, after }: Demand): true | Promise<boolean> {
    const isStrong = consistency === 'strong'
    const seen = isStrong || after === undefined ? undefined : decodeToken(after)
    if (!isStrong && seen === undefined) return true
    const asking: Promise<boolean>[] = []
    for (const { id, ledger } of this.#asked.values()) {
      const position = seen?.get(id.prefix)
      if (isStrong) asking.push(ledger.refresh())
      else if (position !== undefined) asking.push(ledger.reach(position))
    }
    return asking.length === 0 ? true : Promise.all(asking).then((answers) => answers.every(Boolean))
  }

  /** The namespace has closed. */
  forget(namespace: string): void {
    this.#asked.delete(namespace)
  }

  /** The first question is always sent: a reader that demands the latest did not know of this namespace. */
  #ask(name: string, there: ForeignNamespace): Promise<boolean> {
    if (this.#asked.get(name) === there) return there.ledger.ensure()
    this.#asked.set(name, there)
    return there.ledger.refresh()
  }

  #isHeard({ id, ledger }: ForeignNamespace, isForReader = true): boolean {
    if (ledger.isLocal) return true
    return this.#asked.get(id.name)?.ledger === ledger && (isForReader ? ledger.trusted() : ledger.isTrusted)
  }

  #parse(tag: string): ForeignEntry | undefined {
    const known = this.#parsed.get(tag)
    if (known !== undefined) return known
    if (this.#parsed.size >= MAX_PARSED) this.#parsed.clear()
    const from = parseForeignTag(tag)
    this.#parsed.set(tag, from)
    return from
  }
}

const judgeForeign = (view: LedgerView, { key, tags, asOf }: ForeignEntry): Judgement =>
  asOf.epoch === view.epoch ? view.judgeDependent(key, tags, asOf.seq) : 'invalid'
