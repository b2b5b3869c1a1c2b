// One call's way to a value: what it asks for, what it may be given, and what it has met on its way.

import type { Position } from '../core/ledger.ts'
import type { LoadPolicy } from '../core/options.ts'
import type { Load } from './load.ts'
import type { AnyLoader } from './loader.ts'
import type { Space } from './space.ts'

/** What belongs to one call, beside its policy. */
export interface Call {
  readonly signal?: AbortSignal | undefined
  /** What the reader has seen elsewhere: `cache.token()`. */
  readonly after?: string | undefined
  /** Not a caller's read: counts nothing and tells no listener. */
  readonly quiet?: boolean | undefined
}

/**
 * `stale`: what the policy permits. `refresh`: for a caller who has been served, so what is due for a refresh itself is
 * not good enough. `new`: only a load that begins after the call.
 */
export type Wants = 'stale' | 'refresh' | 'new'

export class ReadRequest {
  readonly space: Space
  readonly loader: AnyLoader
  /** As it was when the call began. */
  readonly policy: LoadPolicy
  readonly wants: Wants
  readonly signal: AbortSignal | undefined
  readonly after: string | undefined
  readonly isQuiet: boolean
  /** When the caller called, in monotonic milliseconds. */
  readonly began: number
  /** The ledger's number when the call began. */
  joinedAt = 0
  /** Monotonic milliseconds: no load that began earlier. */
  notBefore = Number.NEGATIVE_INFINITY
  isReachable = true
  /** What has moved is unknown, and the caller must see the latest: no copy may be accepted. */
  isBlind = false
  /**
   * Memory has just been asked for what is to be loaded, and has nothing of it, not even what is over: true until
   * something is waited for.
   */
  isAbsent = false
  /**
   * It has waited for its share of a turn, and asks for no other: where the ledger does not answer, each look at it is
   * a new wait.
   */
  hasShare = false
  /** Keys whose values have been served and are to be refreshed behind, with when those were made. */
  due: Map<string, number> | undefined
  /** Of what happens behind: what came of the keys before is no answer. */
  served: ReadonlyMap<string, number> | undefined
  /** Another call's load brought the value. */
  isJoined = false
  /** The load that brought it: begun by this call, or joined. */
  load: Load | undefined
  /** Monotonic milliseconds: since when the ledger is known to be where the call demands it. */
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
   * The same call once more: what it had joined turned out to be too old. A load that another one has begun since the
   * call is good enough.
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
   * The ledger has been asked as the call demands. Who must see the latest joins only loads that began after the call.
   */
  open(isReachable: boolean, hasWaited: boolean): void {
    const { consistency } = this.policy
    if (hasWaited) this.openedAt = this.space.services.clock.monotonic()
    this.isReachable = isReachable
    this.isBlind = !isReachable && (consistency === 'strong' || this.after !== undefined)
    if (this.isBlind || this.wants === 'new') this.notBefore = this.began
    this.joinedAt = this.space.ledger.view.head
  }

  /** Where the ledger was when the call began. */
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

  /** Refreshes behind, once the caller has been served. */
  noteDue(key: string, createdAt: number): void {
    const { loads, services } = this.space
    if (loads.joinable.get(key) !== undefined || loads.isPaused(key, services.clock)) return
    this.due ??= new Map()
    this.due.set(key, createdAt)
  }
}
