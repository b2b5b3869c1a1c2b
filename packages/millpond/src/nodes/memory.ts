// The meeting place of one process: for tests, and for a cache with only memory.
import { randomUUID } from 'node:crypto'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import {
  MAX_REQUESTS,
  type NodeBeat,
  type NodeMark,
  type NodeRequest,
  type NodeStore,
  type StoredReply,
  type StoredRequest,
  type StoredSettings,
} from '../core/nodes.ts'

interface Posted {
  readonly request: NodeRequest
  readonly until: number
}

/** One channel. Numbers of requests only grow, so a cursor is a number. */
interface Channel {
  readonly mark: string
  readonly nodes: Map<string, { beat: NodeBeat; at: number }>
  readonly requests: Map<number, Posted>
  readonly replies: Map<string, { until: number; readonly byNode: Map<string, StoredReply> }>
  readonly settings: Map<string, StoredSettings>
  readonly wakes: Map<string, Set<() => void>>
  seq: number
}

const PAGE = 100

/** A store that lives as long as this process, and is not shared. */
export function memoryNodes(options: { readonly clock?: Clock } = {}): NodeStore {
  const clock = options.clock ?? systemClock()
  const channels = new Map<string, Channel>()

  const channelOf = (name: string): Channel => {
    const known = channels.get(name)
    if (known !== undefined) return known
    const channel: Channel = {
      mark: randomUUID(),
      nodes: new Map(),
      requests: new Map(),
      replies: new Map(),
      settings: new Map(),
      wakes: new Map(),
      seq: 0,
    }
    channels.set(name, channel)
    return channel
  }
  const marksOf = ({ nodes }: Channel): NodeMark[] => {
    const now = clock.monotonic()
    for (const [id, { beat, at }] of nodes) if (now - at >= beat.forgetMs) nodes.delete(id)
    return [...nodes.values()]
      .map(({ beat, at }) => ({ id: beat.id, boot: beat.boot, lateMs: beat.lateMs, ageMs: now - at }))
      .sort(byId)
  }
  const forgetOld = (channel: Channel): void => {
    const now = clock.monotonic()
    for (const [seq, { until }] of channel.requests) if (until <= now) channel.requests.delete(seq)
    for (const [id, { until }] of channel.replies) if (until <= now) channel.replies.delete(id)
  }
  // Asynchronous, as from elsewhere.
  const wake = (channel: Channel, what: string): void => {
    for (const one of channel.wakes.get(what) ?? []) void Promise.resolve().then(one)
  }

  return {
    name: 'memory',
    scope: 'process',
    async beat(name, beat, joins) {
      const channel = channelOf(name)
      marksOf(channel)
      const held = channel.nodes.get(beat.id)
      if (!joins && held !== undefined && held.beat.boot !== beat.boot) return false
      channel.nodes.set(beat.id, { beat, at: clock.monotonic() })
      return true
    },
    async leave(name, id, boot) {
      const { nodes } = channelOf(name)
      if (nodes.get(id)?.beat.boot === boot) nodes.delete(id)
    },
    async list(name) {
      const channel = channelOf(name)
      return marksOf(channel).flatMap((mark) => {
        const held = channel.nodes.get(mark.id)
        return held === undefined ? [] : [{ ...held.beat, ageMs: mark.ageMs }]
      })
    },
    async inbox(name, cursor) {
      const channel = channelOf(name)
      forgetOld(channel)
      const after = cursor === undefined ? channel.seq : afterOf(cursor, channel.mark)
      const fresh = [...channel.requests].filter(([seq]) => seq > after).slice(0, PAGE)
      const now = clock.monotonic()
      const requests: StoredRequest[] = fresh.map(([, { request, until }]) => ({ ...request, leftMs: until - now }))
      const last = fresh.length < PAGE ? channel.seq : (fresh.at(-1)?.[0] ?? channel.seq)
      return {
        cursor: `${channel.mark}:${last}`,
        requests,
        revisions: new Map([...channel.settings].map(([key, { revision }]) => [key, revision])),
      }
    },
    async post(name, request, ttlMs) {
      const channel = channelOf(name)
      forgetOld(channel)
      if (channel.requests.size >= MAX_REQUESTS) return undefined
      channel.seq++
      channel.requests.set(channel.seq, { request, until: clock.monotonic() + ttlMs })
      wake(channel, '')
      return marksOf(channel)
    },
    async reply(name, request, reply, keepMs) {
      const channel = channelOf(name)
      const held = channel.replies.get(request.id) ?? { until: 0, byNode: new Map<string, StoredReply>() }
      held.until = clock.monotonic() + keepMs
      held.byNode.set(reply.id, reply)
      channel.replies.set(request.id, held)
      wake(channel, request.from)
    },
    async replies(name, request) {
      const channel = channelOf(name)
      return {
        replies: [...(channel.replies.get(request)?.byNode.values() ?? [])].sort(byId),
        present: marksOf(channel),
      }
    },
    async putSettings(name, key, settings, ifRevision) {
      const channel = channelOf(name)
      if (ifRevision !== undefined && (channel.settings.get(key)?.revision ?? '') !== ifRevision) return false
      channel.settings.set(key, settings)
      wake(channel, '')
      return true
    },
    async getSettings(name, key) {
      return channelOf(name).settings.get(key)
    },
    follow(name, what, wakeUp) {
      const { wakes } = channelOf(name)
      const own = (): void => wakeUp()
      const group = wakes.get(what) ?? new Set()
      wakes.set(what, group.add(own))
      return () => {
        group.delete(own)
        if (group.size === 0 && wakes.get(what) === group) wakes.delete(what)
      }
    },
  }
}

let ofThisProcess: NodeStore | undefined

/** The one meeting place of this process, for caches without another. */
export function processNodes(): NodeStore {
  ofThisProcess ??= memoryNodes()
  return ofThisProcess
}

/**
 * Caches that are created from now on meet in another place: test suites that share a process do not see each other's.
 */
export function partProcessNodes(): void {
  ofThisProcess = undefined
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1)

/** A cursor of an earlier channel is before everything. */
function afterOf(cursor: string, mark: string): number {
  const at = cursor.lastIndexOf(':')
  return cursor.slice(0, at) === mark ? Number(cursor.slice(at + 1)) : 0
}
