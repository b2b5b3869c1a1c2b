// A walk over all entries of the nodes, at a limited pace, that brings each entry to its owners: after a node joined or
// left, or to restore missing copies.
//
// Positions decide: a copy is written only if there is none, or an older one, and dropped from a node that no longer
// owns it once its owners have it. Between comparing and writing another process may have written something newer: the
// older copy then replaces it there, which costs a miss but no wrong result.
import { randomUUID } from 'node:crypto'
import type { Clock, LedgerStore, TierItem } from '../../core/contracts.ts'
import { MillpondError, reasonOf } from '../../core/errors.ts'
import { hashOf } from '../../core/key-hash.ts'
import { Deadlines } from '../../wrap/deadlines.ts'
import type { Members } from './members.ts'
import type { RingNode } from './node.ts'
import type { Epochs } from './positions.ts'

/** The result of a move. */
export interface MoveReport {
  /** Keys examined, each once per copy. */
  readonly keys: number
  /** Copies written to nodes that own the key now. */
  readonly copied: number
  /** Bytes of their bodies. */
  readonly bytes: number
  /** Copies dropped from nodes that no longer own the key. */
  readonly dropped: number
  /**
   * Nodes that could not be walked to the end, each with the reason: entries that only they hold have not been moved.
   */
  readonly failed: readonly { readonly node: string; readonly reason: string }[]
  /**
   * `done`: every entry that could be reached is where it belongs. `elsewhere`: another process is moving. `ended`:
   * interrupted by another change of the ring, or by `close`.
   */
  readonly outcome: 'done' | 'incomplete' | 'elsewhere' | 'ended'
  /** How long it took, in milliseconds. */
  readonly ms: number
}

export interface WalkParts {
  readonly members: Members
  readonly epochs: Epochs
  readonly ledger: LedgerStore
  readonly clock: Clock
  readonly perSecond: number
}

const STEP = 100
/** The namespace of walks' leases. */
const LEASES = 'millpond:ring:'
const LEASE_MS = 30_000
const RENEW_MS = 10_000
/** The longest that a node may take to list its next keys. */
const LIST_MS = 5000

export class Walk {
  readonly #parts: WalkParts
  readonly #deadlines: Deadlines
  /** Whether all keys are examined, or only those whose owners changed. */
  readonly #isWhole: boolean
  readonly #id = randomUUID()
  readonly #lease: string
  readonly #failed: { readonly node: string; readonly reason: string }[] = []
  #keys = 0
  #copied = 0
  #bytes = 0
  #dropped = 0
  #isEnded = false
  #renewedAt = 0
  #wake = (): void => {}

  constructor(parts: WalkParts, isWhole: boolean) {
    this.#parts = parts
    this.#deadlines = new Deadlines(parts.clock)
    this.#isWhole = isWhole
    const names = parts.members.all.map(({ name }) => name).sort()
    this.#lease = String(hashOf(names.join('\n'), 0) >>> 0)
  }

  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  async run(): Promise<MoveReport> {
    const { members, ledger, clock } = this.#parts
    const began = clock.monotonic()
    if (!(await this.#mayGo())) return this.#report('elsewhere', began)
    for (const node of members.all) if (!this.#isEnded) await this.#walk(node)
    await ledger.release(LEASES, this.#lease, this.#id).catch(() => {}) // it runs out by itself
    if (this.#isEnded) return this.#report('ended', began)
    return this.#report(this.#failed.length > 0 ? 'incomplete' : 'done', began)
  }

  #report(outcome: MoveReport['outcome'], began: number): MoveReport {
    const ms = this.#parts.clock.monotonic() - began
    return {
      keys: this.#keys,
      copied: this.#copied,
      bytes: this.#bytes,
      dropped: this.#dropped,
      failed: this.#failed,
      outcome,
      ms,
    }
  }

  /** Only one process walks. If the ledger cannot grant the lease, two may do the same work needlessly. */
  async #mayGo(): Promise<boolean> {
    const { ledger, clock } = this.#parts
    if (this.#renewedAt > 0 && clock.monotonic() - this.#renewedAt < RENEW_MS) return true
    this.#renewedAt = Math.max(1, clock.monotonic())
    try {
      return (await ledger.lease(LEASES, this.#lease, this.#id, LEASE_MS)).granted
    } catch {
      return true
    }
  }

  async #walk(node: RingNode): Promise<void> {
    if (!node.isUp) return this.#fail(node, node.trouble)
    if (node.tier.scan === undefined) return this.#fail(node, 'its tier cannot be listed')
    const list = node.tier.scan('')[Symbol.asyncIterator]()
    try {
      for (let step = await this.#inTime(list.next()); step.done !== true; step = await this.#inTime(list.next())) {
        const keys = step.value
        for (let from = 0; from < keys.length; from += STEP) {
          const some = keys.slice(from, from + STEP)
          await this.#moveSome(node, some)
          await this.#pause(some.length)
          if (this.#isEnded || !(await this.#mayGo())) return this.end()
        }
      }
    } catch (error) {
      if (!this.#isEnded) this.#fail(node, reasonOf(error))
    } finally {
      void list.return?.().catch(() => {}) // a stuck store is not waited for
    }
  }

  /** A node that stops listing its keys half way delays neither the move nor `close`. */
  #inTime<T>(step: Promise<T>): Promise<T> {
    const ended = new Promise<never>((_, reject) => {
      this.#wake = () => reject(new MillpondError('CLOSED', 'distributed: the move has ended'))
    })
    return Promise.race([this.#deadlines.hold(step, LIST_MS, () => 'its list of keys'), ended])
  }

  #fail(node: RingNode, reason: string): void {
    if (!this.#failed.some((one) => one.node === node.name)) this.#failed.push({ node: node.name, reason })
  }

  async #moveSome(from: RingNode, keys: readonly string[]): Promise<void> {
    const { members, clock } = this.#parts
    this.#keys += keys.length
    const wanted = this.#isWhole ? keys : keys.filter((key) => members.hasMoved(key))
    if (wanted.length === 0) return
    const read = await from.guarded.read(wanted)
    if (!read.ok) return this.#fail(from, from.trouble)
    const items = wanted.flatMap((key, at): TierItem[] => {
      const stored = read.value[at]
      return stored === undefined || stored.expiresAt <= clock.now() ? [] : [{ ...stored, key }]
    })
    const lost = new Set<string>()
    const targets = new Map<RingNode, TierItem[]>()
    for (const item of items)
      for (const owner of members.owners(item.key))
        if (owner !== from) targets.set(owner, [...(targets.get(owner) ?? []), item])
    await Promise.all([...targets].map(([to, some]) => this.#copy(to, some, lost)))
    const leaving = items
      .filter(({ key }) => !lost.has(key) && !members.owners(key).includes(from))
      .map(({ key }) => key)
    if (leaving.length === 0) return
    const dropped = await from.guarded.drop(leaving)
    if (!dropped.ok) return
    this.#dropped += dropped.value
    from.counts.movedOut += dropped.value
  }

  /** Adds to `lost` the keys that are not on the node afterwards, in this version or a newer one. */
  async #copy(to: RingNode, items: readonly TierItem[], lost: Set<string>): Promise<void> {
    const keep = (some: readonly TierItem[]): void => {
      for (const { key } of some) lost.add(key)
    }
    const held = to.isUp ? await to.guarded.read(items.map(({ key }) => key)) : undefined
    if (held?.ok !== true) {
      keep(items)
      return this.#fail(to, to.trouble)
    }
    const newer = items.filter((item, at) => this.#parts.epochs.isNewer(item.key, item, held.value[at]))
    if (newer.length === 0) return
    const written = await to.guarded.write(newer)
    if (!written.ok) {
      keep(newer)
      return this.#fail(to, to.trouble)
    }
    keep(newer.filter((_, at) => written.value[at] !== undefined))
    const taken = newer.filter((_, at) => written.value[at] === undefined)
    this.#copied += taken.length
    to.counts.movedIn += taken.length
    for (const { body } of taken) this.#bytes += body.length
  }

  #pause(keys: number): Promise<void> {
    const { clock, perSecond } = this.#parts
    if (this.#isEnded) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = clock.after(Math.ceil((keys * 1000) / perSecond), resolve, true)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}
