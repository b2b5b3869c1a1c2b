// Where nodes meet on Redis: the hashes of a channel share a slot, each step is one script, and publish wakes.
import { randomBytes } from 'node:crypto'
import type { NodeMark, NodeStore, StoredRequest } from '../../core/nodes.ts'
import type { Argument, Connection } from './connection.ts'
import type { Names } from './names.ts'
import { BEAT, GET_SETTINGS, INBOX, LEAVE, LIST, POST, PUT_SETTINGS, REPLIES, REPLY } from './nodes-steps.ts'
import type { Script } from './script.ts'
import { list, run } from './script.ts'

const PARTS = ['nodes', 'states', 'inbox', 'requests', 'revisions', 'settings']
const PAGE = 100

export function redisNodes(connection: Connection, names: Names): NodeStore {
  const step = (what: string, script: Script, channel: string, args: Argument[], request = ''): Promise<unknown> => {
    const keys = [...PARTS, `replies:${request}`].map((part) => names.meeting(channel, part))
    return connection.exchange(
      `${what} ${channel}`,
      'NODES_UNREACHABLE',
      (wire) => run(wire, script, keys, args),
      keys[0],
    )
  }
  const wakes = (channel: string, what: string): string => names.meeting(channel, `wake:${what}`)

  return {
    name: 'redis',
    scope: 'shared',
    async beat(channel, { id, boot, lateMs, forgetMs, state }, joins) {
      const args = [id, boot, whole(lateMs), whole(forgetMs), state, joins ? 1 : 0]
      return (await step('node', BEAT, channel, args)) === 1
    },
    async leave(channel, id, boot) {
      await step('leave', LEAVE, channel, [id, boot])
    },
    async list(channel) {
      const nodes = inGroups(list(await step('nodes', LIST, channel, [])), 6).map(
        ([id = '', boot = '', age, late, forget, state = '']) => ({
          ...markOf(id, boot, age, late),
          forgetMs: Number(forget),
          state,
        }),
      )
      return nodes.sort(byId)
    },
    async inbox(channel, cursor) {
      const at = cursor?.lastIndexOf(':') ?? -1
      const args = [cursor === undefined ? 0 : 1, cursor?.slice(0, at) ?? '', Number(cursor?.slice(at + 1) ?? 0), PAGE]
      const [mark, seq, revisions, found] = list(await step('inbox', INBOX, channel, args))
      return {
        cursor: `${String(mark)}:${String(seq)}`,
        revisions: new Map(inGroups(list(revisions), 2).map(([name = '', revision = '']) => [name, revision])),
        requests: inGroups(list(found), 2).map(([left, text = '']) => requestOf(text, Number(left))),
      }
    },
    async post(channel, { id, from, to, text }, ttlMs) {
      const request = JSON.stringify([id, from, to ?? null, text])
      const reply = await step('post', POST, channel, [
        randomBytes(9).toString('base64url'),
        whole(ttlMs),
        request,
        wakes(channel, ''),
      ])
      return reply === null ? undefined : marksOf(reply)
    },
    async reply(channel, request, { id, boot, text }, keepMs) {
      await step(
        'reply',
        REPLY,
        channel,
        [id, `${boot} ${text}`, whole(keepMs), wakes(channel, request.from)],
        request.id,
      )
    },
    async replies(channel, request) {
      const [found, present] = list(await step('replies', REPLIES, channel, [], request))
      const replies = inGroups(list(found), 2).map(([id = '', text = '']) => {
        const at = text.indexOf(' ')
        return { id, boot: text.slice(0, at), text: text.slice(at + 1) }
      })
      return { replies: replies.sort(byId), present: marksOf(present) }
    },
    async putSettings(channel, name, settings, ifRevision) {
      const args = [
        name,
        ifRevision === undefined ? 0 : 1,
        ifRevision ?? '',
        settings.revision,
        settings.text,
        wakes(channel, ''),
      ]
      return (await step('settings', PUT_SETTINGS, channel, args)) === 1
    },
    async getSettings(channel, name) {
      const found = await step('settings', GET_SETTINGS, channel, [name])
      return Array.isArray(found) ? { revision: String(found[0]), text: String(found[1]) } : undefined
    },
    follow: (channel, what, wake) => connection.subscribe(wakes(channel, what), wake),
  }
}

const whole = (ms: number): number => Math.max(1, Math.ceil(ms))
const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1)
const markOf = (id: string, boot: string, age: unknown, late: unknown): NodeMark => ({
  id,
  boot,
  ageMs: Number(age),
  lateMs: Number(late),
})

function marksOf(reply: unknown): NodeMark[] {
  return inGroups(list(reply), 4)
    .map(([id = '', boot = '', age, late]) => markOf(id, boot, age, late))
    .sort(byId)
}

/** A request that was not written under this contract gets no id: the channel ignores and counts it. */
function requestOf(text: string, leftMs: number): StoredRequest {
  try {
    const parts: unknown = JSON.parse(text)
    const [id, from, to, body]: unknown[] = Array.isArray(parts) ? parts : []
    if (typeof id === 'string' && typeof from === 'string' && typeof body === 'string')
      return { id, from, text: body, leftMs, ...(Array.isArray(to) && { to: to.map(String) }) }
  } catch {
    // as below
  }
  return { id: '', from: '', text: '', leftMs }
}

function inGroups(texts: readonly unknown[], size: number): string[][] {
  const groups: string[][] = []
  for (let at = 0; at + size <= texts.length; at += size) groups.push(texts.slice(at, at + size).map(String))
  return groups
}
