// Delivery to a namespace's outlets: one at a time for each, in order, retried until it succeeds.
//
// A delivery is stored in the outbox, if there is one, before the ledger advances: a crash between the two causes an
// extra delivery, never a missing one. While an outlet fails, later deliveries wait behind the failed one, so that no
// earlier invalidation of a target arrives after a later one.
import type { Clock, Outbox } from '../core/contracts.ts'
import type { Events } from '../core/events.ts'
import type { Outlet, OutletBatch, OutletDebt, OutletLine, OutletReceipt } from '../core/outlet.ts'
import { lineReason, noteFrom, reasonFrom } from '../core/reason.ts'
import { Deadlines } from '../wrap/deadlines.ts'
import { partsOf } from './ledger-steps.ts'

/** An outlet with its options resolved. */
export interface ResolvedOutlet extends Pick<Outlet, 'name' | 'deliver' | 'namespaces'> {
  readonly timeoutMs: number
  readonly peers: boolean
}

export interface OutletParts {
  readonly namespace: string
  /** Prefix of its records in the outbox. */
  readonly prefix: string
  readonly clock: Clock
  readonly events: Events
  readonly outbox: Outbox | undefined
  readonly heard: NonNullable<OutletBatch['heard']>
  readonly longestLoadMs: () => number
}

/** Targets of one delivery. */
const MAX_BATCH = 500
/** Above this many waiting lines for one outlet, they become one that names everything. */
const MAX_WAITING = 10_000
const FIRST_PAUSE_MS = 250
const LAST_PAUSE_MS = 30_000

interface Waiting {
  readonly line: OutletLine
  readonly records: readonly string[]
  readonly settle: (taken: Taken) => void
}

/** `false`: not delivered yet. */
type Taken = boolean | OutletDebt

/** The state of a delivery, including deliveries that outlets have accepted but not finished. */
export interface Delivery {
  readonly receipts: readonly OutletReceipt[]
  /**
   * Waits for accepted deliveries. Resolves with the outlets, as `outlet:NAME`, that have not finished within the time.
   */
  readonly late: (ms: number) => Promise<readonly string[]>
}

/** Delivers the promised lines, after the ledger has advanced or has failed to: they are already in force here. */
export type Deliver = () => Promise<Delivery>

export class Outlets {
  readonly #ways: readonly OutletQueue[]

  constructor(outlets: readonly ResolvedOutlet[], parts: OutletParts) {
    this.#ways = outlets.map((outlet) => new OutletQueue(outlet, parts))
  }

  /** Stores the line, split to bounded size, so that it survives a crash. */
  async promise(line: OutletLine): Promise<Deliver> {
    const lines = partsOf({ targets: line.targets, drop: [] }, MAX_BATCH).map(({ targets }) => ({ ...line, targets }))
    const kept = await Promise.all(this.#ways.map((way) => Promise.all(lines.map((one) => way.keep(one)))))
    const deliverTo = (way: OutletQueue, records: readonly (readonly string[])[]): Promise<readonly Taken[]> =>
      Promise.all(lines.map((one, at) => way.add(one, records[at] ?? [])))
    return async () => {
      const taken = await Promise.all(this.#ways.map((way, at) => deliverTo(way, kept[at] ?? [])))
      const byWay = this.#ways.map((way, at) => ({ way, parts: taken[at] ?? [] }))
      return {
        receipts: byWay.map(({ way, parts }) => receiptOf(way.name, parts)),
        late: async (ms) => (await Promise.all(byWay.map(({ way, parts }) => way.late(parts, ms)))).flat(),
      }
    }
  }

  /** Passes on an invalidation by another process. */
  hear(line: OutletLine): void {
    for (const way of this.#ways) if (way.hearsPeers) void way.add(line, [])
  }

  /** Waits for deliveries that are possible now. The others stay in the outbox. */
  async close(): Promise<void> {
    await Promise.all(this.#ways.map((way) => way.close()))
  }
}

class OutletQueue {
  readonly #outlet: ResolvedOutlet
  readonly #parts: OutletParts
  readonly #box: string
  readonly #deadlines: Deadlines
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #failures = 0
  #cancelPause: (() => void) | undefined
  #isClosed = false
  /** Accepted but unfinished deliveries. */
  readonly #debts = new Set<OutletDebt>()
  /** Deliveries left by a previous run go first. */
  readonly #left: Promise<void>

  constructor(outlet: ResolvedOutlet, parts: OutletParts) {
    this.#outlet = outlet
    this.#parts = parts
    this.#box = `outlet/${outlet.name}/${parts.prefix}`
    this.#deadlines = new Deadlines(parts.clock)
    this.#left = this.#takeUp()
  }

  get name(): string {
    return this.#outlet.name
  }

  get hearsPeers(): boolean {
    return this.#outlet.peers
  }

  async keep({ targets, mode, reason, note, id }: OutletLine): Promise<readonly string[]> {
    try {
      const record = await this.#parts.outbox?.add(this.#box, {
        targets,
        mode,
        reason: lineReason(reason, note),
        id,
        drop: [],
      })
      return record === undefined ? [] : [record]
    } catch (error) {
      this.#warn(
        'the outbox does not store pending deliveries: they are still delivered unless this process ends first',
        error,
      )
      return []
    }
  }

  async forget(records: readonly string[]): Promise<void> {
    if (records.length > 0) await this.#parts.outbox?.remove(records)
  }

  async add(line: OutletLine, records: readonly string[]): Promise<Taken> {
    await this.#left
    return new Promise((settle) => {
      if (this.#waiting.length >= MAX_WAITING) this.#collapse()
      this.#waiting.push({ line, records, settle })
      // An outlet that has just failed is not called again for each waiting caller.
      if (this.#failures > 0) settle(false)
      this.#start()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelPause?.()
    this.#cancelPause = undefined
    await this.#left
    if (this.#failures === 0) this.#start()
    await this.#running
    await this.late([...this.#debts], this.#outlet.timeoutMs)
  }

  async late(parts: readonly Taken[], ms: number): Promise<readonly string[]> {
    const gone = [...new Set(parts.filter((one) => typeof one === 'object'))].map((debt) => debt.gone)
    if (gone.length === 0) return []
    let cancel = (): void => {}
    const over = new Promise<true>((resolve) => {
      cancel = this.#parts.clock.after(ms, () => resolve(true), true)
    })
    const isLate = await Promise.race([Promise.allSettled(gone).then(() => false), over])
    cancel()
    return isLate ? [`outlet:${this.name}`] : []
  }

  async #takeUp(): Promise<void> {
    try {
      for (const { id: record, change } of (await this.#parts.outbox?.list(this.#box)) ?? []) {
        const { targets, mode, reason, id } = change
        const note = noteFrom(reason)
        this.#waiting.push({
          line: {
            targets,
            mode,
            reason: reasonFrom(reason),
            ...(note === undefined ? {} : { note }),
            id,
            isOwn: true,
            isLeft: true,
          },
          records: [record],
          settle: () => {},
        })
      }
    } catch (error) {
      this.#warn('deliveries left by a previous run cannot be read', error)
    }
    this.#start()
  }

  #start(): void {
    if (this.#waiting.length === 0 || this.#cancelPause !== undefined) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const some = this.#waiting.slice(0, countBatch(this.#waiting))
      const taken = await this.#deliver(some)
      if (taken === false) return
      this.#waiting = this.#waiting.slice(some.length)
      for (const { settle } of some) settle(taken)
      const records = some.flatMap(({ records: own }) => own)
      if (taken === true) await this.#cross(records)
      else this.#owe(taken, records)
    }
  }

  async #cross(records: readonly string[]): Promise<void> {
    await this.forget(records).catch((error: unknown) => this.#warn('a delivery is still in the outbox', error))
  }

  /** Deliveries unfinished when this process ends are repeated by the next one. */
  #owe(debt: OutletDebt, records: readonly string[]): void {
    this.#debts.add(debt)
    debt.done
      .then(() => this.#cross(records))
      .catch((error: unknown) =>
        this.#warn('an accepted delivery failed, and the next process delivers it again', error),
      )
      .finally(() => this.#debts.delete(debt))
  }

  async #deliver(some: readonly Waiting[]): Promise<Taken> {
    const { deliver, timeoutMs, name } = this.#outlet
    const controller = new AbortController()
    const { namespace, heard, longestLoadMs } = this.#parts
    const lines = some.map(({ line }) => line)
    const batch: OutletBatch = { namespace, lines, signal: controller.signal, heard, longestLoadMs: longestLoadMs() }
    try {
      const debt = await this.#deadlines.hold((async () => deliver(batch))(), timeoutMs, () => `outlet ${name}`)
      this.#failures = 0
      return debt ?? true
    } catch (error) {
      controller.abort()
      for (const { settle } of this.#waiting) settle(false)
      if (this.#failures++ === 0) this.#warn('an invalidation was not delivered, and will be retried', error)
      if (!this.#isClosed) this.#pause()
      return false
    }
  }

  #pause(): void {
    const ms = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1))
    this.#cancelPause = this.#parts.clock.after(ms, () => {
      this.#cancelPause = undefined
      this.#start()
    })
  }

  #collapse(): void {
    const first = countBatch(this.#waiting)
    const gone = this.#waiting.splice(first)
    const last = gone.at(-1)
    if (last === undefined) return
    const line: OutletLine = { ...last.line, mode: 'delete', targets: [{ kind: 'all' }] }
    this.#waiting.push({ line, records: gone.flatMap(({ records }) => records), settle: () => {} })
  }

  #warn(message: string, error: unknown): void {
    this.#parts.events.emit('warning', { message: `outlet ${this.#outlet.name}: ${message}`, error })
  }
}

function receiptOf(name: string, parts: readonly Taken[]): OutletReceipt {
  const debts = parts.filter((one) => typeof one === 'object')
  const [first] = debts
  const ok = !parts.includes(false)
  return first === undefined
    ? { name, ok }
    : { name, ok, state: first.state, leftMs: Math.max(...debts.map(({ leftMs }) => leftMs)) }
}

/** At least one line, however many targets it names. */
function countBatch(waiting: readonly Waiting[]): number {
  let targets = 0
  let count = 0
  for (const { line } of waiting) {
    targets += line.targets.length
    if (count > 0 && targets > MAX_BATCH) break
    count++
  }
  return count
}
