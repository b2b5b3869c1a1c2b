// What users of the channel see of it: nodes, answers, counters.
import type { Duration } from '../core/duration.ts'
import type { NodeMark } from '../core/nodes.ts'

/** A node as the store last heard of it. */
export interface NodeView extends NodeMark {
  /** Silent for longer than it said it would be: frozen, cut off, or dead without a word. */
  readonly isLate: boolean
  /** What `report` made, by its name; `undefined` where it could not be read. */
  readonly reports: Readonly<Record<string, unknown>>
  /** The documents of settings that it has taken, by name, each with the revision and, where it refused it, why. */
  readonly settings: Readonly<Record<string, AppliedSettings>>
}

export interface AppliedSettings {
  readonly revision: string
  readonly error?: string
}

/**
 * `answered`; `failed`: its handler threw; `refused`: it has no handler for the topic; `late`: silent at the deadline;
 * `left`: it went away in good order or began anew meanwhile, so there is nothing left to ask; `unknown`: no node of
 * this id.
 */
export type AnswerStatus = 'answered' | 'failed' | 'refused' | 'late' | 'left' | 'unknown'

export interface NodeAnswer {
  readonly id: string
  /** Empty for `unknown`. */
  readonly boot: string
  readonly status: AnswerStatus
  /** What the handler resolved with. */
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
  /** Every node that was expected has answered, or is gone for good. */
  readonly isComplete: boolean
  readonly late: readonly string[]
}

export interface AskOptions {
  /** Until when answers are waited for, at most a minute. No node begins after it. Default `'2s'`. */
  readonly deadline?: Duration | undefined
  /** Ids; default: all nodes, those that are late too. */
  readonly to?: readonly string[] | undefined
}

export interface RequestContext {
  /** The boot of who asks. */
  readonly from: string
  /** Fires at the deadline: nobody waits for the answer any more. */
  readonly signal: AbortSignal
  readonly leftMs: number
}

/** Answers a request: what it resolves with travels as JSON; what it throws, as its message. */
export type RequestHandler = (body: unknown, context: RequestContext) => unknown

/** Takes a document of settings. What it throws is shown with the node, and the former settings stay. */
export type SettingsHandler = (document: unknown, revision: string) => unknown

export interface NodeCounters {
  beats: number
  /** Steps of the store that failed. */
  failures: number
  /** Requests that a handler here has answered. */
  requests: number
  /** Texts from the store that were nobody's message: foreign, too long, too deep, cut. */
  ignored: number
}

export interface NodeWarning {
  readonly kind: 'unreachable' | 'reachable' | 'id-taken' | 'report' | 'settings'
  readonly message: string
  readonly cause?: unknown
}
