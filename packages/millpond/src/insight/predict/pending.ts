// Candidates with a pending outcome: each is read within its time, or is not. Oldest first; one per key.

export class Pending {
  readonly features: Uint16Array
  readonly told: Float32Array
  readonly pattern: Uint8Array
  /** The number of loads, and of prefetches, when it was proposed. */
  readonly since: Uint32Array
  readonly issuedBefore: Uint32Array
  /** The key whose read proposed it. */
  readonly by: Int32Array
  /** Its kind: a number defined by the predictor. */
  readonly kind: Uint8Array
  readonly #hashes: Int32Array
  readonly #isOpen: Uint8Array
  readonly #heads: Int32Array
  readonly #links: Int32Array
  readonly #mask: number
  #from = 0
  #count = 0

  /** `places`: a power of two. */
  constructor(places: number, features: number) {
    this.#mask = places - 1
    this.features = new Uint16Array(places * features)
    this.told = new Float32Array(places)
    this.pattern = new Uint8Array(places)
    this.since = new Uint32Array(places)
    this.issuedBefore = new Uint32Array(places)
    this.by = new Int32Array(places)
    this.kind = new Uint8Array(places)
    this.#hashes = new Int32Array(places)
    this.#isOpen = new Uint8Array(places)
    this.#heads = new Int32Array(places).fill(-1)
    this.#links = new Int32Array(places)
  }

  get size(): number {
    return this.#count
  }

  hash(at: number): number {
    return this.#hashes[at] as number
  }

  /** -1: none. */
  find(hash: number): number {
    let at = this.#heads[this.#bucket(hash)] as number
    while (at >= 0 && this.#hashes[at] !== hash) at = this.#links[at] as number
    return at
  }

  /** Requires room, and that the key is not pending. */
  add(hash: number): number {
    const at = (this.#from + this.#count++) & this.#mask
    const bucket = this.#bucket(hash)
    this.#hashes[at] = hash
    this.#isOpen[at] = 1
    this.#links[at] = this.#heads[bucket] as number
    this.#heads[bucket] = at
    return at
  }

  /** Marks its outcome as known. */
  end(at: number): void {
    this.#isOpen[at] = 0
    const bucket = this.#bucket(this.#hashes[at] as number)
    const after = this.#links[at] as number
    let one = this.#heads[bucket] as number
    if (one === at) this.#heads[bucket] = after
    else {
      while (this.#links[one] !== at) one = this.#links[one] as number
      this.#links[one] = after
    }
  }

  /** The oldest pending one; -1: there is none. */
  oldest(): number {
    while (this.#count > 0) {
      if (this.#isOpen[this.#from] === 1) return this.#from
      this.#from = (this.#from + 1) & this.#mask
      this.#count--
    }
    return -1
  }

  #bucket(hash: number): number {
    return (Math.imul(hash, 0x9e3779b1) >>> 8) & this.#mask
  }
}
