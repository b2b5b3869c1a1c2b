// Turns the lines of another region's ledger into steps of this region's own, one after another, and records its
// progress.
//
// The progress is written after the own step, so that a crash repeats a step and never skips one. The process that
// holds the lease does it for all processes of the region.
import { randomUUID } from 'node:crypto'
import type { Change, Clock, LedgerStore, Snapshot, Tail } from '../../core/contracts.ts'
import { show } from '../../core/errors.ts'
import { type Line, type Position, type Target, withoutStamp } from '../../core/ledger.ts'
import { gapId, isDomestic, type Relay, relayedId, relayOf } from '../../core/relay.ts'
import { Deadlines } from '../../wrap/deadlines.ts'
import { storageName } from '../../wrap/storage-name.ts'
import { type Cursor, cursorItem, cursorKey, moveCursor, readCursor } from './cursor.ts'
import type { EdgeWarning, Region } from './options.ts'

export interface RelayerParts {
  readonly namespace: string
  readonly own: Region
  readonly peer: Region
  readonly clock: Clock
  /** The own ledger, whose steps also change the region's entries. */
  readonly local: Pick<LedgerStore, 'pull' | 'advance'>
  /** Whether this region has applied it already, by another path. */
  readonly knows: (relay: Relay) => boolean
  /** Keys that were written in the other region. */
  readonly onWritten: (keys: readonly string[]) => void
  readonly warn: (warning: EdgeWarning) => void
}

/** How long the relaying process may be silent before another takes over. */
const LEASE_MS = 2000
/** Time limit of the other region's stores. */
const ANSWER_MS = 1000
const MAX_TARGETS = 500

export class Relayer {
  readonly #parts: RelayerParts
  readonly #deadlines: Deadlines
  readonly #id = randomUUID()
  readonly #key: string
  #mine: Position | undefined

  constructor(parts: RelayerParts) {
    this.#parts = parts
    this.#deadlines = new Deadlines(parts.clock)
    this.#key = cursorKey(parts.namespace, parts.peer.name)
  }

  /**
   * Undefined: another process holds the lease.
   * @param isKnown this process had a cursor before
   */
  async underLease(before: Cursor | undefined, first: Snapshot | Tail, isKnown: boolean): Promise<Cursor | undefined> {
    const { own, peer, namespace } = this.#parts
    const lease = `\u0001relay:${peer.name}`
    const { granted } = await own.ledger.lease(namespace, lease, this.#id, LEASE_MS)
    if (!granted) return undefined
    try {
      const cursor = await this.cursorNow(await this.ownPosition())
      const isSame = cursor?.at.epoch === before?.at.epoch && cursor?.at.seq === before?.at.seq
      const answer = isSame ? first : await this.ask(cursor?.at)
      if (answer.kind === 'tail' && cursor !== undefined) return await this.#relay(cursor, answer)
      return await this.#startOver(answer, isKnown)
    } finally {
      await own.ledger.release(namespace, lease, this.#id).catch(() => {})
    }
  }

  /** Lines no longer in the log are taken to invalidate everything. */
  async #startOver({ position }: Snapshot | Tail, isKnown: boolean): Promise<Cursor> {
    const { peer, warn } = this.#parts
    if (isKnown)
      warn({
        kind: 'gap',
        region: peer.name,
        message: `invalidations of the region ${show(peer.name)} may have been missed: everything is dropped here`,
      })
    const change = {
      // Not by `all`, which would truncate the log: regions that have not read it would drop everything because of
      // that, then the regions that follow them, and so on.
      targets: [{ kind: 'pattern', pattern: '*' }] as const,
      mode: 'delete',
      reason: 'epoch_changed',
      id: gapId(peer.name, randomUUID()),
    } as const
    const ours = await this.advance(change)
    return this.#write(undefined, position, ours)
  }

  async #relay(cursor: Cursor, { lines, position }: Tail): Promise<Cursor> {
    const { peer, own, knows, onWritten } = this.#parts
    let held = await this.ownPosition()
    let { at } = cursor
    // The lowest of our numbers at which our ledger contained all of it.
    let ours = cursor.pairs.at(-1)?.[0] ?? 0
    const written: string[] = []
    let isKnown = false
    let group: Line[] = []
    const flush = async (): Promise<void> => {
      const last = group.at(-1)
      if (last === undefined) return
      const [first] = group
      const id = relayedId({
        region: peer.name,
        epoch: position.epoch,
        seq: last.seq,
        id: first === last ? withoutStamp(last.id) : '',
      })
      held = await this.advance({
        targets: group.flatMap(({ targets }) => targets),
        mode: last.mode,
        reason: last.reason,
        id,
      })
      ours = held.seq
      group = []
    }
    for (const line of lines) {
      if (line.seq <= at.seq) continue
      const relay = relayOf(line.id)
      if (relay !== undefined || isDomestic(line.id) || !isAlike(group, line)) await flush()
      if (relay?.region === own.name)
        ours = relay.epoch === held.epoch ? Math.max(ours, Math.min(relay.seq, held.seq)) : held.seq
      else if (relay !== undefined && !knows(relay)) {
        held = await this.advance({ targets: line.targets, mode: line.mode, reason: line.reason, id: line.id })
        ours = held.seq
      } else if (relay !== undefined) isKnown = true
      else if (!isDomestic(line.id)) {
        group.push(line)
        if (line.reason === 'replaced')
          for (const target of line.targets) if (target.kind === 'key') written.push(target.key)
      }
      at = { epoch: position.epoch, seq: line.seq }
    }
    await flush()
    if (isKnown) {
      // Lines that came by another path may have been added to our ledger just now.
      held = await this.ownPosition()
      ours = Math.max(ours, held.seq)
    }
    const moved = await this.#write(cursor, position, { epoch: held.epoch, seq: ours })
    if (written.length > 0) onWritten(written)
    return moved
  }

  /** Makes a step of the own ledger. */
  async advance(
    about: Pick<Line, 'mode' | 'reason' | 'id'> & { readonly targets: readonly Target[] },
  ): Promise<Position> {
    const { local, namespace } = this.#parts
    const { targets, mode, id } = about
    const drop =
      mode === 'expire'
        ? []
        : targets.flatMap((target) => (target.kind === 'key' ? [storageName(namespace, target.key)] : []))
    const change: Change = { targets, mode, reason: about.reason, id, drop, write: [] }
    return (await local.advance(namespace, change)).position
  }

  async #write(before: Cursor | undefined, at: Position, ours: Position): Promise<Cursor> {
    const cursor = moveCursor(before, at, ours.seq)
    await this.#parts.own.ledgerTier.write([cursorItem(this.#key, cursor, ours)])
    return cursor
  }

  /** A cursor from another epoch of our own ledger says nothing about this one. */
  async cursorNow(mine: Position): Promise<Cursor | undefined> {
    const [stored] = await this.#parts.own.ledgerTier.read([this.#key])
    return stored?.asOf.epoch === mine.epoch ? readCursor(stored) : undefined
  }

  /** Asked of the store directly: this does not depend on the other region. */
  async ownPosition(): Promise<Position> {
    const { own, namespace } = this.#parts
    const from = this.#mine
    const { position } = await own.ledger.pull(namespace, from)
    this.#mine = position
    return position
  }

  /** Pulls the other region's ledger. */
  ask(from: Position | undefined): Promise<Snapshot | Tail> {
    const { peer, namespace } = this.#parts
    return this.#deadlines.hold(peer.ledger.pull(namespace, from), ANSWER_MS, () => `edge: the ledger of ${peer.name}`)
  }
}

/** Whether the line can be merged into one step with the group. */
function isAlike(group: readonly Line[], { mode, reason, targets }: Line): boolean {
  const last = group.at(-1)
  if (last === undefined) return true
  const count = group.reduce((sum, line) => sum + line.targets.length, targets.length)
  return last.mode === mode && last.reason === reason && count <= MAX_TARGETS
}
