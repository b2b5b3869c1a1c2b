// The contract of a vendor: what it supports, its rate limits, and the operations that a `Cdn` is built on.
import type { EdgeLocation } from './locations.ts'
import type { PurgeKind, PurgeTarget } from './target.ts'

/** What a vendor supports. Anything else is a `CdnError` `UNSUPPORTED` that names the alternative. */
export interface EdgeAbilities {
  /** Kinds of targets that it can purge. */
  readonly purge: readonly PurgeKind[]
  /** Kinds that can be marked as stale instead of removed, so that they are served while they are fetched again. */
  readonly soft: readonly PurgeKind[]
  /** It reports when a purge has taken effect everywhere; otherwise only that it was accepted. */
  readonly status: boolean
  /** It reports requests and hits: `figures`. */
  readonly analytics: boolean
  /** It lists its locations; otherwise only those are known that a probe has reached. */
  readonly locations: boolean
}

/** A vendor's rate limit, by its documentation or another source. All kinds of one limit share a bucket. */
export interface EdgeLimit {
  /** The kinds of targets that share this limit. */
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
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined
}

export interface EdgeSend extends EdgeCall {
  /** All of one kind, or of kinds that share a request; at most the limit's `perRequest`. */
  readonly targets: readonly PurgeTarget[]
  /** Mark as stale instead of removing. */
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
  /** RFC 3339. */
  readonly to: string
  /** Requests by clients; undefined, here and below: the vendor does not report it. */
  readonly requests: number | undefined
  /** Requests that the edge answered without its origin. */
  readonly hits: number | undefined
  /** Requests for which it asked the origin. */
  readonly misses: number | undefined
  /** Share of requests that were hits, 0 to 1, as the vendor counts them. */
  readonly hitRatio: number | undefined
  /** Bytes sent to clients. */
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
  /** The distribution, zone or service. */
  readonly site: string
  /** Its name at the vendor; undefined if it has none. */
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
  /** Names the vendor in reports: `fastly`. */
  readonly vendor: string
  /** What can be asked of it; calls for anything else are refused with `UNSUPPORTED`. */
  readonly abilities: EdgeAbilities
  /** Its rate limits, at least one: see `limitOf`. */
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
  /** The state of a purge by the vendor's id; absent if the vendor does not report it. */
  status?(id: string, call: EdgeCall): Promise<EdgePurge>
  /** Requests and hits of the last days, including today; absent if the vendor does not report them. */
  figures?(days: number, call: EdgeCall): Promise<EdgeFigures>
  /** Its locations; absent if the vendor does not list them. */
  locations?(call: EdgeCall): Promise<readonly EdgeLocation[]>
  /** Whether credentials are accepted and the site serves. Rejects with a `CdnError` if they are not. */
  state(call: EdgeCall): Promise<EdgeState>
}
