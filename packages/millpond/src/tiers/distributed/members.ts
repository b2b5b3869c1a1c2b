// The current and former members of the ring: while keys move, they are also looked up at their former owners.
import type { RingNode } from './node.ts'
import { type Owners, rendezvous } from './rendezvous.ts'

/** How long a key is also looked up at its former owners if it is unknown whether all keys have been moved. */
export const FORMER_MS = 600_000

interface Former {
  readonly owners: Owners<RingNode>
  /** Monotonic milliseconds. */
  readonly until: number
}

export class Members {
  readonly copies: number
  readonly #now: () => number
  #nodes: readonly RingNode[]
  #owners: Owners<RingNode>
  #formers: readonly Former[] = []
  /** A node that left and returned is another object, but the same store. */
  #named: ReadonlyMap<string, RingNode>
  /** Removed from the ring, but still read. */
  #leaving: readonly RingNode[] = []

  /** @param now monotonic milliseconds */
  constructor(nodes: readonly RingNode[], copies: number, now: () => number) {
    this.copies = copies
    this.#now = now
    this.#nodes = nodes
    this.#owners = rendezvous(nodes, copies)
    this.#named = new Map(nodes.map((node) => [node.name, node]))
  }

  get nodes(): readonly RingNode[] {
    return this.#nodes
  }

  /** All nodes, including those being removed. */
  get all(): readonly RingNode[] {
    return [...this.#nodes, ...this.#leaving]
  }

  owners(key: string): readonly RingNode[] {
    return this.#owners(key)
  }

  /** Where the key may be stored: its owners and former owners. */
  places(key: string): readonly RingNode[] {
    const owners = this.#owners(key)
    const latest = this.#formers.at(-1)
    const now = this.#now()
    if (latest === undefined || now >= latest.until) return owners
    const places = new Set(owners)
    for (const { owners: before, until } of this.#formers) {
      if (now >= until) continue
      for (const { name } of before(key)) {
        const node = this.#named.get(name)
        if (node !== undefined) places.add(node)
      }
    }
    return [...places]
  }

  /** Whether the key's owners have changed. */
  hasMoved(key: string): boolean {
    const owners = this.#owners(key)
    return this.#formers.some(({ owners: before }) =>
      before(key).some(({ name }) => !owners.some((owner) => owner.name === name)),
    )
  }

  /** Replaces the members with `nodes`. */
  change(nodes: readonly RingNode[]): void {
    this.#formers = [...this.#formers, { owners: this.#owners, until: this.#now() + FORMER_MS }]
    this.#leaving = [...this.#leaving, ...this.#nodes].filter((node) => !nodes.some(({ name }) => name === node.name))
    this.#nodes = nodes
    this.#owners = rendezvous(nodes, this.copies)
    this.#named = new Map(this.all.map((node) => [node.name, node]))
  }

  /** The node of this name that is being removed. */
  leaving(name: string): RingNode | undefined {
    return this.#leaving.find((node) => node.name === name)
  }

  /** All entries are at their owners now. */
  settled(): void {
    this.#formers = []
  }

  /** Returns the nodes being removed, which are released for good. */
  released(): readonly RingNode[] {
    const released = this.#leaving
    this.#leaving = []
    this.#named = new Map(this.#nodes.map((node) => [node.name, node]))
    return released
  }
}
