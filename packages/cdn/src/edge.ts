// The contract of one vendor: what it can, how often it may be asked, and the steps that a `Cdn` is made of.
import type { EdgeLocation } from './locations.ts'
import type { PurgeKind, PurgeTarget } from './target.ts'

/** What a vendor can do. What is not here is a `CdnError` `UNSUPPORTED` that names the way around it. */
export interface EdgeAbilities {
  readonly purge: readonly PurgeKind[]
  /** Kinds that can be marked as stale instead of removed, so that they are served while they are fetched anew. */
  readonly soft: readonly PurgeKind[]
  /** It says when a purge has happened everywhere; else accepted is all that it says. */
  readonly status: boolean
  readonly analytics: boolean
  /** It lists its locations; else only those are known that a probe has met. */
  readonly locations: boolean
}

/**
 * How often a vendor may be asked, by its documentation or by what else there is. One bucket for all kinds of one
 * limit.
 */
export interface EdgeLimit {
  readonly kinds: readonly PurgeKind[]
  /** Targets in one request. */
  readonly perRequest: number
  /** What a request costs of the bucket: one, or one for each target. */
  readonly cost: 'request' | 'target'
  /** How full the bucket is at first, and at most. */
  readonly burst: number
  /** How fast it fills again; `0`: what was taken comes back when the purge is done. */
  readonly perSecond: number
  /** Where this is written. */
  readonly source: string
}

/** One purge of one request. */
export interface EdgePurge {
  /** The vendor's id, where it has one. */
  readonly id: string | undefined
  /** `false`: ask for its `status`. */
  readonly isDone: boolean
}

export interface EdgeCall {
  /** The distribution, zone or service, in place of the edge's own. */
  readonly site?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface EdgeSend extends EdgeCall {
  /** All of one kind, or of kinds that share a request; at most the limit's `perRequest`. */
  readonly targets: readonly PurgeTarget[]
  readonly soft: boolean
  /** The same for each attempt at the same purge, so that a vendor can know it again. */
  readonly reference: string
}

/**
 * Figures of an edge over a time. Counts, bytes, and ratios from 0 to 1; `undefined` is what the vendor does not tell.
 */
export interface EdgeFigures {
  /** RFC 3339. */
  readonly from: string
  readonly to: string
  readonly requests: number | undefined
  readonly hits: number | undefined
  readonly misses: number | undefined
  readonly hitRatio: number | undefined
  readonly bytes: number | undefined
  /** Share of answers with 4xx. */
  readonly clientErrors: number | undefined
  /** Share of answers with 5xx. */
  readonly serverErrors: number | undefined
  /** Oldest first. */
  readonly days: readonly {
    readonly day: string
    readonly requests: number | undefined
    readonly hitRatio: number | undefined
    readonly bytes: number | undefined
  }[]
}

/** What a distribution, zone or service is like now. */
export interface EdgeState {
  readonly site: string
  readonly name: string | undefined
  /** It serves, with all that was last configured. */
  readonly isReady: boolean
  /** What it lacks, in words. */
  readonly notes: readonly string[]
}

/** One vendor with its credentials. */
export interface Edge {
  /** Told in reports, receipts and errors; unique among the edges of a `Cdn`. */
  readonly name: string
  readonly vendor: string
  readonly abilities: EdgeAbilities
  readonly limits: readonly EdgeLimit[]
  /** What is purged where a call names none. */
  readonly site: string | undefined
  /**
   * When one that cannot be asked, or does not take the credentials, is asked again by an outlet, milliseconds.
   * Default: half a minute.
   */
  readonly mendedMs?: number | undefined
  /**
   * Brings a target into the forms that the vendor knows; a path may become an address. @throws CdnError `UNSUPPORTED`
   * with the way around it.
   */
  plan(target: PurgeTarget): PurgeTarget
  /** Which of the limits counts a planned target. */
  limitOf(target: PurgeTarget): number
  /** One request. */
  send(send: EdgeSend): Promise<EdgePurge>
  status?(id: string, call: EdgeCall): Promise<EdgePurge>
  figures?(days: number, call: EdgeCall): Promise<EdgeFigures>
  locations?(call: EdgeCall): Promise<readonly EdgeLocation[]>
  state(call: EdgeCall): Promise<EdgeState>
}
