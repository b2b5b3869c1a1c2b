// Which of several rivals is best, by the requests on which they differed.

/** The share of the tallies kept after each round: traffic of some ten rounds ago no longer counts. */
export const MEMORY = 0.75
/** The lead that a rival needs, as a share of all requests, beside some standard deviations of the difference. */
const MARGIN = 0.005

/** A champion among rivals. */
export class Duel {
  champion: number
  /** Requests that the rival would have hit and some other would have missed. */
  readonly #hits: Float64Array
  /** Requests on which rival and champion differed. */
  readonly #apart: Float64Array
  /** So far, earlier ones counting less. */
  requests = 0

  constructor(rivals: number, champion: number) {
    this.champion = champion
    this.#hits = new Float64Array(rivals)
    this.#apart = new Float64Array(rivals)
  }

  /** A request that all rivals hit, or all missed. */
  tie(): void {
    this.requests++
  }

  /** `held`: a bit for each rival that holds it. */
  request(held: number): void {
    this.requests++
    const wasHit = (held >>> this.champion) & 1
    for (let rival = 0; rival < this.#hits.length; rival++) {
      const isHit = (held >>> rival) & 1
      if (isHit !== wasHit) this.#apart[rival] = (this.#apart[rival] ?? 0) + 1
      if (isHit === 1) this.#hits[rival] = (this.#hits[rival] ?? 0) + 1
    }
  }

  /** `sigmas`: the standard deviations that a rival must be ahead. */
  judge(sigmas: number): void {
    const best = this.#best(sigmas)
    if (best === this.champion) return
    this.champion = best
    this.#apart.fill(0)
  }

  /** A round has ended. */
  fade(): void {
    this.requests *= MEMORY
    for (let rival = 0; rival < this.#hits.length; rival++) {
      this.#hits[rival] = (this.#hits[rival] ?? 0) * MEMORY
      this.#apart[rival] = (this.#apart[rival] ?? 0) * MEMORY
    }
  }

  #best(sigmas: number): number {
    const own = this.#hits[this.champion] ?? 0
    let best = this.champion
    let most = 0
    for (let rival = 0; rival < this.#hits.length; rival++) {
      const ahead = (this.#hits[rival] ?? 0) - own
      if (ahead <= most || ahead < MARGIN * this.requests + sigmas * Math.sqrt(this.#apart[rival] ?? 0)) continue
      best = rival
      most = ahead
    }
    return best
  }
}
