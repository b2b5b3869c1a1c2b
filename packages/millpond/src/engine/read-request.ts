// The state of one call: what it asks for, what it may be given, and what it has met on its way.

import type { Position } from '../core/ledger.ts'
import type { LoadPolicy } from '../core/options.ts'
import type { Load } from './load.ts'
import type { AnyLoader } from './loader.ts'
import type { Space } from './space.ts'

/** Options of one call, besides its policy. */
export interface Call {
  readonly signal?: AbortSignal | undefined
  /** The position that the reader has seen elsewhere: `cache.token()`. */
  readonly after?: string | undefined
  /** Not a caller's read: counts nothing and tells no listener. */
  readonly quiet?: boolean | undefined
}

/**
 * `stale`: whatever the policy permits. `refresh`: on behalf of a caller that was served, so an entry that is itself
 * due for a refresh is not good enough. `new`: only a load that begins after the call.
 */
export type Wants = 'stale' | 'refresh' | 'new'

export class ReadRequest {
  readonly space: Space
  readonly loader: AnyLoader
  /** The policy when the call began. */
  readonly policy: LoadPolicy
  readonly wants: Wants
  readonly signal: AbortSignal | undefined
  readonly after: string | undefined
  readonly isQuiet: boolean
  /** When the call began, in monotonic milliseconds. */
  readonly began: number
  /** The ledger's number when the call began. */
  joinedAt = 0
  /** How many invalidations there were then of which the ledger could not be told. */
  joinedUntold = 0
  /** Monotonic milliseconds: loads that began earlier are not joined. */
  notBefore = Number.NEGATIVE_INFINITY
  isReachable = true
  /** What has moved is unknown, and the caller must see the latest: no copy may be accepted. */
  refusesCopies = false
  /**
   * Memory was just checked for the keys to be loaded, and has none of them, not even expired: true until something is
   * awaited.
   */
  isAbsent = false
  /**
   * It has waited for its share of an event-loop turn, and does not wait again: while the ledger does not answer, each
   * check of it is a new wait.
   */
  hasShare = false
  /** Keys that were served and are to be refreshed in the background, with the creation times of the served values. */
  due: Map<string, number> | undefined
  /** Of what happens behind: what came of the keys before is no answer. */
  served: ReadonlyMap<string, number> | undefined
  /** Another call's load brought the value. */
  isJoined = false
  /** The load that provided the value: begun by this call, or joined. */
  load: Load | undefined
  /** Monotonic milliseconds: since when the view of the ledger meets the call's demand. */
  openedAt: number

  constructor(space: Space, loads: AnyLoader, policy: LoadPolicy, call: Call, wants: Wants = 'stale', began?: number) {
    this.space = space
    this.loader = loads
    this.policy = policy
    this.wants = wants
    this.signal = call.signal
    this.after = call.after
    this.isQuiet = call.quiet === true
    this.openedAt = space.services.clock.monotonic()
    this.began = began ?? this.openedAt
  }

  /**
   * Restarts the same call: what it had joined was too old. A load begun by another call since this call began is good
   * enough.
   */
  again(): ReadRequest {
    const call: Call = { signal: this.signal, after: this.after, quiet: this.isQuiet }
    return new ReadRequest(this.space, this.loader, this.policy, call, this.wants, this.began)
  }

  /** What happens behind a caller that has been served: no caller waits for it. */
  behind(served: ReadonlyMap<string, number>): ReadRequest {
    const request = new ReadRequest(this.space, this.loader, this.policy, { quiet: this.isQuiet }, 'refresh')
    request.isReachable = this.isReachable
    request.served = served
    return request
  }

  /**
   * The ledger has been asked as the call demands. A call that must see the latest value joins only loads that began
   * after it.
   */
  open(isReachable: boolean, hasWaited: boolean): void {
    const { consistency } = this.policy
    if (hasWaited) this.openedAt = this.space.services.clock.monotonic()
    this.isReachable = isReachable
    this.refusesCopies = !isReachable && (consistency === 'strong' || this.after !== undefined)
    if (this.refusesCopies || this.wants === 'new') this.notBefore = this.began
    this.joinedAt = this.space.ledger.view.head
    this.joinedUntold = this.space.loads.untold.count
  }

  /** The ledger's position when the call began. */
  get since(): Position {
    return { epoch: this.space.ledger.view.epoch, seq: this.joinedAt }
  }

  get isBackground(): boolean {
    return this.wants === 'refresh'
  }

  get staleForMs(): number {
    return this.wants === 'stale' ? this.policy.staleForMs : 0
  }

  get staleIfErrorMs(): number {
    return this.wants === 'new' ? 0 : this.policy.staleIfErrorMs
  }

  /** Notes a key to be refreshed in the background, once the caller has been served. */
  noteDue(key: string, createdAt: number): void {
    const { loads, services } = this.space
    if (loads.joinable.get(key) !== undefined || loads.isPaused(key, services.clock)) return
    this.due ??= new Map()
    this.due.set(key, createdAt)
  }
}
