// How many credentials were refused in the last minute: many suggest an attack.
const SECONDS = 60

export class Refusals {
  readonly #counts = new Map<number, number>()

  count(): void {
    const second = Math.floor(performance.now() / 1000)
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + 1)
    if (this.#counts.size > SECONDS) this.#forget(second)
  }

  lastMinute(): number {
    this.#forget(Math.floor(performance.now() / 1000))
    let all = 0
    for (const count of this.#counts.values()) all += count
    return all
  }

  #forget(now: number): void {
    for (const second of this.#counts.keys()) if (now - second >= SECONDS) this.#counts.delete(second)
  }
}
