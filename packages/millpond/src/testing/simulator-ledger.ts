// The ledger in its simplest form: one object, no I/O, no optimisation. Real stores must agree with it.
import type { Advanced, Change, CommitItem, LeaseAnswer, Snapshot, Stored, Tail } from '../core/contracts.ts'
import type { Line, Position, Target } from '../core/ledger.ts'

export interface LedgerRecordOptions {
  /** How many key targets, how many tags and patterns, and how many lines are kept. Default 100,000. */
  readonly targets?: number | undefined
  /** How long lines and key targets are kept, milliseconds. Default 120000. */
  readonly windowMs?: number | undefined
  /** Entries are also in tiers that an advance does not drop from. Default false. */
  readonly externalTiers?: boolean | undefined
}

interface InForce {
  readonly target: Target
  readonly seq: number
  readonly mode: 'delete' | 'expire'
  readonly reason: string
  readonly id: string
}

interface Hold {
  readonly seq: number
  readonly until: number
  readonly id: string
  readonly targets: Map<string, Target>
}

const MAX_PATTERNS = 64

/** One namespace's record, in one epoch. Every method is one step. Entries are in the map that is passed in. */
export class LedgerRecord {
  readonly epoch: string
  #seq = 0
  #floor = 0
  #commitFloor = 0
  #external: boolean
  /** By mode and name, in the order in which they moved. */
  #targets = new Map<string, InForce>()
  #log: { readonly line: Line; readonly at: number }[] = []
  #holds: Hold[] = []
  readonly #leases = new Map<string, { readonly id: string; readonly until: number }>()
  readonly #entries: Map<string, Stored>
  readonly #options: LedgerRecordOptions

  constructor(epoch: string, entries: Map<string, Stored>, options: LedgerRecordOptions = {}) {
    this.epoch = epoch
    this.#entries = entries
    this.#options = options
    this.#external = options.externalTiers ?? false
  }

  /** The same record at this moment, over another map of entries. */
  copy(entries: Map<string, Stored>): LedgerRecord {
    const copy = new LedgerRecord(this.epoch, entries, this.#options)
    copy.#seq = this.#seq
    copy.#floor = this.#floor
    copy.#commitFloor = this.#commitFloor
    copy.#external = this.#external
    copy.#targets = new Map(this.#targets)
    copy.#log = [...this.#log]
    copy.#holds = this.#holds.map((hold) => ({ ...hold, targets: new Map(hold.targets) }))
    return copy
  }

  get position(): Position {
    return { epoch: this.epoch, seq: this.#seq }
  }

  coverOtherTiers(): void {
    this.#external = true
  }

  pull(from: Position | undefined, now: number): Snapshot | Tail {
    this.#expireHolds(now)
    const { position } = this
    const floor = this.#floor
    const outerFloor = Math.max(floor, this.#commitFloor)
    if (from !== undefined && from.epoch === this.epoch && from.seq <= this.#seq) {
      const lines = this.#log.filter(({ line }) => line.seq > from.seq).map(({ line }) => line)
      if (lines.length === this.#seq - from.seq) return { kind: 'tail', position, floor, outerFloor, lines }
    }
    const inForce = [...this.#targets.values()].filter((one) => one.seq >= floor).sort((a, b) => a.seq - b.seq)
    return {
      kind: 'snapshot',
      position,
      floor,
      outerFloor,
      lines: inForce.map(({ target, ...line }) => ({ ...line, targets: [target] })),
    }
  }

  advance(change: Change, now: number): Advanced {
    this.#expireHolds(now)
    const stored = change.write.map((_, index) => this.#mayWrite(change, index))
    this.#endHolds(change)
    this.#seq += 1
    const seq = this.#seq
    const line = this.#collapse(change)
    if (line.mode === 'delete' && line.targets.some(({ kind }) => kind === 'all')) {
      this.#targets.clear()
      this.#log = []
      this.#floor = seq
    }
    for (const target of line.targets) this.#put({ target, seq, mode: line.mode, reason: change.reason, id: change.id })
    this.#log.push({
      line: { seq, targets: line.targets, mode: line.mode, reason: change.reason, id: change.id },
      at: now,
    })
    this.#prune(now)
    const { position } = this
    if (change.hold !== undefined)
      this.#holds.push({ seq, until: now + change.hold, id: change.id, targets: heldBy(change) })
    const wasThere = change.drop.map((key) => this.#entries.delete(key))
    const dropped = wasThere.filter(Boolean).length
    change.write.forEach((item, index) => {
      if (stored[index])
        this.#entries.set(item.key, { body: item.body.slice(), expiresAt: item.expiresAt, asOf: position })
      else this.#entries.delete(item.key)
    })
    return { position, dropped, wasThere, ...((change.unmovedSince ?? change.settles) !== undefined && { stored }) }
  }

  commit(items: readonly CommitItem[], now: number): boolean[] {
    return items.map(({ key, target, lease, asOf, body, expiresAt }) => {
      const held = this.#leases.get(target)
      const isCurrent =
        asOf.epoch === this.epoch && asOf.seq <= this.#seq && asOf.seq >= Math.max(this.#floor, this.#commitFloor)
      if (!isCurrent || this.#lastMove(target) > asOf.seq || this.#isHeld(target)) return false
      if (lease !== undefined && (held?.id !== lease || held.until <= now)) return false
      this.#entries.set(key, { body: body.slice(), expiresAt, asOf })
      return true
    })
  }

  lease(key: string, id: string, ms: number, now: number): LeaseAnswer {
    const held = this.#leases.get(key)
    if (held !== undefined && held.id !== id && held.until > now) return { granted: false, leftMs: held.until - now }
    this.#leases.set(key, { id, until: now + ms })
    return { granted: true }
  }

  release(key: string, id: string): void {
    if (this.#leases.get(key)?.id === id) this.#leases.delete(key)
  }

  #mayWrite({ targets, unmovedSince, watch, settles }: Change, index: number): boolean {
    const target = targets[index]
    if (target?.kind !== 'key') return true
    const ends = settles?.seqs[index]
    const since = settles === undefined || ends === undefined ? unmovedSince : { epoch: settles.epoch, seq: ends }
    if (this.#isHeld(target.key, since === unmovedSince ? undefined : since)) return false
    if (since === undefined) return true
    const { epoch, seq } = since
    const isKnown = epoch === this.epoch && seq <= this.#seq && seq >= Math.max(this.#floor, this.#commitFloor)
    if (!isKnown || this.#lastMove(target.key) > seq) return false
    const tags = watch?.[index] ?? []
    const hasMoved = (one: InForce) =>
      one.seq > seq && (one.target.kind === 'pattern' || (one.target.kind === 'tag' && tags.includes(one.target.tag)))
    return ![...this.#targets.values()].some(hasMoved)
  }

  #isHeld(key: string, but?: Position): boolean {
    const name = nameOf({ kind: 'key', key })
    return this.#holds.some(({ seq, targets }) => targets.has(name) && !(but?.epoch === this.epoch && but.seq === seq))
  }

  #endHolds({ targets, settles }: Change): void {
    if (settles?.epoch !== this.epoch) return
    targets.forEach((target, index) => {
      this.#holds.find(({ seq }) => seq === settles.seqs[index])?.targets.delete(nameOf(target))
    })
    this.#holds = this.#holds.filter((hold) => hold.targets.size > 0)
  }

  /** A hold that has run out may not have been reported: its targets move now. */
  #expireHolds(now: number): void {
    const over = this.#holds.filter(({ until }) => until <= now)
    if (over.length === 0) return
    this.#holds = this.#holds.filter(({ until }) => until > now)
    const targets = [...new Map(over.flatMap((hold) => [...hold.targets])).values()]
    this.advance(
      {
        targets,
        mode: 'delete',
        reason: 'data_changed',
        id: `hold ${over.map(({ id }) => id).join(' ')}`,
        drop: [],
        write: [],
      },
      now,
    )
  }

  #put(next: InForce): void {
    const name = `${next.mode} ${nameOf(next.target)}`
    this.#targets.delete(name)
    this.#targets.set(name, next)
  }

  #lastMove(key: string): number {
    const concerning = [nameOf({ kind: 'all' }), nameOf({ kind: 'key', key })].flatMap((name) => [
      `delete ${name}`,
      `expire ${name}`,
    ])
    return Math.max(0, ...concerning.map((name) => this.#targets.get(name)?.seq ?? 0))
  }

  /** Patterns are matched one by one: too many become a clear. */
  #collapse({ targets, mode }: Change): Pick<Change, 'targets' | 'mode'> {
    if (!targets.some(({ kind }) => kind === 'pattern')) return { targets, mode }
    const inForce = [...this.#targets.values()].map(({ target }) => target)
    const patterns = [...inForce, ...targets].filter(({ kind }) => kind === 'pattern')
    return new Set(patterns.map(nameOf)).size > MAX_PATTERNS
      ? { mode: 'delete', targets: [...targets, { kind: 'all' }] }
      : { targets, mode }
  }

  #prune(now: number): void {
    const { targets: limit = 100_000, windowMs = 120_000 } = this.#options
    while (this.#log.length > 1) {
      const first = this.#log[0]
      if (first === undefined || (this.#log.length <= limit && first.at > now - windowMs)) break
      this.#log.shift()
      if (!this.#external) this.#forgetKeys(first.line.seq)
    }
    if (this.#targets.size <= limit) return
    const isKey = ({ target }: InForce) => target.kind === 'key'
    for (const keys of [true, false]) {
      const kept = [...this.#targets.values()].filter((one) => isKey(one) === keys).sort((a, b) => a.seq - b.seq)
      const last = kept[kept.length - limit - 1]
      if (last === undefined) continue
      if (keys) this.#forgetKeys(last.seq)
      else {
        this.#forget((one) => !isKey(one) && one.seq <= last.seq)
        this.#floor = Math.max(this.#floor, last.seq)
      }
    }
  }

  /**
   * The steps that recorded them dropped the entries, so only an older load could bring one back, and that is refused.
   * Tiers with copies are told up to which number.
   */
  #forgetKeys(upTo: number): void {
    this.#forget(({ target, seq }) => target.kind === 'key' && seq <= upTo)
    this.#commitFloor = Math.max(this.#commitFloor, upTo)
  }

  #forget(isGone: (one: InForce) => boolean): void {
    for (const [name, one] of this.#targets) if (isGone(one)) this.#targets.delete(name)
  }
}

function heldBy({ targets }: Change): Map<string, Target> {
  const held = targets.filter(({ kind }) => kind === 'key' || kind === 'tag')
  return new Map(held.map((target) => [nameOf(target), target]))
}

function nameOf(target: Target): string {
  const name =
    target.kind === 'key'
      ? target.key
      : target.kind === 'tag'
        ? target.tag
        : target.kind === 'pattern'
          ? target.pattern
          : ''
  return `${target.kind} ${name}`
}
