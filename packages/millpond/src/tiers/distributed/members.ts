// Who is in the ring now, and who kept what before: while keys move they are looked for where they were, too.
import type { RingNode } from './node.ts'
import { type Owners, rendezvous } from './rendezvous.ts'

/**
 * A key that was not moved is looked for in its old places for so long, where nobody can say that all have been moved.
 */
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
  /** A node that left and came again is another object, and the same store. */
  #named: ReadonlyMap<string, RingNode>
  /** Out of the ring, and still read from. */
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

  /** Those too that are on their way out. */
  get all(): readonly RingNode[] {
    return [...this.#nodes, ...this.#leaving]
  }

  owners(key: string): readonly RingNode[] {
    return this.#owners(key)
  }

  /** Where it may lie: its owners, and those that were before. */
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

  /** Has it other owners than before? */
  hasMoved(key: string): boolean {
    const owners = this.#owners(key)
    return this.#formers.some(({ owners: before }) =>
      before(key).some(({ name }) => !owners.some((owner) => owner.name === name)),
    )
  }

  /** `nodes`: from now on. */
  change(nodes: readonly RingNode[]): void {
    this.#formers = [...this.#formers, { owners: this.#owners, until: this.#now() + FORMER_MS }]
    this.#leaving = [...this.#leaving, ...this.#nodes].filter((node) => !nodes.some(({ name }) => name === node.name))
    this.#nodes = nodes
    this.#owners = rendezvous(nodes, this.copies)
    this.#named = new Map(this.all.map((node) => [node.name, node]))
  }

  /** On its way out, under this name. */
  leaving(name: string): RingNode | undefined {
    return this.#leaving.find((node) => node.name === name)
  }

  /** Everything lies with its owners. */
  settled(): void {
    this.#formers = []
  }

  /** Nodes that have left for good. */
  released(): readonly RingNode[] {
    const released = this.#leaving
    this.#leaving = []
    this.#named = new Map(this.#nodes.map((node) => [node.name, node]))
    return released
  }
}
