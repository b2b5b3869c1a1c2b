// How much may be done beside what was asked for: a share of it, and a few at once. A bucket of tokens, filled by what
// is asked rather than by time, so that it is a share at any load (as the retry throttling of gRPC, gRFC A6, and
// Finagle's RetryBudget).

/** What may be done at once. */
const BURST = 10

export class Budget {
  #share: number
  #tokens = BURST

  constructor(share: number) {
    this.#share = share
  }

  configure(share: number): void {
    this.#share = share
  }

  /** Something was asked for. */
  earn(): void {
    this.#tokens = Math.min(BURST, this.#tokens + this.#share)
  }

  /** `false`: not within the share. */
  spend(): boolean {
    if (this.#share === 0 || this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
