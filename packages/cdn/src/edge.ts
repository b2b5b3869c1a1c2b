// The contract of a vendor: what it supports, its rate limits, and the operations that a `Cdn` is built on.
import type { EdgeLocation } from './locations.ts'
import type { PurgeKind, PurgeTarget } from './target.ts'

/** What a vendor supports. Anything else is a `CdnError` `UNSUPPORTED` that names the alternative. */
export interface EdgeAbilities {
  readonly purge: readonly PurgeKind[]
  /** Kinds that can be marked as stale instead of removed, so that they are served while they are fetched again. */
  readonly soft: readonly PurgeKind[]
  /** It reports when a purge has taken effect everywhere; otherwise only that it was accepted. */
  readonly status: boolean
  readonly analytics: boolean
  /** It lists its locations; otherwise only those are known that a probe has reached. */
  readonly locations: boolean
}

/** A vendor's rate limit, by its documentation or another source. All kinds of one limit share a bucket. */
export interface EdgeLimit {
  readonly kinds: readonly PurgeKind[]
  /** Targets in one request. */
  readonly perRequest: number
  /** The cost of a request in tokens: one, or one for each target. */
  readonly cost: 'request' | 'target'
  /** The initial and maximum number of tokens. */
  readonly burst: number
  /** Tokens per second; `0`: tokens come back when the purge is done. */
  readonly perSecond: number
  /** The source of these numbers. */
  readonly source: string
}

/** One purge request. */
export interface EdgePurge {
  /** The vendor's id, if it has one. */
  readonly id: string | undefined
  /** `false`: poll `status`. */
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
  /** The same for each attempt at the same purge, so that a vendor can recognise it. */
  readonly reference: string
}

/**
 * Metrics of an edge over a period. Counts, bytes, and ratios from 0 to 1; `undefined` if the vendor does not report
 * it.
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
  /** Share of responses with 4xx. */
  readonly clientErrors: number | undefined
  /** Share of responses with 5xx. */
  readonly serverErrors: number | undefined
  /** Oldest first. */
  readonly days: readonly {
    readonly day: string
    readonly requests: number | undefined
    readonly hitRatio: number | undefined
    readonly bytes: number | undefined
  }[]
}

/** The present state of a distribution, zone or service. */
export interface EdgeState {
  readonly site: string
  readonly name: string | undefined
  /** It serves, with its latest configuration. */
  readonly isReady: boolean
  /** What is missing, as text. */
  readonly notes: readonly string[]
}

/** One vendor with its credentials. */
export interface Edge {
  /** Used in reports, receipts and errors; unique among the edges of a `Cdn`. */
  readonly name: string
  readonly vendor: string
  readonly abilities: EdgeAbilities
  readonly limits: readonly EdgeLimit[]
  /** What is purged if a call names none. */
  readonly site: string | undefined
  /**
   * After how many milliseconds an outlet retries an edge that is unreachable or does not accept the credentials.
   * Default: half a minute.
   */
  readonly mendedMs?: number | undefined
  /**
   * Converts a target into the vendor's forms; a path may become a URL. @throws CdnError `UNSUPPORTED` with the
   * alternative.
   */
  plan(target: PurgeTarget): PurgeTarget
  /** The index of the limit that applies to a planned target. */
  limitOf(target: PurgeTarget): number
  /** One request. */
  send(send: EdgeSend): Promise<EdgePurge>
  status?(id: string, call: EdgeCall): Promise<EdgePurge>
  figures?(days: number, call: EdgeCall): Promise<EdgeFigures>
  locations?(call: EdgeCall): Promise<readonly EdgeLocation[]>
  state(call: EdgeCall): Promise<EdgeState>
}
