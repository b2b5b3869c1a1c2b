// Limits extra calls to a share of the regular ones, plus a small burst. A token bucket, filled by calls rather than by
// time, so that the share holds at any load (like gRPC's retry throttling, gRFC A6, and Finagle's RetryBudget).

/** The burst. */
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

  /** A regular call. */
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
