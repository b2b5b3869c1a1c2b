// A process in a channel: announces itself with its state, answers requests, receives settings, and sends requests.
import { randomBytes } from 'node:crypto'
import { checkOptions, duration, listOf, type Shape } from '../core/checks.ts'
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { MAX_REQUEST_MS, type NodeStore, type StoredNode } from '../core/nodes.ts'
import { ask } from './ask.ts'
import type {
  Answers,
  AskOptions,
  NodeCounters,
  NodeView,
  NodeWarning,
  RequestHandler,
  SettingsHandler,
} from './contract.ts'
import { checkNodeWord, decodeMessage, encodeMessage, isNodeWord, reasonOf } from './message.ts'
import { type NodesOptions, resolveNodes, within } from './options.ts'
import { Server } from './serve.ts'
import { Settings } from './settings.ts'
import { viewOf } from './view.ts'

export type { NodesOptions } from './options.ts'

const ASK: Shape<AskOptions> = {
  deadline: duration,
  to: listOf((value, at) => checkNodeWord(value, at), "a list of nodes' ids"),
}
/** The polling interval, if the store cannot wake. */
const POLL_MS = 100
const LEAVE_MS = 2000

/**
 * A node that has not joined: it may ask, list and put settings, but is not listed. `join()` makes it one of the
 * channel's nodes.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const nodes = createNodes({ store: cache.nodeStore, id: 'web-1' })
 * nodes.report('shop', () => cache.stats())
 * nodes.answer('inspect', (key) => cache.explain(String(key)))
 * await nodes.join()
 */
export function createNodes(options: NodesOptions): Nodes {
  return new Nodes(options)
}

/** The processes of a cache: a list of them, their reports, questions to all of them. */
export class Nodes {
  /** New with each start of a process. */
  readonly boot = randomBytes(12).toString('base64url')
  /** The channel by which the processes hear each other. */
  readonly channel: string
  /** The store in which the processes meet. */
  readonly store: NodeStore
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #lateMs: number
  readonly #forgetMs: number
  readonly #onWarning: ((warning: NodeWarning) => void) | undefined
  readonly #reports = new Map<string, () => unknown>()
  readonly #counters: NodeCounters = { beats: 0, failures: 0, requests: 0, ignored: 0 }
  readonly #server: Server
  readonly #settings: Settings
  readonly #closing = new AbortController()
  #id: string
  #joined: Promise<void> | undefined
  #hasJoined = false
  #cursor: string | undefined
  #cancelBeat: (() => void) | undefined
  #cancelPoll: (() => void) | undefined
  #unfollow: (() => void) | undefined
  #pumping: Promise<void> | undefined
  #isNudged = false
  #isReachable = true

  /** Does not start. */
  constructor(options: NodesOptions) {
    const { store, channel, id, everyMs, lateMs, forgetMs, clock } = resolveNodes(options)
    this.store = store
    this.channel = channel
    this.#id = id
    this.#everyMs = everyMs
    this.#lateMs = lateMs
    this.#forgetMs = forgetMs
    this.#clock = clock
    this.#onWarning = options.onWarning
    const counters = this.#counters
    this.#server = new Server({ store, channel, clock, boot: this.boot, counters, id: () => this.#id })
    const onApplied = (): void => void this.#tellApplied()
    this.#settings = new Settings({ store, channel, counters, onApplied, warn: (warning) => this.#warn(warning) })
  }

  /** Changes only if another process has taken it over: then a part of the boot is appended. */
  get id(): string {
    return this.#id
  }

  /** How many messages were sent, received and refused. */
  get counters(): Readonly<NodeCounters> {
    return this.#counters
  }

  /** Adds to the published state: a document as JSON, created at each interval. Returns a function that removes it. */
  report(name: string, make: () => unknown): () => void {
    this.#reports.set(checkNodeWord(name, 'report'), make)
    return () => {
      if (this.#reports.get(name) === make) this.#reports.delete(name)
    }
  }

  /**
   * Answers requests on a topic, once this node has joined. One handler per topic: a later one replaces it. Returns a
   * function that removes it.
   */
  answer(topic: string, handler: RequestHandler): () => void {
    return this.#server.on(checkNodeWord(topic, 'topic'), handler)
  }

  /**
   * Receives a settings document: the current one once this node has joined, and each later one within an interval.
   * Returns a function that stops it.
   */
  onSettings(name: string, handler: SettingsHandler): () => void {
    const stop = this.#settings.on(checkNodeWord(name, 'settings'), handler)
    if (this.#hasJoined) this.#nudge()
    return stop
  }

  /**
   * From now on this is one of the nodes. Resolves after the first attempt; if the store is unreachable the next
   * intervals try again. Its timers do not keep the process alive.
   */
  join(): Promise<void> {
    this.#checkOpen()
    this.#joined ??= this.#start()
    return this.#joined
  }

  /** Every node of the channel that is not forgotten, by id. @throws MillpondError `NODES_UNREACHABLE`. */
  async list(): Promise<NodeView[]> {
    this.#checkOpen()
    const nodes = await this.store.list(this.channel)
    return nodes.flatMap((node) => this.#view(node) ?? [])
  }

  /**
   * Asks nodes and waits for their answers until the deadline. A late node is expected too: without its answer the
   * result is incomplete.
   * @throws MillpondError `NODES_UNREACHABLE` if the question could not be posted, `VALUE_TOO_LARGE`, `OPTION_INVALID`.
   */
  async ask(topic: string, body?: unknown, options: AskOptions = {}): Promise<Answers> {
    this.#checkOpen()
    checkOptions<AskOptions>(options, ASK, 'ask')
    const { to, deadline = '2s' } = options
    const deadlineMs = within(deadline, 'deadline', 1, MAX_REQUEST_MS)
    const text = encodeMessage('the request', { topic: checkNodeWord(topic, 'topic'), body: body ?? null })
    const id = randomBytes(12).toString('base64url')
    return ask({
      store: this.store,
      channel: this.channel,
      request: { id, from: this.boot, text, ...(to !== undefined && { to: [...to] }) },
      deadlineMs,
      clock: this.#clock,
      counters: this.#counters,
      signal: this.#closing.signal,
    })
  }

  /**
   * Stores a settings document for all nodes, including later ones; `null` means that nothing is set. Resolves with its
   * revision, or `undefined` if `ifRevision` (`''`: none yet) did not match. @throws MillpondError `NODES_UNREACHABLE`,
   * `VALUE_TOO_LARGE`.
   */
  async putSettings(
    name: string,
    document: unknown,
    options: { readonly ifRevision?: string } = {},
  ): Promise<string | undefined> {
    this.#checkOpen()
    checkNodeWord(name, 'settings')
    const revision = randomBytes(12).toString('base64url')
    const settings = { revision, text: encodeMessage('the settings', document) }
    return (await this.store.putSettings(this.channel, name, settings, options.ifRevision)) ? revision : undefined
  }

  /** The current document, if the store has one. */
  async getSettings(name: string): Promise<{ readonly revision: string; readonly document: unknown } | undefined> {
    this.#checkOpen()
    const stored = await this.store.getSettings(this.channel, checkNodeWord(name, 'settings'))
    return stored === undefined ? undefined : { revision: stored.revision, document: decodeMessage(stored.text) }
  }

  /**
   * Leaves: others no longer wait for it. Running requests are answered first; its own questions reject with `CLOSED`.
   * The store stays open.
   */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#cancelBeat?.()
    this.#cancelPoll?.()
    this.#unfollow?.()
    await this.#joined
    await this.#pumping
    let cancel = (): void => {}
    const late = new Promise<void>((resolve) => {
      cancel = this.#clock.after(LEAVE_MS, resolve, true)
    })
    await Promise.race([this.#server.settled(), late])
    cancel()
    if (this.#hasJoined)
      await this.store.leave(this.channel, this.#id, this.boot).catch(() => this.#counters.failures++)
  }

  async #start(): Promise<void> {
    this.#unfollow = this.store.follow?.(this.channel, '', () => this.#nudge())
    await this.#beat()
    this.#pollLater()
  }

  /** First the cursor of the inbox, then the listing: a request to a listed node is never missed. */
  async #beat(): Promise<void> {
    try {
      this.#cursor ??= (await this.store.inbox(this.channel)).cursor
      if (!(await this.#publish(!this.#hasJoined))) {
        const taken = this.#id
        this.#id = `${taken.slice(0, 100)}~${this.boot.slice(0, 6)}`
        this.#warn({
          kind: 'id-taken',
          message: `another process has the node id ${taken}: this one continues as ${this.#id}; give each its own id`,
        })
        await this.#publish(true)
      }
      this.#hasJoined = true
      this.#counters.beats++
      this.#reach(true)
    } catch (cause) {
      this.#reach(false, cause)
    }
    if (this.#closing.signal.aborted) return
    this.#cancelBeat = this.#clock.after(this.#everyMs, () => void this.#beat())
    this.#nudge()
  }

  /** So that others need not wait for the next interval to see it. */
  async #tellApplied(): Promise<void> {
    if (!this.#hasJoined || this.#closing.signal.aborted) return
    await this.#publish(false).catch(() => this.#counters.failures++)
  }

  #publish(joins: boolean): Promise<boolean> {
    const beat = { id: this.#id, boot: this.boot, lateMs: this.#lateMs, forgetMs: this.#forgetMs, state: this.#state() }
    return this.store.beat(this.channel, beat, joins)
  }

  #state(): string {
    const reports: Record<string, unknown> = {}
    for (const [name, make] of this.#reports) {
      try {
        // Separately: a report that cannot be sent affects no other.
        reports[name] = JSON.parse(encodeMessage(`the report ${name}`, make()))
      } catch (cause) {
        reports[name] = { error: reasonOf(cause) }
        this.#warn({ kind: 'report', message: `the report ${name} could not be made`, cause })
      }
    }
    const settings = this.#settings.applied
    try {
      return encodeMessage('the state', { reports, settings })
    } catch (cause) {
      this.#warn({ kind: 'report', message: 'the reports together are too large to send: none of them is sent', cause })
      return encodeMessage('the state', { reports: {}, settings })
    }
  }

  #pollLater(): void {
    if (this.store.follow !== undefined || this.#closing.signal.aborted) return
    this.#cancelPoll = this.#clock.after(POLL_MS, () => {
      this.#nudge()
      this.#pollLater()
    })
  }

  /** One poll at a time, and one more if something arrived meanwhile. */
  #nudge(): void {
    this.#isNudged = true
    if (this.#pumping !== undefined || this.#closing.signal.aborted) return
    this.#pumping = this.#pump().finally(() => {
      this.#pumping = undefined
      // Something that arrived at the very end of the last poll.
      if (this.#isNudged && this.#cursor !== undefined) this.#nudge()
    })
  }

  async #pump(): Promise<void> {
    while (this.#isNudged && this.#cursor !== undefined && !this.#closing.signal.aborted) {
      this.#isNudged = false
      try {
        const { cursor, requests, revisions } = await this.store.inbox(this.channel, this.#cursor)
        this.#isNudged ||= requests.length > 0
        this.#cursor = cursor
        for (const request of requests) this.#server.take(request)
        this.#settings.follow(revisions)
      } catch (cause) {
        this.#reach(false, cause)
        return
      }
    }
  }

  #view(node: StoredNode): NodeView | undefined {
    const view = isNodeWord(node.id) && isNodeWord(node.boot) ? viewOf(node) : undefined
    if (view === undefined) this.#counters.ignored++
    return view
  }

  #reach(isReachable: boolean, cause?: unknown): void {
    if (!isReachable) this.#counters.failures++
    if (this.#isReachable === isReachable || this.#closing.signal.aborted) return
    this.#isReachable = isReachable
    if (isReachable) this.#warn({ kind: 'reachable', message: `the channel ${this.channel} is reachable again` })
    else
      this.#warn({
        kind: 'unreachable',
        message: `the channel ${this.channel} is not reachable: others will see this node as late`,
        cause,
      })
  }

  #warn(warning: NodeWarning): void {
    try {
      this.#onWarning?.(warning)
    } catch {
      // Best effort: a listener that throws is not an error of the channel.
    }
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted)
      throw new MillpondError('CLOSED', `nodes of ${this.channel}: the channel is closed here`)
  }
}
