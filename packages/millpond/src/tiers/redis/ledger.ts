// The ledger on Redis: one hash per namespace, one script per step, followed by publish and subscribe.
import { randomBytes } from 'node:crypto'
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
  Snapshot,
  Tail,
} from '../../core/contracts.ts'
import { type Position, stampOf } from '../../core/ledger.ts'
import { type Page, PagedSnapshots, type PullReply } from '../paged-snapshots.ts'
import { MAX_TAIL, type Retain } from '../retain.ts'
import type { ClusterEntries } from './cluster-entries.ts'
import type { Argument, Connection, Wire } from './connection.ts'
import { ADVANCE } from './ledger-advance.ts'
import { COMMIT, JUDGE } from './ledger-commit.ts'
import { HEARTBEAT, LIVING, POSITIONS } from './ledger-heartbeat.ts'
import { LEASE, RELEASE } from './ledger-lease.ts'
import { PAGE, PULL } from './ledger-pull.ts'
import { LEAVE, NODES, REPORT } from './ledger-report.ts'
import { linesOf, lineText, pushOf, readPairs, readPush, readReply, targetText } from './lines.ts'
import type { Names } from './names.ts'
import { asBuffer, deadlineOf, store, timeToLive } from './record.ts'
import { list, run, whole } from './script.ts'
import { momentNow, Standing } from './standing.ts'

const FAILED = 'LEDGER_UNREACHABLE'
/** The most targets that one step of the server gathers: a few milliseconds. */
const MAX_AT_ONCE = 5000
/** A process that is silent for this long counts as ended. */
const NODE_MS = 3000
/** The most namespaces in one step of a heartbeat: well below a millisecond of the server. */
const BEAT_AT_ONCE = 500

export class RedisLedger implements LedgerStore {
  readonly scope = 'shared'
  readonly #connection: Connection
  readonly #names: Names
  readonly #retain: Retain
  readonly #pages: PagedSnapshots
  /** In a cluster: the entries are apart from the record, and change after it. */
  readonly #entries: ClusterEntries | undefined
  /** Not in a cluster: its records are on many servers. */
  readonly #standing: Standing | undefined
  readonly unmoved: LedgerStore['unmoved']
  readonly heartbeat: LedgerStore['heartbeat']
  #reports = 0
  #external: boolean

  constructor(connection: Connection, names: Names, retain: Retain, entries?: ClusterEntries) {
    this.#connection = connection
    this.#names = names
    this.#retain = retain
    this.#pages = new PagedSnapshots((namespace, after) => this.#page(namespace, after))
    this.#entries = entries
    const standing =
      entries === undefined ? new Standing(names.moves(), (namespace) => names.record(namespace)) : undefined
    this.#standing = standing
    this.heartbeat = standing && ((id, beat) => this.#beat(id, beat))
    this.unmoved = standing && ((places) => this.#unmoved(standing, places))
    // In a cluster no step is certain to drop the entries: they count as copies in another tier.
    this.#external = retain.externalTiers || entries !== undefined
  }

  get entriesApart(): boolean {
    return this.#entries !== undefined
  }

  coverOtherTiers(): void {
    this.#external = true
  }

  async pull(namespace: string, from?: Position, progress?: () => void): Promise<Snapshot | Tail> {
    const reply = await this.#ask(namespace, from)
    if (reply.kind !== 'large') return reply
    return this.#pages.pull(namespace, reply.position, (position) => this.#ask(namespace, position), progress)
  }

  async advance(namespace: string, change: Change): Promise<Advanced> {
    const { drop, write } = change
    const isJudged = (change.unmovedSince ?? change.settles) !== undefined
    if (this.#entries === undefined) {
      const { stored, ...advanced } = await this.#advance(namespace, change)
      return isJudged ? { ...advanced, stored } : advanced
    }
    const { stored: allowed, ...advanced } = await this.#advance(namespace, { ...change, drop: [] })
    const isAllowed = (index: number): boolean => allowed[index] ?? true
    // Entries that may not be written are dropped, as on a single server.
    const items = write.map((item, index) => ({
      ...item,
      asOf: advanced.position,
      ...(!isAllowed(index) && { expiresAt: 0 }),
    }))
    const { wasThere, stored } = await this.#entries.settle(`advance ${namespace}`, FAILED, drop, items)
    const dropped = wasThere.filter(Boolean).length
    return {
      ...advanced,
      dropped,
      wasThere,
      ...(isJudged && { stored: stored.map((was, index) => was && isAllowed(index)) }),
    }
  }

  #advance(namespace: string, change: Change): Promise<Advanced & { readonly stored: readonly boolean[] }> {
    const { drop, write, targets, unmovedSince, watch, hold, settles } = change
    const bodies = this.#entries === undefined ? write : []
    const record = this.#names.record(namespace)
    const keys = [record, this.#movesOf(record)]
    for (const key of drop) keys.push(this.#names.entry(key))
    for (const item of bodies) keys.push(this.#names.entry(item.key))
    const texts = targets.map(targetText)
    const now = Date.now()
    const talk = async (wire: Wire): Promise<Advanced & { readonly stored: readonly boolean[] }> => {
      const args: Argument[] = [
        ...this.#common(wire),
        this.#retain.windowMs === Number.POSITIVE_INFINITY ? 1e15 : this.#retain.windowMs,
        this.#retain.targets,
        this.#names.channel(namespace),
        change.mode === 'delete' ? 'd' : 'x',
        lineText(change, texts),
        targets.some((target) => target.kind === 'pattern')
          ? lineText({ ...change, mode: 'delete' }, [...texts, 'a'])
          : '',
        unmovedSince?.epoch ?? '',
        unmovedSince?.seq ?? 0,
        drop.length,
        texts.length,
        write.length,
        stampOf(change.id) ?? '',
        hold === undefined ? '' : Math.ceil(hold),
        hold === undefined ? '' : JSON.stringify([change.id, ...texts]),
        settles?.epoch ?? '',
      ]
      for (const text of texts) args.push(text)
      if (settles !== undefined) texts.forEach((_, at) => args.push(settles.seqs[at] ?? ''))
      for (const { expiresAt, body } of bodies)
        args.push(timeToLive(expiresAt, now), deadlineOf(expiresAt), asBuffer(body))
      for (let at = 0; at < write.length; at++) {
        const tags = watch?.[at] ?? []
        args.push(tags.length, ...tags)
      }
      args.push(pushOf(change))
      const [epoch, seq, there, allowed] = list(await run(wire, ADVANCE, keys, args))
      const wasThere = list(there).map((count) => count === 1)
      const stored = list(allowed).map((verdict) => verdict === 1)
      return {
        position: { epoch: String(epoch), seq: whole(seq) },
        dropped: wasThere.filter(Boolean).length,
        wasThere,
        stored,
      }
    }
    return this.#connection.exchange(`advance ${namespace}`, FAILED, talk, record)
  }

  async commit(namespace: string, items: readonly CommitItem[]): Promise<boolean[]> {
    if (items.length === 0) return []
    if (this.#entries !== undefined) return this.#commitApart(namespace, items, this.#entries)
    const keys = [this.#names.record(namespace)]
    for (const item of items) keys.push(this.#names.entry(item.key), this.#names.lease(namespace, item.target))
    const now = Date.now()
    return this.#connection.exchange(`commit ${namespace}`, FAILED, async (wire) => {
      const args: Argument[] = this.#common(wire)
      for (const { asOf, target, lease, expiresAt, body } of items) {
        args.push(asOf.epoch, asOf.seq, target, lease ?? '', timeToLive(expiresAt, now), store(asOf, body, expiresAt))
      }
      const verdicts = list(await run(wire, COMMIT, keys, args))
      // The record is lost, and no step has created a new one since: the next question begins an epoch.
      if (verdicts.includes(-1)) this.#standing?.forget(namespace)
      return verdicts.map((verdict) => verdict === 1)
    })
  }

  /** The verdict is the ledger's. An entry whose server does not answer is valid but absent, like an evicted one. */
  async #commitApart(namespace: string, items: readonly CommitItem[], entries: ClusterEntries): Promise<boolean[]> {
    const record = this.#names.record(namespace)
    const keys = [record, ...items.map(({ target }) => this.#names.lease(namespace, target))]
    const talk = async (wire: Wire): Promise<boolean[]> => {
      const args: Argument[] = this.#common(wire)
      for (const { asOf, target, lease } of items) args.push(asOf.epoch, asOf.seq, target, lease ?? '')
      return list(await run(wire, JUDGE, keys, args)).map((verdict) => verdict === 1)
    }
    const verdicts = await this.#connection.exchange(`commit ${namespace}`, FAILED, talk, record)
    const good = items.filter((_, index) => verdicts[index])
    await entries.settle(`commit ${namespace}`, FAILED, [], good)
    return verdicts
  }

  async lease(namespace: string, key: string, id: string, ms: number): Promise<LeaseAnswer> {
    const [answer] = await this.leaseAll(namespace, [{ key, id }], ms)
    if (answer === undefined) throw new Error('the script answered nothing')
    return answer
  }

  async leaseAll(namespace: string, asks: readonly LeaseAsk[], ms: number): Promise<LeaseAnswer[]> {
    if (asks.length === 0) return []
    const keys = asks.map(({ key }) => this.#names.lease(namespace, key))
    const args = [Math.max(1, Math.ceil(ms)), ...asks.map(({ id }) => id)]
    const talk = async (wire: Wire): Promise<LeaseAnswer[]> => {
      const answers = list(await run(wire, LEASE, keys, args)).map(whole)
      return answers.map((left) => (left < 0 ? { granted: true } : { granted: false, leftMs: left }))
    }
    return this.#connection.exchange(`lease ${namespace}`, FAILED, talk, keys[0])
  }

  release(namespace: string, key: string, id: string): Promise<void> {
    return this.releaseAll(namespace, [{ key, id }])
  }

  async releaseAll(namespace: string, asks: readonly LeaseAsk[]): Promise<void> {
    if (asks.length === 0) return
    const keys = asks.map(({ key }) => this.#names.lease(namespace, key))
    const ids = asks.map(({ id }) => id)
    await this.#connection.exchange(`release ${namespace}`, FAILED, (wire) => run(wire, RELEASE, keys, ids), keys[0])
  }

  follow(namespace: string, wake: (at?: Position, keys?: readonly string[]) => void): () => void {
    return this.#connection.subscribe(this.#names.channel(namespace), (text) => {
      const { at, keys } = readPush(text)
      wake(at, keys)
    })
  }

  async report(namespace: string, id: string, position: Position): Promise<void> {
    if (this.heartbeat !== undefined) {
      await this.heartbeat(id, { count: ++this.#reports, moved: [{ namespace, position }], left: [] })
      return
    }
    const nodes = this.#names.nodes(namespace)
    const args = [id, NODE_MS, position.epoch, position.seq]
    await this.#connection.exchange(`report ${namespace}`, FAILED, (wire) => run(wire, REPORT, [nodes], args), nodes)
  }

  async leave(namespace: string, id: string): Promise<void> {
    const nodes = this.#names.nodes(namespace)
    await this.#connection.exchange(`leave ${namespace}`, FAILED, (wire) => run(wire, LEAVE, [nodes], [id]), nodes)
  }

  async #beat(id: string, { count, moved, left }: Heartbeat): Promise<boolean> {
    const keys = [this.#names.heartbeats(), this.#names.process(id)]
    const talk = async (wire: Wire): Promise<boolean> => {
      let isKnown = true
      for (let from = 0; from === 0 || from < Math.max(moved.length, left.length); from += BEAT_AT_ONCE) {
        const some = moved.slice(from, from + BEAT_AT_ONCE)
        const args: Argument[] = [id, NODE_MS, count, some.length]
        for (const { namespace, position } of some) args.push(fieldOf(namespace), `${position.seq} ${position.epoch}`)
        for (const namespace of left.slice(from, from + BEAT_AT_ONCE)) args.push(fieldOf(namespace))
        isKnown = whole(await run(wire, HEARTBEAT, keys, args)) === 1 && isKnown
      }
      return isKnown
    }
    return this.#connection.exchange('heartbeat', FAILED, talk)
  }

  async nodes(namespace: string): Promise<readonly LedgerNode[]> {
    const keys = [this.#names.record(namespace), this.#names.nodes(namespace)]
    const talk = async (wire: Wire): Promise<LedgerNode[]> => {
      // Besides heartbeats, reports in the older form, from processes of an earlier version.
      const [reported, living] = await Promise.all([
        run(wire, NODES, keys, [wire.serverId, NODE_MS]),
        this.heartbeat === undefined ? [] : run(wire, LIVING, [this.#names.heartbeats()], [NODE_MS]),
      ])
      return [...nodesOf(list(reported)), ...(await this.#positions(wire, namespace, list(living)))]
    }
    return this.#connection.exchange(`nodes ${namespace}`, FAILED, talk, keys[0])
  }

  /** @param living id and milliseconds of silence, in turn. */
  async #positions(wire: Wire, namespace: string, living: readonly unknown[]): Promise<LedgerNode[]> {
    if (living.length === 0) return []
    const ids = living.flatMap((id, at) => (at % 2 === 0 ? [String(id)] : []))
    const keys = [this.#names.record(namespace), ...ids.map((id) => this.#names.process(id))]
    const seqs = list(await run(wire, POSITIONS, keys, [wire.serverId, fieldOf(namespace)])).map(whole)
    return nodesOf(ids.flatMap((id, at) => ((seqs[at] ?? -1) < 0 ? [] : [id, seqs[at], living[at * 2 + 1]])))
  }

  #ask(namespace: string, from: Position | undefined): Promise<PullReply> {
    const record = this.#names.record(namespace)
    const talk = async (wire: Wire): Promise<PullReply> => {
      const args = [...this.#common(wire), from?.epoch ?? '', from?.seq ?? 0, MAX_TAIL, MAX_AT_ONCE]
      const asked = momentNow()
      const [last, due, answer] = list(await run(wire, PULL, [record, this.#movesOf(record)], args))
      const reply = readReply(answer)
      this.#standing?.pulled(wire, namespace, reply.position, String(last), Number(due), asked)
      return reply
    }
    return this.#connection.exchange(`pull ${namespace}`, FAILED, talk, record)
  }

  #unmoved(standing: Standing, places: readonly LedgerPlace[]): Promise<boolean[]> {
    return standing.unmoved(places, (talk) => this.#connection.exchange('unmoved', FAILED, talk))
  }

  /** In a cluster the moves would be in another slot. */
  #movesOf(record: string): string {
    return this.#standing === undefined ? record : this.#names.moves()
  }

  async #page(namespace: string, after = '0'): Promise<Page> {
    const args = [after, MAX_AT_ONCE]
    const record = this.#names.record(namespace)
    const reply = await this.#connection.exchange(
      `pull ${namespace}`,
      FAILED,
      (wire) => run(wire, PAGE, [record], args),
      record,
    )
    const [next, targets] = list(reply).map(String)
    return { lines: linesOf(readPairs(targets), 0), next: next === '0' ? undefined : next }
  }

  /** Every step brings the name for a new epoch: scripts have no randomness of their own. */
  #common(wire: Wire): Argument[] {
    return [wire.serverId, randomBytes(9).toString('base64url'), this.#external ? '1' : '0']
  }
}

/** The field of a namespace in a process's hash, distinct from the field `n`. */
const fieldOf = (namespace: string): string => `:${namespace}`

/** @param texts id, number and milliseconds of silence, in turn. */
function nodesOf(texts: readonly unknown[]): LedgerNode[] {
  const nodes: LedgerNode[] = []
  for (let at = 0; at + 2 < texts.length; at += 3)
    nodes.push({ id: String(texts[at]), seq: whole(texts[at + 1]), ageMs: whole(texts[at + 2]) })
  return nodes
}
