// What was invalidated in this process while the ledger could not be told, numbered in its order here.
//
// A load that was under way then is outdated if its tags say that it is concerned. One that learns its tags from its
// loader is judged when it is joined, and when it ends. All others stay the only load of their key: a tag of which the
// ledger cannot be told is no reason to load everything else twice. From the moment at which the ledger has the step,
// its number judges loads as always.
import type { Target } from '../core/ledger.ts'
import { LedgerView } from '../core/ledger-view.ts'

/** Above this many keys or tags the oldest concern every load that began before them. */
const MAX_TARGETS = 1000

export class UntoldInvalidations {
  readonly #compile: (pattern: string) => (key: string) => boolean
  #view: LedgerView | undefined

  constructor(compile: (pattern: string) => (key: string) => boolean) {
    this.#compile = compile
  }

  /** How many there have been. */
  get count(): number {
    return this.#view?.head ?? 0
  }

  add(targets: readonly Target[], mode: 'delete' | 'expire'): void {
    this.#view ??= new LedgerView(() => '', { compile: this.#compile, maxTargets: MAX_TARGETS })
    this.#view.apply({ seq: this.#view.head + 1, targets, mode, reason: '', id: '' })
  }

  /** Whether what has the key and the tags, and began when there had been `before`, may not be stored. */
  concern(key: string, tags: readonly string[], before: number): boolean {
    return this.#view !== undefined && this.#view.judge(key, tags, before) !== 'valid'
  }

  /** The number of the last one that makes it too old for later readers; 0 if there has been none since. */
  last(key: string, tags: readonly string[], before: number): number {
    if (this.#view === undefined || before >= this.#view.head) return 0
    const moved = this.#view.concerning(key, tags)
    return moved > before ? moved : 0
  }
}
