// The ledger in a cache file: its record is advanced in the transaction that drops the rows, and shared by all
// processes of that file.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type {
  Advanced,
  Change,
  CommitItem,
  Heartbeat,
  LeaseAnswer,
  LeaseAsk,
  LedgerNode,
  LedgerPlace,
  LedgerStore,
  Scope,
  Snapshot,
  Tail,
} from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'
import { numberIn, numbers, textIn, texts } from '../../core/sqlite.ts'
import { PagedSnapshots, type PullReply } from '../paged-snapshots.ts'
import { MAX_TAIL } from '../retain.ts'
import type { Database } from './database.ts'
import { dropEntry, enforceBounds, writeEntry } from './entries.ts'
import type { CacheFile } from './file.ts'
import type { Followers } from './followers.ts'
import { beat, nodesIn } from './heartbeats.ts'
import { addHolds, endHolds, expireHolds, isDue, isHeld } from './holds.ts'
import {
  findRecord,
  type LedgerRecord,
  lastMove,
  lastPattern,
  linesAfter,
  linesInForce,
  newEpoch,
  pageInForce,
  recordChange,
  recordOf,
  saveRecord,
} from './ledger-rows.ts'
import { Standing } from './standing.ts'

const FAILED = 'LEDGER_UNREACHABLE'
/** Prefix of a lease's id once its entry is committed. */
const COMMITTED = '+'
/** The most namespaces in one step of a heartbeat: a few milliseconds of the lock. */
const BEAT_AT_ONCE = 200

export class SqliteLedger implements LedgerStore {
  readonly scope: Scope
  readonly #database: Database
  readonly #followers: Followers
  readonly #onWrite: () => void
  readonly #pages: PagedSnapshots
  readonly #standing = new Standing()
  #external: boolean
  #reports = 0

  constructor(database: Database, followers: Followers, onWrite: () => void) {
    this.scope = database.inMemory ? 'process' : 'host'
    this.#database = database
    this.#followers = followers
    this.#onWrite = onWrite
    this.#pages = new PagedSnapshots(async (namespace, after) => {
      await yieldToOthers()
      return database.look(`pull ${namespace}`, FAILED, (file) => pageInForce(file, namespace, after))
    })
    this.#external = database.settings.retain.externalTiers
  }

  coverOtherTiers(): void {
    this.#external = true
  }

  async pull(namespace: string, from?: Position, progress?: () => void): Promise<Snapshot | Tail> {
    const reply = await this.#ask(namespace, from)
    return reply.kind === 'large'
      ? this.#pages.pull(namespace, reply.position, (position) => this.#ask(namespace, position), progress)
      : reply
  }

  async unmoved(places: readonly LedgerPlace[]): Promise<readonly boolean[]> {
    return this.#database.read('unmoved', FAILED, (file) => this.#standing.unmoved(file, places, this.#external))
  }

  async #ask(namespace: string, from: Position | undefined): Promise<PullReply> {
    const known = await this.#database.read(`pull ${namespace}`, FAILED, (file) => {
      const record = findRecord(file, namespace)
      if (record === undefined || this.#mustChange(record, from) || isDue(file, namespace, Date.now())) return undefined
      return answer(file, namespace, record, from)
    })
    if (known !== undefined) return known
    return this.#database.write(`pull ${namespace}`, FAILED, (file) => {
      const found = recordOf(file, namespace, this.#external)
      // The process has seen a later number than the record holds: the record was rolled back, and its history cannot
      // be continued.
      const current = isAhead(found, from) ? newEpoch(file, namespace, this.#external) : found
      const record = expireHolds(file, namespace, current, this.#database.settings.retain, Date.now())
      saveRecord(file, namespace, record)
      return answer(file, namespace, record, from)
    })
  }

  async advance(namespace: string, change: Change): Promise<Advanced> {
    const { retain, maxEntries, maxBytes } = this.#database.settings
    const advanced = await this.#database.write(`advance ${namespace}`, FAILED, (file) => {
      const now = Date.now()
      const before = expireHolds(file, namespace, recordOf(file, namespace, this.#external), retain, now)
      // Judged before this step records its own numbers.
      const stored = mayWrite(file, namespace, before, change)
      endHolds(file, namespace, before, change)
      const record = recordChange(file, namespace, before, change, retain, now)
      addHolds(file, namespace, record, change, now)
      saveRecord(file, namespace, record)
      const wasThere = change.drop.map((key) => dropEntry(file, key) > 0)
      const dropped = wasThere.filter(Boolean).length
      const position = { epoch: record.epoch, seq: record.seq }
      change.write.forEach((item, index) => {
        if (stored[index] === false) dropEntry(file, item.key)
        else writeEntry(file, { ...item, asOf: position }, now, { maxEntries, maxBytes })
      })
      if (change.write.length > 0) enforceBounds(file, { maxEntries, maxBytes }, now)
      return { position, dropped, wasThere, ...((change.unmovedSince ?? change.settles) !== undefined && { stored }) }
    })
    this.#onWrite()
    this.#followers.moved(namespace, advanced.position)
    return advanced
  }

  async commit(namespace: string, items: readonly CommitItem[]): Promise<boolean[]> {
    if (items.length === 0) return []
    const { maxEntries, maxBytes } = this.#database.settings
    const stored = await this.#database.write(`commit ${namespace}`, FAILED, (file) => {
      const now = Date.now()
      const record = findRecord(file, namespace)
      const cleared = lastMove(file, namespace, { kind: 'all' })
      const verdicts = items.map((item) => {
        if (record === undefined || item.asOf.seq < cleared || !mayCommit(file, namespace, record, item, now))
          return false
        writeEntry(file, item, now, { maxEntries, maxBytes })
        return true
      })
      if (verdicts.includes(true)) enforceBounds(file, { maxEntries, maxBytes }, now)
      // Once the entry is stored the lease is not needed any more, and releasing it separately would be one more
      // transaction.
      items.forEach(({ target, lease }, index) => {
        if (verdicts[index] && lease !== undefined) endWithCommit(file, namespace, { key: target, id: lease })
      })
      return verdicts
    })
    this.#onWrite()
    return stored
  }

  async lease(namespace: string, key: string, id: string, ms: number): Promise<LeaseAnswer> {
    const [answer] = await this.leaseAll(namespace, [{ key, id }], ms)
    if (answer === undefined) throw new Error('no answer for a lease')
    return answer
  }

  async leaseAll(namespace: string, asks: readonly LeaseAsk[], ms: number): Promise<LeaseAnswer[]> {
    const what = `lease ${namespace}`
    // Most requests are refused, and refusing needs no lock.
    const looked = await this.#database.look(what, FAILED, (file) =>
      asks.map((ask) => heldByOther(file, namespace, ask, Date.now())),
    )
    const refused = looked.filter((answer) => answer !== undefined)
    if (refused.length === asks.length) return refused
    return this.#database.write<LeaseAnswer[]>(what, FAILED, (file) => {
      const now = Date.now()
      return asks.map((ask) => {
        const held = heldByOther(file, namespace, ask, now)
        if (held !== undefined) return held
        file
          .sql('INSERT OR REPLACE INTO lease (ns, key, id, until) VALUES (?, ?, ?, ?)')
          .run(namespace, ask.key, ask.id, now + Math.max(1, Math.ceil(ms)))
        return { granted: true }
      })
    })
  }

  release(namespace: string, key: string, id: string): Promise<void> {
    return this.releaseAll(namespace, [{ key, id }])
  }

  async releaseAll(namespace: string, asks: readonly LeaseAsk[]): Promise<void> {
    const what = `release ${namespace}`
    // Most leases have ended with their entry's commit, and seeing that needs no lock.
    const held = await this.#database.look(what, FAILED, (file) =>
      asks.filter(({ key, id }) => leaseOf(file, namespace, key)?.id === id),
    )
    if (held.length === 0) return
    await this.#database.write(what, FAILED, (file) => {
      for (const ask of held) endLease(file, namespace, ask)
    })
  }

  follow(namespace: string, wake: (at?: Position) => void): () => void {
    return this.#followers.add(namespace, wake)
  }

  async report(namespace: string, id: string, position: Position): Promise<void> {
    await this.heartbeat(id, { count: ++this.#reports, moved: [{ namespace, position }], left: [] })
  }

  async heartbeat(id: string, { count, moved, left }: Heartbeat): Promise<boolean> {
    let isKnown = true
    for (let from = 0; from === 0 || from < Math.max(moved.length, left.length); from += BEAT_AT_ONCE) {
      if (from > 0) await yieldToOthers()
      const to = from + BEAT_AT_ONCE
      const part = { count, moved: moved.slice(from, to), left: left.slice(from, to) }
      isKnown = (await this.#database.write('heartbeat', FAILED, (file) => beat(file, id, part))) && isKnown
    }
    return isKnown
  }

  nodes(namespace: string): Promise<readonly LedgerNode[]> {
    return this.#database.look(`nodes ${namespace}`, FAILED, (file) => nodesIn(file, namespace))
  }

  #mustChange(record: LedgerRecord, from: Position | undefined): boolean {
    return isAhead(record, from) || (this.#external && !record.external)
  }
}

function isAhead(record: LedgerRecord, from: Position | undefined): boolean {
  return from !== undefined && from.epoch === record.epoch && from.seq > record.seq
}

function answer(file: CacheFile, ns: string, record: LedgerRecord, from: Position | undefined): PullReply {
  const { floor } = record
  const outerFloor = Math.max(floor, record.commitFloor)
  const position = { epoch: record.epoch, seq: record.seq }
  if (from !== undefined && from.epoch === record.epoch && record.seq - from.seq <= MAX_TAIL) {
    const lines = linesAfter(file, ns, from.seq, record.seq)
    if (lines !== undefined) return { kind: 'tail', position, floor, outerFloor, lines }
  }
  const lines = linesInForce(file, ns, floor)
  return lines === undefined ? { kind: 'large', position } : { kind: 'snapshot', position, floor, outerFloor, lines }
}

function mayCommit(file: CacheFile, ns: string, record: LedgerRecord, item: CommitItem, now: number): boolean {
  const { epoch, seq } = item.asOf
  if (epoch !== record.epoch || seq > record.seq || seq < record.floor || seq < record.commitFloor) return false
  if (lastMove(file, ns, { kind: 'key', key: item.target }) > seq || isHeld(file, ns, item.target)) return false
  if (item.lease === undefined) return true
  const lease = leaseOf(file, ns, item.target)
  // A commit may be repeated if its answer was late.
  return lease !== undefined && (lease.id === item.lease || lease.id === COMMITTED + item.lease) && lease.until > now
}

/**
 * For each entry to write: whether its key is free, and neither the key nor a tag has moved since the position that the
 * change names for it.
 */
function mayWrite(
  file: CacheFile,
  ns: string,
  record: LedgerRecord,
  { targets, write, unmovedSince, watch, settles }: Change,
): boolean[] {
  if (write.length === 0) return []
  const cleared = Math.max(lastMove(file, ns, { kind: 'all' }), lastPattern(file, ns))
  const lowest = Math.max(record.floor, record.commitFloor, cleared)
  const tagMoves = new Map<string, number>()
  const lastTagMove = (tag: string): number => {
    const seq = tagMoves.get(tag) ?? lastMove(file, ns, { kind: 'tag', tag })
    tagMoves.set(tag, seq)
    return seq
  }
  return write.map((_, index) => {
    const target = targets[index]
    if (target?.kind !== 'key') return true
    const ends = settles?.seqs[index]
    const since = settles === undefined || ends === undefined ? unmovedSince : { epoch: settles.epoch, seq: ends }
    if (isHeld(file, ns, target.key, settles?.epoch === record.epoch ? ends : undefined)) return false
    if (since === undefined) return true
    const { epoch, seq } = since
    const isKnown = epoch === record.epoch && seq <= record.seq && seq >= lowest
    return isKnown && lastMove(file, ns, target) <= seq && !watch?.[index]?.some((tag) => lastTagMove(tag) > seq)
  })
}

function heldByOther(file: CacheFile, ns: string, { key, id }: LeaseAsk, now: number): LeaseAnswer | undefined {
  const lease = leaseOf(file, ns, key)
  if (lease === undefined || lease.id === id || lease.id.startsWith(COMMITTED)) return undefined
  const leftMs = lease.until - now
  return leftMs > 0 ? { granted: false, leftMs } : undefined
}

function leaseOf(
  file: CacheFile,
  ns: string,
  key: string,
): { readonly id: string; readonly until: number } | undefined {
  const row = file.sql(`SELECT ${texts('id')}, ${numbers('until')} FROM lease WHERE ns = ? AND key = ?`).get(ns, key)
  return row === undefined || row === null ? undefined : { id: textIn(row, 'id'), until: numberIn(row, 'until') }
}

/**
 * The lease excludes no other holder any more, and a repeated commit gets the same answer until the lease's time is
 * over.
 */
function endWithCommit(file: CacheFile, ns: string, { key, id }: LeaseAsk): void {
  file.sql('UPDATE lease SET id = ? WHERE ns = ? AND key = ? AND id = ?').run(COMMITTED + id, ns, key, id)
}

function endLease(file: CacheFile, ns: string, { key, id }: LeaseAsk): void {
  file.sql('DELETE FROM lease WHERE ns = ? AND key = ? AND id = ?').run(ns, key, id)
}
