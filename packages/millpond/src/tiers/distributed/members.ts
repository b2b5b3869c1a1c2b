// Who is in the ring now, and who kept what before: while keys move they are looked for where they were, too.
import type { RingNode } from './node.ts'
import { type Owners, rendezvous } from './rendezvous.ts'

/** A key that was not moved is looked for in its old places for so long, where nobody can say that all have been moved. */
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
  /** Out of the ring, and still read from. */
  #leaving: readonly RingNode[] = []

  /** @param now monotonic milliseconds */
  constructor(nodes: readonly RingNode[], copies: number, now: () => number) {
    this.copies = copies
    this.#now = now
    this.#nodes = nodes
    this.#owners = rendezvous(nodes, copies)
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
    if (this.#formers.length === 0) return owners
    const now = this.#now()
    const places = new Set(owners)
    for (const { owners: before, until } of this.#formers) if (now < until) for (const node of before(key)) places.add(node)
    return [...places]
  }

  /** Has it other owners than before? */
  hasMoved(key: string): boolean {
    const owners = this.#owners(key)
    return this.#formers.some(({ owners: before }) => before(key).some((node, at) => owners[at] !== node && !owners.includes(node)))
  }

  /** `nodes`: from now on. */
  change(nodes: readonly RingNode[]): void {
    this.#formers = [...this.#formers, { owners: this.#owners, until: this.#now() + FORMER_MS }]
    this.#leaving = [...this.#leaving, ...this.#nodes.filter((node) => !nodes.includes(node))]
    this.#nodes = nodes
    this.#owners = rendezvous(nodes, this.copies)
  }

  /** Everything lies with its owners. */
  settled(): void {
    this.#formers = []
  }

  /** Nodes that have left for good. */
  released(): readonly RingNode[] {
    const released = this.#leaving
    this.#leaving = []
    return released
  }
}
