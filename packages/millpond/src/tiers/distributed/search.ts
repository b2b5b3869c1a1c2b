// One key of a read: who may have it, who was asked, and what they said.
import type { Stored } from '../../core/contracts.ts'
import type { RingNode } from './node.ts'
import type { Epochs } from './positions.ts'

export class Search {
  readonly key: string
  readonly #owners: readonly RingNode[]
  /** Those that are there, and have not been asked. */
  #left: readonly RingNode[]
  readonly #answers: { readonly node: RingNode; readonly stored: Stored | undefined }[] = []

  constructor(key: string, owners: readonly RingNode[], places: readonly RingNode[]) {
    this.key = key
    this.#owners = owners
    this.#left = places.filter(({ isUp }) => isUp)
  }

  /** Whom to ask first: the best, with it whoever is doubted, and if it is doubted itself all. */
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

  /** Somebody has answered. */
  get isHeard(): boolean {
    return this.#answers.length > 0
  }

  /** Somebody has it. */
  get found(): Stored | undefined {
    return this.#answers.find(({ stored }) => stored !== undefined)?.stored
  }

  newest(epochs: Epochs): Stored | undefined {
    let newest: Stored | undefined
    for (const { stored } of this.#answers)
      if (stored !== undefined && epochs.isNewer(this.key, stored, newest)) newest = stored
    return newest
  }

  /** Owners that have said that they have nothing, or something older. */
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
