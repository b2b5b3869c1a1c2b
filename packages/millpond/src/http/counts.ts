// Plain counters: for metrics, and to see why nothing hits.
import type { Outcome } from './fetching.ts'

export interface HttpStats {
  /** Served from the store without validation. */
  readonly hits: number
  /** Validated, and confirmed by a 304. */
  readonly validated: number
  /** Served stale, since the origin failed. */
  readonly stale: number
  /** Fetched, and stored. */
  readonly stored: number
  /** Forwarded without being stored, by reason. */
  readonly passed: Readonly<Record<string, number>>
  /** Waited for another request's fetch, and shared its answer. */
  readonly collapsed: number
  /** The origin was unreachable, and no stored answer could be used. */
  readonly failed: number
}

export class Counts {
  hits = 0
  #validated = 0
  #stale = 0
  #stored = 0
  #collapsed = 0
  #failed = 0
  readonly #passed: Record<string, number> = {}

  count(outcome: Outcome, isCollapsed: boolean): void {
    if (isCollapsed) this.#collapsed++
    else if (outcome.kind === 'confirmed') this.#validated++
    else if (outcome.kind === 'stale') this.#stale++
    else if (outcome.kind === 'failed') this.#failed++
    else if (outcome.meta !== undefined) this.#stored++
    else this.#pass(outcome.refusal ?? 'bypass')
  }

  #pass(refusal: string): void {
    this.#passed[refusal] = (this.#passed[refusal] ?? 0) + 1
  }

  read(): HttpStats {
    return {
      hits: this.hits,
      validated: this.#validated,
      stale: this.#stale,
      stored: this.#stored,
      passed: { ...this.#passed },
      collapsed: this.#collapsed,
      failed: this.#failed,
    }
  }
}
