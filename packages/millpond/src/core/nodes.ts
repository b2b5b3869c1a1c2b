// The contract between the node channel and the store through which the processes of a fleet exchange messages.

/** The longest text that is sent, in UTF-16 units: a state, a request, an answer, a settings document. */
export const MAX_NODE_TEXT = 262_144
/** The longest deadline of a request, in milliseconds. */
export const MAX_REQUEST_MS = 60_000
/** The most requests that wait in one channel. */
export const MAX_REQUESTS = 1000

/** A running node in a channel. `boot` is new with each start; the id may be the same. */
export interface NodeMark {
  /** The node's id. */
  readonly id: string
  /** The id of its current run. */
  readonly boot: string
  /** Since the store last heard from it, in milliseconds by the store's own clock. */
  readonly ageMs: number
  /** Older than this it counts as late. */
  readonly lateMs: number
}

/** What a node publishes at each interval. */
export interface NodeBeat extends Omit<NodeMark, 'ageMs'> {
  /** After this much silence the store forgets it. */
  readonly forgetMs: number
  /** JSON. */
  readonly state: string
}

export interface StoredNode extends NodeMark, NodeBeat {}

export interface NodeRequest {
  /** The request's id. */
  readonly id: string
  /** The boot of the asker, which follows by this name. */
  readonly from: string
  /** The ids of the recipients; absent: all. */
  readonly to?: readonly string[]
  /** JSON. */
  readonly text: string
}

export interface StoredRequest extends NodeRequest {
  /** Until its deadline, in milliseconds by the store's clock. */
  readonly leftMs: number
}

export interface Inbox {
  /** The cursor for the next poll. */
  readonly cursor: string
  /** In the order in which they were posted; at most 100, and more with the next poll. */
  readonly requests: readonly StoredRequest[]
  /** The revision of each settings document, by name. */
  readonly revisions: ReadonlyMap<string, string>
}

export interface StoredReply {
  /** The id of the node that answered. */
  readonly id: string
  /** Its boot. */
  readonly boot: string
  /** JSON. */
  readonly text: string
}

export interface StoredSettings {
  /** Differs for every stored document. */
  readonly revision: string
  /** JSON. */
  readonly text: string
}

/**
 * Where nodes meet: a shared tier's server, a file, or this process. Each step is atomic over all processes that share
 * the store, and counts time by the store's own clock. Names are checked by the caller (a channel like a cache's name;
 * ids, boots and request ids 1 to 128 visible ASCII characters), texts are at most `MAX_NODE_TEXT` long. Its contents
 * may have been written by anyone: the caller validates them. Rejects with `NODES_UNREACHABLE` if the store does not
 * answer, `CLOSED` after its tier was closed.
 */
export interface NodeStore {
  /** As shown to operators: `redis`, `memory`. */
  readonly name: string
  /** Which processes share it. */
  readonly scope: 'process' | 'host' | 'shared'
  /**
   * Announces that the node is alive, with its state. With `joins` it takes over the id from its holder; without,
   * `false` means that another boot holds it, and nothing was stored.
   */
  beat(channel: string, beat: NodeBeat, joins: boolean): Promise<boolean>
  /** Removes the node now, if the id is still held by this boot. */
  leave(channel: string, id: string, boot: string): Promise<void>
  /** The nodes that are not forgotten, by id. */
  list(channel: string): Promise<readonly StoredNode[]>
  /**
   * Requests since the cursor whose deadline has not passed. Without a cursor, or if the store was lost since: see
   * `Inbox.cursor`.
   */
  inbox(channel: string, cursor?: string): Promise<Inbox>
  /**
   * Posts a request for `ttlMs`, and wakes followers. Resolves with the nodes known at this moment: those that are
   * expected to answer; `undefined` if `MAX_REQUESTS` are already waiting.
   */
  post(channel: string, request: NodeRequest, ttlMs: number): Promise<readonly NodeMark[] | undefined>
  /** Posts an answer for `keepMs`, and wakes the asker. */
  reply(channel: string, request: Pick<NodeRequest, 'id' | 'from'>, reply: StoredReply, keepMs: number): Promise<void>
  /** The answers so far, and the nodes known at this moment. */
  replies(
    channel: string,
    request: string,
  ): Promise<{ readonly replies: readonly StoredReply[]; readonly present: readonly NodeMark[] }>
  /**
   * Stores a settings document and wakes followers. With `ifRevision` only if that revision is current, `''` for none;
   * `false`: it is not. Documents cannot be removed: that could not be told from a store that was emptied.
   */
  putSettings(channel: string, name: string, settings: StoredSettings, ifRevision?: string): Promise<boolean>
  /** The settings document of that name; undefined if there is none. */
  getSettings(channel: string, name: string): Promise<StoredSettings | undefined>
  /**
   * Calls `wake` soon after something was posted: requests and settings with `''`, answers with the asker's boot. A
   * hint only. Absent if the store cannot tell. Returns a function that stops it.
   */
  follow?(channel: string, what: string, wake: () => void): () => void
}
