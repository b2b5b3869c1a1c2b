// The public types of the channel: nodes, answers, counters.
import type { Duration } from '../core/duration.ts'
import type { NodeMark } from '../core/nodes.ts'

/** A node as the store last heard from it. */
export interface NodeView extends NodeMark {
  /** Silent for longer than announced: frozen, cut off, or crashed. */
  readonly isLate: boolean
  /** The results of `report`, by name; `undefined` if unreadable. */
  readonly reports: Readonly<Record<string, unknown>>
  /** The settings documents that it has applied, by name, each with the revision and, if it refused it, why. */
  readonly settings: Readonly<Record<string, AppliedSettings>>
}

export interface AppliedSettings {
  /** The revision of the document that this node last applied or refused. */
  readonly revision: string
  /** Why it could not be applied. */
  readonly error?: string
}

/**
 * `answered`; `failed`: its handler threw; `refused`: it has no handler for the topic; `late`: silent at the deadline;
 * `left`: it left or restarted meanwhile, so it will not answer; `unknown`: no node of this id.
 */
export type AnswerStatus = 'answered' | 'failed' | 'refused' | 'late' | 'left' | 'unknown'

export interface NodeAnswer {
  /** The node's id. */
  readonly id: string
  /** Empty for `unknown`. */
  readonly boot: string
  /** Whether it answered, and how. */
  readonly status: AnswerStatus
  /** The result of the handler. */
  readonly body?: unknown
  /** Why it failed. */
  readonly error?: string
  /** The code of the `MillpondError` that its handler threw. */
  readonly code?: string
  /** Until its answer was seen here, in milliseconds. */
  readonly ms?: number
}

export interface Answers {
  /** By id. */
  readonly nodes: readonly NodeAnswer[]
  /** Every expected node has answered, or is gone for good. */
  readonly isComplete: boolean
  /** The ids of nodes that are expected to answer but are silent. */
  readonly late: readonly string[]
}

export interface AskOptions {
  /** How long to wait for answers, at most a minute. No node starts after it. Default `'2s'`. */
  readonly deadline?: Duration | undefined
  /** Ids; default: all nodes, including late ones. */
  readonly to?: readonly string[] | undefined
}

export interface RequestContext {
  /** The asker's boot. */
  readonly from: string
  /** Aborted at the deadline: the answer is no longer awaited. */
  readonly signal: AbortSignal
  /** The time until the deadline, in milliseconds. */
  readonly leftMs: number
}

/** Answers a request: its result is sent as JSON; an error, as its message. */
export type RequestHandler = (body: unknown, context: RequestContext) => unknown

/** Applies a settings document. An error is shown with the node, and the former settings stay. */
export type SettingsHandler = (document: unknown, revision: string) => unknown

export interface NodeCounters {
  /** Announcements that this node is alive. */
  beats: number
  /** Failed steps of the store. */
  failures: number
  /** Requests that a handler here has answered. */
  requests: number
  /** Invalid texts in the store: foreign, too long, too deep, truncated. */
  ignored: number
}

export interface NodeWarning {
  /** What has happened. */
  readonly kind: 'unreachable' | 'reachable' | 'id-taken' | 'report' | 'settings'
  /** For people. */
  readonly message: string
  /** The error, if there was one. */
  readonly cause?: unknown
}
