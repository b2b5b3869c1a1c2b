// Repairs copies in the background: those that a read found missing or outdated, and hints for a node that did not
// answer.
import type { TierItem } from '../../core/contracts.ts'
import type { DistributedCounts } from './counts.ts'
import type { Hints } from './hints.ts'
import type { Members } from './members.ts'
import type { RingNode } from './node.ts'
import type { Epochs } from './positions.ts'
import type { Search } from './search.ts'

/** The parts that `Copies` and `Mend` use. */
export interface CopiesParts {
  readonly members: Members
  readonly hints: Hints<RingNode>
  readonly epochs: Epochs
  readonly counts: DistributedCounts
  readonly now: () => number
}

/** Maximum copies repaired at a time: a node that lacks everything must not get all of it at once. */
const MOST_REPAIRS = 1000
/** Entries per command when hints are delivered. */
const HAND_OVER = 100

export class Mend {
  readonly #parts: CopiesParts
  #repairing = 0
  readonly #handing = new Set<RingNode>()

  constructor(parts: CopiesParts) {
    this.#parts = parts
  }

  /** Writes the newest copy to owners that lack it; what exceeds the limit is left to a later read. */
  repair(searches: readonly Search[]): void {
    const { epochs } = this.#parts
    const lacking = new Map<RingNode, TierItem[]>()
    for (const search of searches) {
      const stored = search.newest(epochs)
      if (stored === undefined) continue
      for (const node of search.lacking(epochs)) {
        if (this.#repairing >= MOST_REPAIRS) continue
        this.#repairing++
        const items = lacking.get(node) ?? []
        items.push({ ...stored, key: search.key })
        lacking.set(node, items)
      }
    }
    for (const [node, items] of lacking) void this.#rewrite(node, items)
  }

  async #rewrite(node: RingNode, items: readonly TierItem[]): Promise<void> {
    const written = await node.guarded.write(items)
    this.#repairing -= items.length
    if (!written.ok) return
    this.#parts.counts.repaired += items.length
    node.counts.repaired += items.length
  }

  /** The node has answered: delivers its hints, unless it has newer entries. */
  answered(node: RingNode): void {
    if (this.#parts.hints.countOf(node) === 0 || this.#handing.has(node)) return
    this.#handing.add(node)
    void this.#handOver(node).finally(() => this.#handing.delete(node))
  }

  async #handOver(node: RingNode): Promise<void> {
    const { hints, epochs, counts, now } = this.#parts
    for (let some = hints.some(node, HAND_OVER); some.length > 0; some = hints.some(node, HAND_OVER)) {
      const held = await node.guarded.read(some.map(({ key }) => key))
      if (!held.ok) return
      const wanted = some.filter((item, at) => item.expiresAt > now() && epochs.isNewer(item.key, item, held.value[at]))
      const written = await node.guarded.write(wanted)
      if (!written.ok) return
      counts.handedOver += wanted.length
      node.counts.handedOver += wanted.length
      for (const item of some) hints.delivered(node, item)
    }
  }
}
