// A cache of keys for tests: the least recently used leaves.
export class LruCache {
  readonly #keys = new Set<string>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** Whether it is there; if not, it is now. */
  read(key: string): boolean {
    const isHit = this.#keys.delete(key)
    this.add(key)
    return isHit
  }

  add(key: string): void {
    this.#keys.delete(key)
    this.#keys.add(key)
    if (this.#keys.size <= this.#most) return
    const [oldest] = this.#keys
    if (oldest !== undefined) this.#keys.delete(oldest)
  }
}
