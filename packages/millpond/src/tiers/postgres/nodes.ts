// The node store on PostgreSQL: rows of a channel, each step one statement, timed by the server's clock, woken by
// NOTIFY.
//
// A request's number decides which nodes it reaches, so numbers must become visible in order: the channel's row is
// locked from taking the number until commit.
import { randomUUID } from 'node:crypto'
import { MAX_REQUESTS, type NodeMark, type NodeStore, type StoredRequest } from '../../core/nodes.ts'
import type { Row } from './call.ts'
import { numberAt, textAt } from './columns.ts'
import { type Database, type Statement, statement } from './database.ts'
import { type Followers, messageOf } from './followers.ts'

const FAILED = 'NODES_UNREACHABLE'
const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
const PAGE = 100

/** @param notify the server's notification channel; `null`: no notifications */
export function postgresNodes(database: Database, followers: Followers, notify: string | null): NodeStore {
  const sql = statementsOf(`"${database.settings.schema}"`)
  const run = async (what: string, one: Statement, values: unknown[]): Promise<readonly Row[]> =>
    (await database.run(what, FAILED, one, values)).rows
  const wake = (channel: string, what: string): [string | null, string] => [notify, messageOf(placeOf(channel, what))]
  const store: NodeStore = {
    name: 'postgres',
    scope: 'shared',
    async beat(channel, { id, boot, lateMs, forgetMs, state }, joins) {
      return (
        (await run('node', sql.beat, [channel, id, boot, Math.ceil(lateMs), Math.ceil(forgetMs), state, joins]))
          .length > 0
      )
    },
    async leave(channel, id, boot) {
      await run('leave', sql.leave, [channel, id, boot])
    },
    async list(channel) {
      const rows = await run('nodes', sql.list, [channel])
      return rows.map((row) => ({ ...markOf(row), forgetMs: numberAt(row, 4), state: textAt(row, 5) }))
    },
    async inbox(channel, cursor) {
      const answer = await run('inbox', sql.inbox, [channel, cursor ?? null, PAGE])
      const known = answer.find((row) => row[4] === null)
      const rows = answer.filter((row) => row[4] !== null).sort((a, b) => numberAt(a, 1) - numberAt(b, 1))
      const seq = numberAt(known, 1)
      const last = rows.length < PAGE ? seq : numberAt(rows.at(-1), 1)
      return {
        cursor: `${textAt(known, 0)}:${last}`,
        requests: rows.map(requestOf),
        revisions: new Map(pairsIn(textAt(known, 2))),
      }
    },
    async post(channel, { id, from, to, text }, ttlMs) {
      const recipients = to === undefined ? null : JSON.stringify(to)
      const [answer] = await run('post', sql.post, [
        channel,
        randomUUID(),
        id,
        from,
        recipients,
        text,
        Math.ceil(ttlMs),
        ...wake(channel, ''),
      ])
      return answer?.[0] === null || answer === undefined ? undefined : marksIn(textAt(answer, 0))
    },
    async reply(channel, request, { id, boot, text }, keepMs) {
      await run('reply', sql.reply, [
        channel,
        request.id,
        id,
        boot,
        text,
        Math.ceil(keepMs),
        ...wake(channel, request.from),
      ])
    },
    async replies(channel, request) {
      const rows = await run('replies', sql.replies, [channel, request])
      const replies = rows
        .filter((row) => row[0] !== null)
        .map((row) => ({ id: textAt(row, 0), boot: textAt(row, 1), text: textAt(row, 2) }))
      const present = marksIn(
        textAt(
          rows.find((row) => row[0] === null),
          2,
        ),
      )
      return { replies: replies.sort((a, b) => (a.id < b.id ? -1 : 1)), present }
    },
    async putSettings(channel, name, settings, ifRevision) {
      const values = [channel, name, ifRevision ?? null, settings.revision, settings.text, ...wake(channel, '')]
      return textAt((await run('settings', sql.putSettings, values))[0], 0) === 't'
    },
    async getSettings(channel, name) {
      const [row] = await run('settings', sql.getSettings, [channel, name])
      return row && { revision: textAt(row, 0), text: textAt(row, 1) }
    },
  }
  return notify === null
    ? store
    : { ...store, follow: (channel, what, wakeUp) => followers.add(placeOf(channel, what), wakeUp) }
}

const placeOf = (channel: string, what: string): string => `nodes ${channel} ${what}`

function statementsOf(s: string) {
  const present = `channel = $1 AND at + forget > ${NOW}`
  const marks = `coalesce((SELECT json_agg(json_build_array(id, boot, ${NOW} - at, late) ORDER BY id) FROM ${s}.channel_node WHERE ${present}), '[]')`
  /** Only if something was changed. */
  const told = (what: string, channel: string, message: string): string =>
    `CASE WHEN ${channel}::text IS NOT NULL AND (${what}) THEN pg_notify(${channel}::text, ${message}::text) END`
  return {
    beat: statement(`INSERT INTO ${s}.channel_node AS held (channel, id, boot, at, late, forget, state)
      VALUES ($1, $2, $3, ${NOW}, $4::bigint, $5::bigint, $6)
      ON CONFLICT (channel, id) DO UPDATE SET boot = excluded.boot, at = excluded.at, late = excluded.late, forget = excluded.forget, state = excluded.state
      WHERE $7::boolean OR held.boot = excluded.boot OR held.at + held.forget <= ${NOW} RETURNING id`),
    leave: statement(`DELETE FROM ${s}.channel_node WHERE channel = $1 AND id = $2 AND boot = $3`),
    list: statement(
      `SELECT id, boot, greatest(0, ${NOW} - at), late, forget, state FROM ${s}.channel_node WHERE ${present} ORDER BY id`,
    ),
    inbox: statement(`WITH known AS (
        SELECT coalesce(max(mark), '') AS mark, coalesce(max(seq), 0) AS seq FROM ${s}.channel WHERE name = $1
      ), place AS (
        SELECT CASE WHEN $2::text IS NULL THEN seq
          WHEN starts_with($2::text, mark || ':') AND substr($2::text, length(mark) + 2)::bigint <= seq THEN substr($2::text, length(mark) + 2)::bigint
          ELSE 0 END AS after FROM known
      )
      (SELECT mark, seq::text, coalesce((SELECT json_object_agg(name, revision)::text FROM ${s}.channel_setting WHERE channel = $1), '{}'), NULL, NULL, NULL
        FROM known)
      UNION ALL
      (SELECT r.id, r.seq::text, r.asker, r.recipients, r.body, (r.ends - ${NOW})::text FROM ${s}.channel_request r, place
        WHERE r.channel = $1 AND r.seq > place.after AND r.ends > ${NOW} ORDER BY r.seq LIMIT $3::integer)`),
    post: statement(`WITH old AS (DELETE FROM ${s}.channel_request WHERE ends <= ${NOW}),
      stale AS (DELETE FROM ${s}.channel_reply WHERE ends <= ${NOW}),
      gone AS (DELETE FROM ${s}.channel_node WHERE at + forget <= ${NOW}),
      next AS (
        INSERT INTO ${s}.channel AS held (name, mark, seq)
        SELECT $1, $2, 1 WHERE (SELECT count(*) FROM ${s}.channel_request WHERE channel = $1 AND ends > ${NOW}) < ${MAX_REQUESTS}
        ON CONFLICT (name) DO UPDATE SET seq = held.seq + 1 RETURNING seq
      ), put AS (
        INSERT INTO ${s}.channel_request (channel, seq, id, asker, recipients, body, ends)
        SELECT $1, seq, $3, $4, $5, $6, ${NOW} + $7::bigint FROM next RETURNING seq
      ) SELECT CASE WHEN EXISTS (SELECT FROM put) THEN ${marks}::text END, ${told('EXISTS (SELECT FROM put)', '$8', '$9')}`),
    reply: statement(`WITH put AS (
        INSERT INTO ${s}.channel_reply (channel, request, id, boot, body, ends) VALUES ($1, $2, $3, $4, $5, ${NOW} + $6::bigint)
        ON CONFLICT (channel, request, id) DO UPDATE SET boot = excluded.boot, body = excluded.body, ends = excluded.ends RETURNING id
      ) SELECT ${told('EXISTS (SELECT FROM put)', '$7', '$8')}`),
    replies: statement(`(SELECT NULL, NULL, ${marks}::text)
      UNION ALL (SELECT id, boot, body FROM ${s}.channel_reply WHERE channel = $1 AND request = $2 ORDER BY id)`),
    putSettings: statement(`WITH put AS (
        INSERT INTO ${s}.channel_setting AS held (channel, name, revision, body)
        SELECT $1, $2, $4, $5 WHERE $3::text IS NULL OR $3::text = '' OR EXISTS (SELECT FROM ${s}.channel_setting WHERE channel = $1 AND name = $2)
        ON CONFLICT (channel, name) DO UPDATE SET revision = excluded.revision, body = excluded.body
        WHERE $3::text IS NULL OR held.revision = $3::text RETURNING name
      ) SELECT EXISTS (SELECT FROM put), ${told('EXISTS (SELECT FROM put)', '$6', '$7')}`),
    getSettings: statement(`SELECT revision, body FROM ${s}.channel_setting WHERE channel = $1 AND name = $2`),
  }
}

function markOf(row: Row): NodeMark {
  return { id: textAt(row, 0), boot: textAt(row, 1), ageMs: numberAt(row, 2), lateMs: numberAt(row, 3) }
}

function requestOf(row: Row): StoredRequest {
  const recipients = row[3]
  const request = { id: textAt(row, 0), from: textAt(row, 2), text: textAt(row, 4), leftMs: numberAt(row, 5) }
  return typeof recipients === 'string' ? { ...request, to: listIn(recipients).map(String) } : request
}

function marksIn(text: string): NodeMark[] {
  return listIn(text).map((mark) => {
    const [id, boot, ageMs, lateMs]: unknown[] = Array.isArray(mark) ? mark : []
    return { id: String(id), boot: String(boot), ageMs: Math.max(0, Number(ageMs)), lateMs: Number(lateMs) }
  })
}

/** What cannot be read is ignored: see `NodeStore`. */
function listIn(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

function pairsIn(text: string): [string, string][] {
  const value: unknown = JSON.parse(text)
  return typeof value === 'object' && value !== null
    ? Object.entries(value).map(([name, revision]) => [name, String(revision)])
    : []
}
