// Hinted handoff: the newest entry per key for each node that is down, within limits, in this process only.
//
// Hints carry only values: a node need not learn that a key was invalidated, since the ledger tells all readers.
import type { TierItem } from '../../core/contracts.ts'

export class Hints<N extends object> {
  readonly #maxEntries: number
  readonly #maxBytes: number
  readonly #onLoss: (node: N) => void
  /** Oldest first. */
  readonly #kept = new Map<N, Map<string, TierItem>>()
  entries = 0
  bytes = 0

  /** `onLoss` is called for each entry that is discarded for lack of space. */
  constructor(bounds: { readonly maxEntries: number; readonly maxBytes: number }, onLoss: (node: N) => void) {
    this.#maxEntries = bounds.maxEntries
    this.#maxBytes = bounds.maxBytes
    this.#onLoss = onLoss
  }

  keep(node: N, item: TierItem): void {
    if (this.#maxEntries === 0) return
    let its = this.#kept.get(node)
    if (its === undefined) {
      its = new Map()
      this.#kept.set(node, its)
    }
    this.#remove(its, item.key)
    its.set(item.key, item)
    this.entries++
    this.bytes += item.body.length
    while (this.entries > this.#maxEntries || this.bytes > this.#maxBytes) this.#letGo()
  }

  countOf(node: N): number {
    return this.#kept.get(node)?.size ?? 0
  }

  /** The oldest hints; they stay until `delivered` or forgotten. */
  some(node: N, most: number): readonly TierItem[] {
    const found: TierItem[] = []
    for (const item of this.#kept.get(node)?.values() ?? []) {
      if (found.length === most) break
      found.push(item)
    }
    return found
  }

  /** The node has the item, or a newer one; a hint replaced meanwhile stays. */
  delivered(node: N, item: TierItem): void {
    const its = this.#kept.get(node)
    if (its?.get(item.key) === item) this.#remove(its, item.key)
  }

  forgetKeys(keys: readonly string[]): void {
    if (this.entries === 0) return
    for (const its of this.#kept.values()) for (const key of keys) this.#remove(its, key)
  }

  forgetPrefix(prefix: string): void {
    for (const its of this.#kept.values())
      for (const key of [...its.keys()]) if (key.startsWith(prefix)) this.#remove(its, key)
  }

  forgetNode(node: N): void {
    const its = this.#kept.get(node)
    for (const key of [...(its?.keys() ?? [])]) if (its !== undefined) this.#remove(its, key)
    this.#kept.delete(node)
  }

  #remove(its: Map<string, TierItem>, key: string): void {
    const item = its.get(key)
    if (item === undefined) return
    its.delete(key)
    this.entries--
    this.bytes -= item.body.length
  }

  /** Discards the oldest hint of the node that has the most. */
  #letGo(): void {
    let from: N | undefined
    for (const [node, its] of this.#kept) if (its.size > (from === undefined ? 0 : this.countOf(from))) from = node
    const its = from && this.#kept.get(from)
    const [oldest] = its?.keys() ?? []
    if (from === undefined || its === undefined || oldest === undefined) return
    this.#remove(its, oldest)
    this.#onLoss(from)
  }
}
