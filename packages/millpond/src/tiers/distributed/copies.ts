// The copies of entries on the nodes: read from one that answers, written to all, and reconciled where they differ.
import type { Refusal, Stored, TierItem } from '../../core/contracts.ts'
import { MillpondError } from '../../core/errors.ts'
import { type CopiesParts, Mend } from './mend.ts'
import type { RingNode } from './node.ts'
import { Search } from './search.ts'

/** Up to this many drops are sent one by one, so that each tells whether its key existed. */
const FEW = 4

export class Copies {
  readonly #parts: CopiesParts
  readonly #mend: Mend

  constructor(parts: CopiesParts) {
    this.#parts = parts
    this.#mend = new Mend(parts)
  }

  /**
   * Each key is read from its best node that is up, and misses from all others that may have it, so that a batch is at
   * most two round trips to a node. A doubted node is read as well, and the newest copy wins.
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
    this.#mend.repair(searches)
    return searches.map((search) => search.newest(epochs))
  }

  async #ask(searches: readonly Search[], nodesOf: (search: Search) => readonly RingNode[]): Promise<void> {
    const asks = grouped(searches, nodesOf)
    await Promise.all(
      [...asks].map(async ([node, some]) => {
        node.counts.reads += some.length
        const answer = await node.guarded.read(some.map(({ key }) => key))
        if (!answer.ok) return
        for (const [at, search] of some.entries()) search.take(node, answer.value[at])
        this.#mend.answered(node)
      }),
    )
  }

  /** Resolves if a node stored any of it; items that could not be stored count as evicted. */
  async write(items: readonly TierItem[]): Promise<(Refusal | undefined)[]> {
    const { members, hints, counts } = this.#parts
    const places = items.map((_, at) => at)
    const stored = items.map(() => false)
    const refusals = new Array<Refusal | undefined>(items.length).fill(undefined)
    const keep = (node: RingNode, at: number): void => {
      const item = items[at]
      // A node that was removed meanwhile needs no hints. The caller may modify the bytes once the call has ended.
      if (item !== undefined && members.nodes.includes(node)) hints.keep(node, { ...item, body: item.body.slice() })
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
        if (answer?.ok === true) this.#mend.answered(node)
      }),
    )
    const nowhere = places.filter((at) => stored[at] !== true && refusals[at] === undefined)
    counts.unstored += nowhere.length
    if (nowhere.length > 0 && nowhere.length === items.length) throw this.#failed('write', [items[0]?.key ?? ''])
    return refusals.map((refusal, at) => (stored[at] === true ? undefined : refusal))
  }

  /**
   * Drops entries after a step of the ledger has invalidated them, on the nodes that answer. Resolves with which of
   * them existed.
   */
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

  /** Drops from every node, owner or not. @throws MillpondError `TIER_FAILED` if one did not confirm it. */
  async drop(keys: readonly string[]): Promise<number> {
    this.#parts.hints.forgetKeys(keys)
    return Math.min(keys.length, await this.#everywhere('drop', (node) => node.guarded.drop(keys)))
  }

  async clear(prefix: string): Promise<number> {
    this.#parts.hints.forgetPrefix(prefix)
    return this.#everywhere('clear', (node) => node.guarded.clear(prefix))
  }

  /** Each entry counts once, assuming that all its copies exist. */
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
        `distributed: ${what}: not all nodes have confirmed it: try again when they answer, or remove them (${failed.map(({ node }) => node.trouble).join('; ')})`,
      )
    return Math.ceil(done.reduce((sum, { outcome }) => (outcome.ok ? sum + outcome.value : sum), 0) / members.copies)
  }

  /** The node is up again. */
  answered(node: RingNode): void {
    this.#mend.answered(node)
  }

  #failed(verb: string, [key = '']: readonly string[]): MillpondError {
    const told = this.#parts.members.places(key).map(({ trouble }) => trouble)
    return new MillpondError(
      'TIER_FAILED',
      `distributed: ${verb}: none of the nodes that hold it answered: start one of them; until then it is loaded from the source (${told.join('; ')})`,
    )
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
