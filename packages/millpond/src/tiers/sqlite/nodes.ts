// The node store in a cache file: rows of a channel, each step one transaction, timed by the host's clock. Without
// followers it costs nothing.
import { randomUUID } from 'node:crypto'
import {
  type Inbox,
  MAX_REQUESTS,
  type NodeBeat,
  type NodeMark,
  type NodeRequest,
  type NodeStore,
  type StoredNode,
  type StoredReply,
  type StoredRequest,
  type StoredSettings,
} from '../../core/nodes.ts'
import { outside } from '../../core/outside.ts'
import { column, numberIn, numbers, textIn, texts } from '../../core/sqlite.ts'
import { unheld } from '../../core/unheld.ts'
import type { Database } from './database.ts'
import type { CacheFile } from './file.ts'

const FAILED = 'NODES_UNREACHABLE'
const PAGE = 100
/** How soon another process's request is seen. */
const POLL_MS = 20

export class SqliteNodes implements NodeStore {
  readonly name = 'sqlite'
  readonly scope: NodeStore['scope']
  readonly #database: Database
  readonly #wakes = new Map<string, Set<() => void>>()
  #timer: ReturnType<typeof setInterval> | undefined
  #version = -1

  constructor(database: Database, scope: NodeStore['scope']) {
    this.#database = database
    this.scope = scope
  }

  beat(channel: string, { id, boot, lateMs, forgetMs, state }: NodeBeat, joins: boolean): Promise<boolean> {
    return this.#database.write('node', FAILED, (file) => {
      const now = Date.now()
      const held = file
        .sql(`SELECT ${texts('boot')} FROM channel_node WHERE channel = ? AND id = ? AND at + forget > ?`)
        .get(channel, id, now)
      if (!joins && isRow(held) && textIn(held, 'boot') !== boot) return false
      file
        .sql(
          'INSERT OR REPLACE INTO channel_node (channel, id, boot, at, late, forget, state) VALUES (?, ?, ?, ?, ?, ?, ?)',
        )
        .run(channel, id, boot, now, Math.ceil(lateMs), Math.ceil(forgetMs), state)
      return true
    })
  }

  async leave(channel: string, id: string, boot: string): Promise<void> {
    await this.#database.write('leave', FAILED, (file) =>
      file.sql('DELETE FROM channel_node WHERE channel = ? AND id = ? AND boot = ?').run(channel, id, boot),
    )
  }

  list(channel: string): Promise<readonly StoredNode[]> {
    return this.#database.read('nodes', FAILED, (file) => {
      const now = Date.now()
      const rows = file
        .sql(`SELECT ${MARK}, ${numbers('forget')}, ${texts('state')} FROM channel_node WHERE ${PRESENT}`)
        .all(channel, now)
      return rows.map((row) => ({
        ...markOf(row, now),
        forgetMs: numberIn(row, 'forget'),
        state: textIn(row, 'state'),
      }))
    })
  }

  inbox(channel: string, cursor?: string): Promise<Inbox> {
    return this.#database.read('inbox', FAILED, (file) => {
      const now = Date.now()
      const known = file.sql(`SELECT ${texts('mark')}, ${numbers('seq')} FROM channel WHERE name = ?`).get(channel)
      const { mark, seq } = isRow(known)
        ? { mark: textIn(known, 'mark'), seq: numberIn(known, 'seq') }
        : { mark: '', seq: 0 }
      const after = cursor === undefined ? seq : afterOf(cursor, mark, seq)
      const rows = file
        .sql(
          `SELECT ${texts('id', 'asker', 'recipients', 'body')}, ${numbers('seq', 'ends')} FROM channel_request
            WHERE channel = ? AND seq > ? AND ends > ? ORDER BY channel_request.seq LIMIT ?`,
        )
        .all(channel, after, now, PAGE)
      const settings = file
        .sql(`SELECT ${texts('name', 'revision')} FROM channel_setting WHERE channel = ?`)
        .all(channel)
      const last = rows.length < PAGE ? seq : numberIn(rows.at(-1), 'seq')
      return {
        cursor: `${mark}:${last}`,
        requests: rows.map((row) => requestOf(row, now)),
        revisions: new Map(settings.map((row) => [textIn(row, 'name'), textIn(row, 'revision')])),
      }
    })
  }

  async post(
    channel: string,
    { id, from, to, text }: NodeRequest,
    ttlMs: number,
  ): Promise<readonly NodeMark[] | undefined> {
    const present = await this.#database.write('post', FAILED, (file) => {
      const now = Date.now()
      file.sql('DELETE FROM channel_request WHERE ends <= ?').run(now)
      file.sql('DELETE FROM channel_reply WHERE ends <= ?').run(now)
      file.sql('DELETE FROM channel_node WHERE at + forget <= ?').run(now)
      if (
        numberIn(
          file.sql('SELECT count(*) AS waiting FROM channel_request WHERE channel = ?').get(channel),
          'waiting',
        ) >= MAX_REQUESTS
      )
        return undefined
      file
        .sql('INSERT INTO channel (name, mark, seq) VALUES (?, ?, 1) ON CONFLICT (name) DO UPDATE SET seq = seq + 1')
        .run(channel, randomUUID())
      file
        .sql(
          'INSERT INTO channel_request (channel, seq, id, asker, recipients, body, ends) SELECT ?, seq, ?, ?, ?, ?, ? FROM channel WHERE name = ?',
        )
        .run(channel, id, from, to === undefined ? null : JSON.stringify(to), text, now + Math.ceil(ttlMs), channel)
      return presentIn(file, channel, now)
    })
    if (present !== undefined) this.#wake(channel, '')
    return present
  }

  async reply(
    channel: string,
    request: Pick<NodeRequest, 'id' | 'from'>,
    { id, boot, text }: StoredReply,
    keepMs: number,
  ): Promise<void> {
    await this.#database.write('reply', FAILED, (file) =>
      file
        .sql('INSERT OR REPLACE INTO channel_reply (channel, request, id, boot, body, ends) VALUES (?, ?, ?, ?, ?, ?)')
        .run(channel, request.id, id, boot, text, Date.now() + Math.ceil(keepMs)),
    )
    this.#wake(channel, request.from)
  }

  replies(channel: string, request: string): ReturnType<NodeStore['replies']> {
    return this.#database.read('replies', FAILED, (file) => {
      const rows = file
        .sql(`SELECT ${texts('id', 'boot', 'body')} FROM channel_reply WHERE channel = ? AND request = ? ORDER BY id`)
        .all(channel, request)
      const replies = rows.map((row) => ({
        id: textIn(row, 'id'),
        boot: textIn(row, 'boot'),
        text: textIn(row, 'body'),
      }))
      return { replies, present: presentIn(file, channel, Date.now()) }
    })
  }

  async putSettings(channel: string, name: string, settings: StoredSettings, ifRevision?: string): Promise<boolean> {
    const isPut = await this.#database.write('settings', FAILED, (file) => {
      if (ifRevision !== undefined && (standing(file, channel, name)?.revision ?? '') !== ifRevision) return false
      file
        .sql('INSERT OR REPLACE INTO channel_setting (channel, name, revision, body) VALUES (?, ?, ?, ?)')
        .run(channel, name, settings.revision, settings.text)
      return true
    })
    if (isPut) this.#wake(channel, '')
    return isPut
  }

  getSettings(channel: string, name: string): Promise<StoredSettings | undefined> {
    return this.#database.read('settings', FAILED, (file) => standing(file, channel, name))
  }

  follow(channel: string, what: string, wake: () => void): () => void {
    const place = placeOf(channel, what)
    const own = (): void => wake()
    const wakes = this.#wakes.get(place) ?? new Set()
    this.#wakes.set(place, wakes.add(own))
    if (!this.#database.inMemory) this.#timer ??= unheld(outside(() => setInterval(() => this.#look(), POLL_MS)))
    return () => {
      wakes.delete(own)
      if (wakes.size === 0 && this.#wakes.get(place) === wakes) this.#wakes.delete(place)
      if (this.#wakes.size === 0) this.end()
    }
  }

  end(): void {
    this.#wakes.clear()
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /**
   * Another connection has committed something: wakes all followers. Finding out which row it was would cost as much.
   */
  #look(): void {
    let version = -1
    try {
      version = this.#database.peek((file) => numberIn(file.sql('PRAGMA data_version').get(), 'data_version')) ?? -1
    } catch {
      // A hint may fail.
    }
    if (version === this.#version) return
    this.#version = version
    for (const wakes of this.#wakes.values()) for (const wake of wakes) wake()
  }

  #wake(channel: string, what: string): void {
    for (const wake of this.#wakes.get(placeOf(channel, what)) ?? []) wake()
  }
}

const MARK = `${texts('id', 'boot')}, ${numbers('at', 'late')}`
const PRESENT = 'channel = ? AND at + forget > ? ORDER BY id'
const placeOf = (channel: string, what: string): string => `${channel}\n${what}`
/** Drivers return `undefined` or `null` for no row. */
const isRow = (row: unknown): boolean => row !== undefined && row !== null

function presentIn(file: CacheFile, channel: string, now: number): NodeMark[] {
  const rows = file.sql(`SELECT ${MARK} FROM channel_node WHERE ${PRESENT}`).all(channel, now)
  return rows.map((row) => markOf(row, now))
}

function markOf(row: unknown, now: number): NodeMark {
  return {
    id: textIn(row, 'id'),
    boot: textIn(row, 'boot'),
    lateMs: numberIn(row, 'late'),
    ageMs: Math.max(0, now - numberIn(row, 'at')),
  }
}

function requestOf(row: unknown, now: number): StoredRequest {
  const request = {
    id: textIn(row, 'id'),
    from: textIn(row, 'asker'),
    text: textIn(row, 'body'),
    leftMs: numberIn(row, 'ends') - now,
  }
  return column(row, 'recipients') === null ? request : { ...request, to: idsIn(textIn(row, 'recipients')) }
}

function idsIn(text: string): string[] {
  try {
    const ids: unknown = JSON.parse(text)
    return Array.isArray(ids) ? ids.map(String) : []
  } catch {
    return []
  }
}

function standing(file: CacheFile, channel: string, name: string): StoredSettings | undefined {
  const row = file
    .sql(`SELECT ${texts('revision', 'body')} FROM channel_setting WHERE channel = ? AND name = ?`)
    .get(channel, name)
  return isRow(row) ? { revision: textIn(row, 'revision'), text: textIn(row, 'body') } : undefined
}

/** A cursor of an earlier incarnation of the channel precedes everything. */
function afterOf(cursor: string, mark: string, seq: number): number {
  const at = cursor.lastIndexOf(':')
  const after = Number(cursor.slice(at + 1))
  return cursor.slice(0, at) === mark && after <= seq ? after : 0
}
