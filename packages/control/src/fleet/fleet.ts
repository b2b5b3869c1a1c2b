// Every node of every cache: those of this process directly, the others over the node channel of the cache. If a
// channel is unreachable, only the other processes disappear from view.
import { type Cache, MillpondError } from 'millpond'
import type { Insight } from 'millpond/insight'
import { type AppliedSettings, createNodes, type NodeStore, type Nodes } from 'millpond/nodes'
import { withoutSecrets } from 'millpond/options'
import { act } from '../agent/acts.ts'
import {
  type Attached,
  attach,
  CONFIGURATIONS,
  channelOf,
  namesIn,
  openDirectory,
  REPORT,
  SETTINGS,
} from '../agent/agent.ts'
import type { Answered } from '../agent/answers.ts'
import type { Application } from '../agent/application.ts'
import type { CacheReport } from '../agent/figures.ts'
import { reasonOf } from '../agent/reason.ts'
import type { Asked, Topic } from '../agent/requests.ts'
import { Problem } from '../http/problem.ts'
import { reportIn } from './report-in.ts'

export interface FleetNode {
  readonly id: string
  readonly boot: string
  readonly cache: string
  readonly isLocal: boolean
  readonly isLate: boolean
  readonly ageMs: number
  /** Undefined if it could not be read. */
  readonly report: CacheReport | undefined
  readonly settings: AppliedSettings | undefined
}

export interface Seen {
  readonly nodes: readonly FleetNode[]
  /** Why other processes are not visible; undefined: they are. */
  readonly unseen: string | undefined
}

export interface NodeReply<T> {
  readonly id: string
  readonly boot: string
  readonly status: 'answered' | 'failed' | 'refused' | 'late' | 'left' | 'unknown'
  readonly body?: T
  readonly error?: string
  /** The code of the `MillpondError` that it failed with. */
  readonly code?: string
  readonly ms?: number
}

export interface AskedOf {
  /** Ids; absent: all. */
  readonly to?: readonly string[]
  /** Default 2 s. */
  readonly deadlineMs?: number
}

interface Member {
  readonly name: string
  readonly local: Attached | undefined
  readonly nodes: Nodes
  /** No process ran it at the last look. */
  isDeserted?: boolean
}

export interface FleetOptions {
  readonly caches: readonly Cache[]
  /** Where further caches meet: a tier's `nodes`. */
  readonly meetingPlaces: readonly NodeStore[]
  readonly nodeId: string | undefined
  readonly application: Application | undefined
  readonly insight: Insight | undefined
  readonly onWarning: (message: string) => void
}

const DEADLINE_MS = 2000

export class Fleet {
  readonly #members = new Map<string, Member>()
  readonly #directories: readonly { readonly store: NodeStore; readonly nodes: Nodes }[]

  constructor(options: FleetOptions) {
    for (const cache of options.caches) {
      const local = attach(cache, {
        ...(options.nodeId !== undefined && { id: options.nodeId }),
        ...(options.application !== undefined && { application: options.application }),
        ...(options.insight !== undefined && { insight: options.insight }),
        onWarning: ({ message }) => options.onWarning(message),
      })
      if (this.#members.has(local.cache))
        throw new Problem(
          500,
          'cache_twice',
          `two caches are named ${JSON.stringify(local.cache)}: give each its own name`,
        )
      this.#members.set(local.cache, { name: local.cache, local, nodes: local.nodes })
    }
    const places = new Set([...options.meetingPlaces, ...options.caches.map((cache) => cache.nodeStore)])
    this.#directories = [...places].map((store) => ({ store, nodes: openDirectory(store) }))
  }

  async start(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ local }) => local?.join()))
    await this.discover()
  }

  /** Looks for caches that were attached elsewhere. */
  async discover(): Promise<void> {
    for (const { store, nodes } of this.#directories) {
      const names = (await reached(() => namesIn(nodes))) ?? []
      for (const name of names)
        if (!this.#members.has(name))
          this.#members.set(name, { name, local: undefined, nodes: createNodes({ store, channel: channelOf(name) }) })
    }
  }

  get names(): readonly string[] {
    return [...this.#members.keys()].sort()
  }

  has(cache: string): boolean {
    return this.#members.has(cache)
  }

  /** As far as is known, no process runs it any more: a name that was used once is never forgotten. */
  isDeserted(cache: string): boolean {
    return this.#members.get(cache)?.isDeserted === true
  }

  async see(cache: string): Promise<Seen> {
    const member = this.#member(cache)
    const seen = await this.#see(member)
    member.isDeserted = seen.nodes.length === 0 && seen.unseen === undefined
    return seen
  }

  async #see({ local, nodes, name }: Member): Promise<Seen> {
    const here: FleetNode[] =
      local === undefined
        ? []
        : [
            {
              id: nodes.id,
              boot: nodes.boot,
              cache: name,
              isLocal: true,
              isLate: false,
              ageMs: 0,
              report: local.report(),
              settings: undefined,
            },
          ]
    if (nodes.store.scope === 'process' && local !== undefined)
      return { nodes: await this.#withSettings(here, nodes), unseen: undefined }
    try {
      const listed = await nodes.list()
      const own = listed.find(({ boot }) => boot === nodes.boot)
      const others = listed.filter(({ boot }) => boot !== nodes.boot)
      return {
        nodes: [
          ...here.map((node) => ({ ...node, settings: own?.settings[SETTINGS] })),
          ...others.map(({ id, boot, isLate, ageMs, reports, settings }) => ({
            id,
            boot,
            cache: name,
            isLocal: false,
            isLate,
            ageMs,
            report: reportIn(reports[REPORT]),
            settings: settings[SETTINGS],
          })),
        ],
        unseen: undefined,
      }
    } catch (error) {
      return { nodes: here, unseen: reasonOf(error) }
    }
  }

  /** One reply for each node; the one of this process needs no channel. */
  async ask<T extends Topic>(
    cache: string,
    topic: T,
    body: Asked<T>,
    { to, deadlineMs = DEADLINE_MS }: AskedOf = {},
  ): Promise<NodeReply<Answered[T]>[]> {
    const { local, nodes } = this.#member(cache)
    const asksHere = local !== undefined && (to === undefined || to.includes(nodes.id))
    const [here, others] = await Promise.all([
      asksHere ? this.#askHere(local, topic, body) : undefined,
      this.#askOthers<T>(nodes, local !== undefined, topic, body, to, deadlineMs),
    ])
    return here === undefined ? others : [here, ...others]
  }

  /**
   * From the first that can answer: this process, else a node that is not late.
   * @throws Problem 503, or 502 with the node's error.
   */
  async one<T extends Topic>(
    cache: string,
    topic: T,
    body: Asked<T>,
    { to, deadlineMs = DEADLINE_MS }: AskedOf = {},
  ): Promise<Answered[T]> {
    const { local, nodes } = this.#member(cache)
    const id = to?.[0] ?? (local === undefined ? await this.#firstAwake(cache) : nodes.id)
    const [reply] = await this.ask(cache, topic, body, { to: [id], deadlineMs })
    if (reply?.status === 'answered' && reply.body !== undefined) return reply.body
    const why = reply?.error ?? reply?.status ?? 'unknown'
    throw new Problem(
      reply?.status === 'unknown' ? 404 : 502,
      'node_failed',
      `the node ${id} of ${cache} could not do it: ${why}`,
    )
  }

  /** Settings for all nodes of a cache, including later ones. */
  async putSettings(cache: string, document: unknown): Promise<void> {
    const { nodes } = this.#member(cache)
    await reached(async () => {
      const stored = await nodes.getSettings(SETTINGS)
      if (JSON.stringify(stored?.document ?? null) !== JSON.stringify(document))
        await nodes.putSettings(SETTINGS, document)
    })
  }

  /** Publishes all stored configurations where processes that make caches of them look. */
  async putConfigurations(documents: readonly unknown[]): Promise<void> {
    for (const { nodes } of this.#directories) {
      await reached(async () => {
        const held = await nodes.getSettings(CONFIGURATIONS)
        if (JSON.stringify(held?.document ?? []) !== JSON.stringify(documents))
          await nodes.putSettings(CONFIGURATIONS, documents)
      })
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ nodes }) => nodes.close()))
    await Promise.all(this.#directories.map(({ nodes }) => nodes.close()))
  }

  /** @throws Problem 404 */
  #member(cache: string): Member {
    const member = this.#members.get(cache)
    if (member !== undefined) return member
    const known = this.names.length === 0 ? 'no cache is attached' : `there are ${this.names.join(', ')}`
    throw new Problem(404, 'cache_unknown', `there is no cache ${JSON.stringify(cache.slice(0, 128))}: ${known}`)
  }

  async #askHere<T extends Topic>(local: Attached, topic: T, body: Asked<T>): Promise<NodeReply<Answered[T]>> {
    const { id, boot } = local.nodes
    const began = performance.now()
    try {
      const answer = await act(local.acts, topic, body)
      return { id, boot, status: 'answered', body: answer, ms: performance.now() - began }
    } catch (error) {
      const code = error instanceof MillpondError ? { code: error.code } : {}
      return { id, boot, status: 'failed', error: reasonOf(error), ...code, ms: performance.now() - began }
    }
  }

  async #askOthers<T extends Topic>(
    nodes: Nodes,
    isHere: boolean,
    topic: T,
    body: Asked<T>,
    to: readonly string[] | undefined,
    deadlineMs: number,
  ): Promise<NodeReply<Answered[T]>[]> {
    if (isHere && nodes.store.scope === 'process') return []
    try {
      const others =
        to?.filter((id) => !isHere || id !== nodes.id) ??
        (await nodes.list()).filter(({ boot }) => boot !== nodes.boot).map(({ id }) => id)
      if (others.length === 0) return []
      const { nodes: answers } = await nodes.ask(topic, body, { to: others, deadline: deadlineMs })
      return answers.map(({ body: answer, error, ...rest }) => ({
        ...rest,
        ...(error !== undefined && { error: withoutSecrets(error) }),
        ...(answer !== undefined && { body: answer as Answered[T] }), // a node of ours has answered this topic
      }))
    } catch (error) {
      // Without the channel it is unknown which nodes exist: one row says so.
      return [{ id: 'other nodes', boot: '', status: 'late', error: reasonOf(error) }]
    }
  }

  async #firstAwake(cache: string): Promise<string> {
    const { nodes, unseen } = await this.see(cache)
    const node = nodes.find(({ isLate }) => !isLate)
    if (node !== undefined) return node.id
    throw new Problem(503, 'no_node', `no process of ${cache} can be asked: ${unseen ?? 'none is running'}`, {
      headers: { 'Retry-After': '2' },
    })
  }

  async #withSettings(here: readonly FleetNode[], nodes: Nodes): Promise<readonly FleetNode[]> {
    const own = (await nodes.list()).find(({ boot }) => boot === nodes.boot)
    return here.map((node) => ({ ...node, settings: own?.settings[SETTINGS] }))
  }
}

/** The next round retries an unreachable place: the caller of `join` has been told once already. */
async function reached<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MillpondError && error.code === 'NODES_UNREACHABLE') return undefined
    throw error
  }
}
