// One key of a read: which nodes may have it, which were read, and their replies.
import type { Stored } from '../../core/contracts.ts'
import type { RingNode } from './node.ts'
import type { Epochs } from './positions.ts'

export class Search {
  readonly key: string
  readonly #owners: readonly RingNode[]
  /** Nodes that are up and have not been read yet. */
  #left: readonly RingNode[]
  readonly #answers: { readonly node: RingNode; readonly stored: Stored | undefined }[] = []

  constructor(key: string, owners: readonly RingNode[], places: readonly RingNode[]) {
    this.key = key
    this.#owners = owners
    this.#left = places.filter(({ isUp }) => isUp)
  }

  /** The nodes to read first: the best and all doubted ones, or all if the best is doubted itself. */
  first(): readonly RingNode[] {
    const [best] = this.#left
    return this.#take((node) => node === best || node.isDoubted || best?.isDoubted === true)
  }

  rest(): readonly RingNode[] {
    return this.#take(() => true)
  }

  get hasMore(): boolean {
    return this.#left.length > 0
  }

  take(node: RingNode, stored: Stored | undefined): void {
    this.#answers.push({ node, stored })
  }

  /** Whether a node has answered. */
  get isHeard(): boolean {
    return this.#answers.length > 0
  }

  /** The first copy found. */
  get found(): Stored | undefined {
    return this.#answers.find(({ stored }) => stored !== undefined)?.stored
  }

  newest(epochs: Epochs): Stored | undefined {
    let newest: Stored | undefined
    for (const { stored } of this.#answers)
      if (stored !== undefined && epochs.isNewer(this.key, stored, newest)) newest = stored
    return newest
  }

  /** Owners that replied that they have no copy, or an older one. */
  lacking(epochs: Epochs): readonly RingNode[] {
    const newest = this.newest(epochs)
    if (newest === undefined) return []
    return this.#answers.flatMap(({ node, stored }) =>
      stored !== newest &&
      this.#owners.includes(node) &&
      (stored === undefined || epochs.isNewer(this.key, newest, stored))
        ? [node]
        : [],
    )
  }

  #take(isAsked: (node: RingNode) => boolean): readonly RingNode[] {
    const taken = this.#left.filter(isAsked)
    this.#left = taken.length === this.#left.length ? [] : this.#left.filter((node) => !isAsked(node))
    return taken
  }
}
