// The copies of entries on the nodes: read from one that answers, written to all, and brought together where they differ.
import type { Refusal, Stored, TierItem } from '../../core/contracts.ts'
import { MillpondError } from '../../core/errors.ts'
import type { Hints } from './hints.ts'
import type { Members } from './members.ts'
import type { RingNode } from './node.ts'
import type { Epochs } from './positions.ts'
import { Search } from './search.ts'

/** What was not an error and yet not as it should be, since the tier was made. */
export interface DistributedCounts {
  /** Keys that read as absent because none of the nodes that keep them answered, while others did. */
  unreachable: number
  /** Entries that no node could take, because all that keep them were away. */
  unstored: number
  /** Keys for which another copy was asked because a node did not answer. */
  failedOver: number
  /** Copies that were missing or older than another, and were written anew. */
  repaired: number
  /** Entries that were kept for a node which was away, and given to it when it was back. */
  handedOver: number
}

export interface CopiesParts {
  readonly members: Members
  readonly hints: Hints<RingNode>
  readonly epochs: Epochs
  readonly counts: DistributedCounts
  readonly now: () => number
}

/** Copies that are written anew at a time: a node that lacks everything must not be given it all at once. */
const MOST_REPAIRS = 1000
/** Entries of one command when what was kept is handed over. */
const HAND_OVER = 100
/** So many drops are sent one by one, so that each says whether its key was there. */
const FEW = 4

export class Copies {
  readonly #parts: CopiesParts
  #repairing = 0

  constructor(parts: CopiesParts) {
    this.#parts = parts
  }

  /**
   * Each key is asked of its best node that is there, and what that one does not have of all others that may, so that a batch is at most two round trips to a node. A node that is
   * doubted is asked as well, and the newest copy counts.
   */
  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const { members, epochs, counts } = this.#parts
    const searches = keys.map((key) => new Search(key, members.owners(key), members.places(key)))
    await this.#ask(searches, (search) => search.first())
    const missing = searches.filter((search) => search.found === undefined && search.hasMore)
    for (const { isHeard } of missing) if (!isHeard) counts.failedOver++
    if (missing.length > 0) await this.#ask(missing, (search) => search.rest())
    const unheard = searches.reduce((sum, { isHeard }) => (isHeard ? sum : sum + 1), 0)
    if (unheard > 0 && unheard === searches.length) throw this.#failed('read', keys)
    counts.unreachable += unheard
    this.#repair(searches)
    return searches.map((search) => search.newest(epochs))
  }

  async #ask(searches: readonly Search[], nodesOf: (search: Search) => readonly RingNode[]): Promise<void> {
    const asks = grouped(searches, nodesOf)
    await Promise.all(
      [...asks].map(async ([node, some]) => {
        const answer = await node.guarded.read(some.map(({ key }) => key))
        if (answer.ok) for (const [at, search] of some.entries()) search.take(node, answer.value[at])
      }),
    )
  }

  /** Behind the reader: owners that lack the newest copy are given it. */
  #repair(searches: readonly Search[]): void {
    const { epochs } = this.#parts
    const lacking = new Map<RingNode, TierItem[]>()
    for (const search of searches) {
      const stored = search.newest(epochs)
      if (stored === undefined) continue
      for (const node of search.lacking(epochs)) {
        if (this.#repairing >= MOST_REPAIRS) return
        this.#repairing++
        push(lacking, node, { ...stored, key: search.key })
      }
    }
    for (const [node, items] of lacking) void this.#rewrite(node, items)
  }

  async #rewrite(node: RingNode, items: readonly TierItem[]): Promise<void> {
    const written = await node.guarded.write(items)
    this.#repairing -= items.length
    if (written.ok) this.#parts.counts.repaired += items.length
  }

  /** Resolves where a node has taken any of it; what could not be stored is as if it had been evicted. */
  async write(items: readonly TierItem[]): Promise<(Refusal | undefined)[]> {
    const { members, hints, counts } = this.#parts
    const places = items.map((_, at) => at)
    const stored = items.map(() => false)
    const refusals = new Array<Refusal | undefined>(items.length).fill(undefined)
    const keep = (node: RingNode, at: number): void => {
      const item = items[at]
      // The caller may change its bytes when the call has ended.
      if (item !== undefined) hints.keep(node, { ...item, body: item.body.slice() })
    }
    const asks = grouped(places, (at) => members.owners(items[at]?.key ?? ''))
    await Promise.all(
      [...asks].map(async ([node, some]) => {
        const answer = node.isUp ? await node.guarded.write(some.flatMap((at) => items[at] ?? [])) : undefined
        for (const [index, at] of some.entries()) {
          if (answer?.ok !== true) keep(node, at)
          else if (answer.value[index] === undefined) stored[at] = true
          else refusals[at] = answer.value[index]
        }
      }),
    )
    const nowhere = places.filter((at) => stored[at] !== true && refusals[at] === undefined)
    if (nowhere.length > 0 && nowhere.length === items.length) throw this.#failed('write', [items[0]?.key ?? ''])
    counts.unstored += nowhere.length
    return refusals.map((refusal, at) => (stored[at] === true ? undefined : refusal))
  }

  /** After a step of the ledger, for which nobody believes them any more: as far as the nodes answer. Resolves with which were there. */
  async forget(keys: readonly string[]): Promise<readonly boolean[]> {
    const { members, hints } = this.#parts
    hints.forgetKeys(keys)
    const places = (key: string): readonly RingNode[] => members.places(key).filter(({ isUp }) => isUp)
    if (keys.length <= FEW)
      return Promise.all(
        keys.map(async (key) => {
          const drops = await Promise.all(places(key).map((node) => node.guarded.drop([key])))
          return drops.some((drop) => drop.ok && drop.value > 0)
        }),
      )
    const asks = [...grouped(keys, places)]
    const there = new Set<string>()
    await Promise.all(
      asks.map(async ([node, some]) => {
        const answer = await node.guarded.read(some)
        if (answer.ok) for (const [at, key] of some.entries()) if (answer.value[at] !== undefined) there.add(key)
        await node.guarded.drop(some)
      }),
    )
    return keys.map((key) => there.has(key))
  }

  /** From every node, whoever keeps it. @throws MillpondError `TIER_FAILED` where one did not confirm it. */
  async drop(keys: readonly string[]): Promise<number> {
    this.#parts.hints.forgetKeys(keys)
    return Math.min(keys.length, await this.#everywhere('drop', (node) => node.guarded.drop(keys)))
  }

  async clear(prefix: string): Promise<number> {
    this.#parts.hints.forgetPrefix(prefix)
    return this.#everywhere('clear', (node) => node.guarded.clear(prefix))
  }

  /** Each entry counts once, as far as its copies are whole. */
  async #everywhere(
    what: string,
    work: (node: RingNode) => Promise<{ readonly ok: true; readonly value: number } | { readonly ok: false }>,
  ): Promise<number> {
    const { members } = this.#parts
    const done = await Promise.all(members.all.map(async (node) => ({ node, outcome: await work(node) })))
    const failed = done.filter(({ outcome }) => !outcome.ok)
    if (failed.length > 0)
      throw new MillpondError(
        'TIER_FAILED',
        `distributed: ${what}: not all nodes have confirmed it: ${failed.map(({ node }) => node.trouble).join('; ')}`,
      )
    return Math.ceil(done.reduce((sum, { outcome }) => (outcome.ok ? sum + outcome.value : sum), 0) / members.copies)
  }

  /** Gives a node that is back what was kept for it, where it has nothing newer. */
  async handOver(node: RingNode): Promise<void> {
    const { hints, epochs, counts, now } = this.#parts
    for (let some = hints.some(node, HAND_OVER); some.length > 0; some = hints.some(node, HAND_OVER)) {
      const held = await node.guarded.read(some.map(({ key }) => key))
      if (!held.ok) return
      const wanted = some.filter((item, at) => item.expiresAt > now() && epochs.isNewer(item.key, item, held.value[at]))
      const written = await node.guarded.write(wanted)
      if (!written.ok) return
      counts.handedOver += wanted.length
      for (const item of some) hints.delivered(node, item)
    }
  }

  #failed(verb: string, [key = '']: readonly string[]): MillpondError {
    const told = this.#parts.members.places(key).map(({ trouble }) => trouble)
    return new MillpondError('TIER_FAILED', `distributed: ${verb}: none of the nodes that keep it answered: ${told.join('; ')}`)
  }
}

function grouped<I>(items: readonly I[], nodesOf: (item: I) => readonly RingNode[]): Map<RingNode, I[]> {
  const groups = new Map<RingNode, I[]>()
  for (const item of items) for (const node of nodesOf(item)) push(groups, node, item)
  return groups
}

function push<K, I>(groups: Map<K, I[]>, to: K, item: I): void {
  const group = groups.get(to)
  if (group === undefined) groups.set(to, [item])
  else group.push(item)
}
