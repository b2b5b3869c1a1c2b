// The contract between the node channel and the place where the processes of a fleet leave word for one another.

/** The longest text that travels, in UTF-16 units: a state, a request, an answer, a document of settings. */
export const MAX_NODE_TEXT = 262_144
/** The longest that a request may wait for its answers, in milliseconds. */
export const MAX_REQUEST_MS = 60_000
/** Requests that wait in one channel at most. */
export const MAX_REQUESTS = 1000

/** A life of a process in a channel. `boot` is another one with each start; the id may be the same. */
export interface NodeMark {
  readonly id: string
  readonly boot: string
  /** Since the store last heard of it, in milliseconds by the store's own clock. */
  readonly ageMs: number
  /** Older than this it counts as late. */
  readonly lateMs: number
}

/** What a node leaves at each interval. */
export interface NodeBeat extends Omit<NodeMark, 'ageMs'> {
  /** After so long a silence the store forgets it. */
  readonly forgetMs: number
  /** JSON. */
  readonly state: string
}

export interface StoredNode extends NodeMark, NodeBeat {}

export interface NodeRequest {
  readonly id: string
  /** The boot of who asks: it follows by this name. */
  readonly from: string
  /** The ids of those who are asked; absent: all. */
  readonly to?: readonly string[]
  /** JSON. */
  readonly text: string
}

export interface StoredRequest extends NodeRequest {
  /** Until its deadline, in milliseconds by the store's clock. */
  readonly leftMs: number
}

export interface Inbox {
  /** What to ask with next time. */
  readonly cursor: string
  /** In the order of their posting; at most 100, and more when asked again. */
  readonly requests: readonly StoredRequest[]
  /** The revision of each document of settings, by its name. */
  readonly revisions: ReadonlyMap<string, string>
}

export interface StoredReply {
  readonly id: string
  readonly boot: string
  /** JSON. */
  readonly text: string
}

export interface StoredSettings {
  readonly revision: string
  /** JSON. */
  readonly text: string
}

/**
 * Where nodes meet: a shared tier's server, a file, or this process. Each step is atomic over all processes that share
 * the store, and counts time by the store's own clock. Names are checked by the caller (a channel as a cache's name;
 * ids, boots and request ids 1 to 128 visible ASCII characters), texts are at most `MAX_NODE_TEXT` long. What it
 * answers may have been written by anybody: the caller checks it. Rejects with `NODES_UNREACHABLE` when the store does
 * not answer, `CLOSED` after its tier was closed.
 */
export interface NodeStore {
  /** As shown to operators: `redis`, `memory`. */
  readonly name: string
  /** Whom it reaches. */
  readonly scope: 'process' | 'host' | 'shared'
  /**
   * Says that the node lives, with its state. With `joins` it takes the id from whoever holds it; without, `false`
   * means that another boot holds it, and nothing was stored.
   */
  beat(channel: string, beat: NodeBeat, joins: boolean): Promise<boolean>
  /** Forgets the node now, where it is still this boot's. */
  leave(channel: string, id: string, boot: string): Promise<void>
  /** The nodes that are not forgotten, by id. */
  list(channel: string): Promise<readonly StoredNode[]>
  /**
   * Requests since the cursor whose deadline has not come. Without a cursor, or where the store was lost since: see
   * `Inbox.cursor`.
   */
  inbox(channel: string, cursor?: string): Promise<Inbox>
  /**
   * Leaves a request for `ttlMs`, and wakes who follows. Resolves with the nodes known at this moment: those who are
   * expected to answer; `undefined` where `MAX_REQUESTS` wait already.
   */
  post(channel: string, request: NodeRequest, ttlMs: number): Promise<readonly NodeMark[] | undefined>
  /** Leaves an answer for `keepMs`, and wakes the asker. */
  reply(channel: string, request: Pick<NodeRequest, 'id' | 'from'>, reply: StoredReply, keepMs: number): Promise<void>
  /** The answers so far, and the nodes known at this moment. */
  replies(
    channel: string,
    request: string,
  ): Promise<{ readonly replies: readonly StoredReply[]; readonly present: readonly NodeMark[] }>
  /**
   * Puts a document of settings and wakes who follows. With `ifRevision` only while that revision stands, `''` for
   * none; `false`: it does not. There is no way to remove one: nobody could tell it from a store that was emptied.
   */
  putSettings(channel: string, name: string, settings: StoredSettings, ifRevision?: string): Promise<boolean>
  getSettings(channel: string, name: string): Promise<StoredSettings | undefined>
  /**
   * Calls `wake` soon after something was left: requests and settings with `''`, answers with the asker's boot. A hint
   * only. Absent where the store cannot tell. Returns how to stop.
   */
  follow?(channel: string, what: string, wake: () => void): () => void
}
