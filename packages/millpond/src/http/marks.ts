// Keys with a fact about them, for a while: bounded, the oldest dropped first.

const MOST = 10_000

export class Marks {
  readonly #until = new Map<string, number>()
  readonly #ms: number
  readonly #now: () => number

  constructor(ms: number, now: () => number) {
    this.#ms = ms
    this.#now = now
  }

  has(key: string): boolean {
    const until = this.#until.get(key)
    if (until === undefined) return false
    if (until > this.#now()) return true
    this.#until.delete(key)
    return false
  }

  add(key: string): void {
    this.#until.delete(key)
    this.#until.set(key, this.#now() + this.#ms)
    if (this.#until.size > MOST) this.#until.delete(this.#until.keys().next().value as string)
  }

  delete(key: string): void {
    this.#until.delete(key)
  }
}
