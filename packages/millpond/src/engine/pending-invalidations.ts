// Invalidations of this process that have not reached the ledger yet, in steps of bounded size, which survive a crash
// if there is an outbox.
//
// A step that the store refuses, although it answers, must not be retried for ever. It is halved until the part that is
// refused stands alone, which lets the others pass; once the store has accepted others since, that part becomes a
// clear, which invalidates too much rather than too little.
import { setImmediate } from 'node:timers'
import type { Change, Outbox } from '../core/contracts.ts'
import type { Target } from '../core/ledger.ts'
import { type Forgetting, MAX_STEP, partsOf } from './ledger-steps.ts'

/** Above this many, steps become one clear: pending steps must fit in memory. */
const MAX_STEPS = 400
const MAX_REFUSALS = 2

interface PendingStep {
  readonly targets: Target[]
  /** Of its targets: each is named once, however often it was invalidated meanwhile. */
  names: Set<string> | undefined
  readonly drop: string[]
  readonly about: Pick<Change, 'mode' | 'reason' | 'id'>
  /** Its records in the outbox. */
  readonly kept: string[]
  /** Targets not in a record yet. */
  unsaved: Forgetting[]
  saving: Promise<void> | undefined
  /** Records that are being written: it ends with them, and does not reject. */
  writing: Promise<void> | undefined
  refusals: number
  /** How many steps the store had accepted when it refused this one for the first time. */
  acceptedBefore: number
}

/**
 * Settles as `work` does, or rejects in time: within what a question to the ledger may take, or `ms` if that is more.
 */
export type Within = <T>(work: Promise<T>, ms?: number) => Promise<T>

/** What a caller waits for who needs to know that its invalidation survives a crash: a disk may be busy. */
const SAVE_MS = 5000

export class PendingInvalidations {
  readonly #namespace: string
  readonly #outbox: Outbox | undefined
  readonly #within: Within
  #steps: PendingStep[] = []
  #sending: PendingStep | undefined
  #isRead = false
  #reading: Promise<void> | undefined
  #accepted = 0

  /** `within` bounds the calls of the outbox, which may be anyone's. */
  constructor(namespace: string, outbox: Outbox | undefined, within: Within) {
    this.#namespace = namespace
    this.#outbox = outbox
    this.#within = within
  }

  get size(): number {
    return this.#steps.length
  }

  /** The store answers, but has refused a pending step: asking more often does not help. */
  get isRefused(): boolean {
    return this.#steps.some(({ refusals }) => refusals > 0)
  }

  /** Whether pending steps survive a crash. */
  get isKept(): boolean {
    return this.#outbox !== undefined
  }

  /** Adds a pending change; `save` makes it survive a crash. */
  add(change: Change): PendingStep {
    const last = this.#steps.at(-1)
    const { targets, drop, mode, reason, id } = change
    if (last !== undefined && last !== this.#sending && last.about.mode === mode) {
      const added = notNamedBy(last, change)
      if (last.targets.length + added.targets.length <= MAX_STEP) {
        for (const target of added.targets) {
          last.targets.push(target)
          last.names?.add(nameOf(target))
        }
        for (const key of added.drop) last.drop.push(key)
        if (this.#outbox !== undefined && added.targets.length > 0) last.unsaved.push(added)
        return last
      }
    }
    if (this.#steps.length >= MAX_STEPS) return this.#collapse({ mode: 'delete', reason, id })
    const step = stepOf({ mode, reason, id }, { targets, drop }, [])
    if (this.#outbox !== undefined) step.unsaved.push({ targets, drop })
    this.#steps.push(step)
    return step
  }

  /**
   * Resolves when the outbox holds the whole step, with what was added before and could not be written. Changes of one
   * event-loop turn share a record.
   */
  async save(step: PendingStep): Promise<void> {
    if (this.#outbox === undefined) return
    step.saving ??= this.#saveSoon(step, this.#outbox)
    await step.saving
  }

  /**
   * Reads what an earlier run of this process, or another process of the host, could not send. Done once, before
   * anything is accepted. An outbox that does not answer is asked once: who comes later waits for the same answer.
   */
  async read(): Promise<void> {
    if (this.#outbox === undefined || this.#isRead) return
    this.#reading ??= this.#readFrom(this.#outbox).finally(() => {
      this.#reading = undefined
    })
    await this.#within(this.#reading)
  }

  async #readFrom(outbox: Outbox): Promise<void> {
    for (const { id, change } of await outbox.list(this.#namespace)) {
      const parts = partsOf(change, MAX_STEP)
      const { mode, reason } = change
      // Parts are sent in order, so the record is removed with its last part.
      parts.forEach((part, at) => {
        this.#steps.push(stepOf({ mode, reason, id: change.id }, part, at === parts.length - 1 ? [id] : []))
      })
    }
    this.#isRead = true
  }

  /** Sends in order until all is sent, or one fails. */
  async sendAll(send: (change: Change) => Promise<void>): Promise<void> {
    try {
      for (let step = this.#steps[0]; step !== undefined; step = this.#steps[0]) {
        this.#sending = step
        const { about, targets, drop } = step
        await send({ ...about, targets, drop, write: [] })
        this.#steps = this.#steps.filter((one) => one !== step)
        if (step.kept.length > 0 && this.#outbox !== undefined) await this.#within(this.#outbox.remove(step.kept))
      }
    } finally {
      this.#sending = undefined
    }
  }

  /** The store has accepted a step. */
  accept(): void {
    this.#accepted++
  }

  /** The store answers queries, but has not accepted the oldest step. */
  refuse(): void {
    const step = this.#steps[0]
    if (step === undefined || step.saving !== undefined || step.writing !== undefined) return
    if (step.refusals++ === 0) step.acceptedBefore = this.#accepted
    if (step.refusals < MAX_REFUSALS) return
    const rest = this.#steps.slice(1)
    if (step.targets.length > 1) this.#steps = [...halvesOf(step), ...rest]
    else if (this.#accepted > step.acceptedBefore) this.#steps = [...rest, clearFor(step)]
    else this.#steps = [...rest, step]
  }

  async #saveSoon(step: PendingStep, outbox: Outbox): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    step.saving = undefined
    // A target that was named before is not in a record yet while that one is being written, which may fail.
    if (step.unsaved.length === 0) await step.writing
    const parts = step.unsaved
    step.unsaved = []
    if (parts.length === 0) return
    const write = this.#write(step, outbox, parts)
    const writing = Promise.allSettled([step.writing, write]).then(() => {
      if (step.writing === writing) step.writing = undefined
    })
    step.writing = writing
    await write
  }

  async #write(step: PendingStep, outbox: Outbox, parts: readonly Forgetting[]): Promise<void> {
    const targets = parts.flatMap((part) => part.targets)
    const drop = parts.flatMap((part) => part.drop)
    let record: string
    try {
      record = await this.#within(outbox.add(this.#namespace, { ...step.about, targets, drop }), SAVE_MS)
    } catch (error) {
      step.unsaved.unshift(...parts)
      throw error
    }
    if (this.#steps.includes(step)) step.kept.push(record)
    // The ledger came back meanwhile, and has it: a record that stays is sent once more by a later run.
    else await this.#within(outbox.remove([record])).catch(() => {})
  }

  #collapse(about: PendingStep['about']): PendingStep {
    const gone = this.#steps.filter((step) => step !== this.#sending)
    const clear: Forgetting = { targets: [{ kind: 'all' }], drop: [] }
    const step = stepOf(
      about,
      clear,
      gone.flatMap((one) => one.kept),
    )
    if (this.#outbox !== undefined) step.unsaved.push(clear)
    this.#steps = [...this.#steps.filter((one) => one === this.#sending), step]
    return step
  }
}

export type { PendingStep }

function stepOf(about: PendingStep['about'], { targets, drop }: Forgetting, kept: string[]): PendingStep {
  return {
    about,
    targets: [...targets],
    names: undefined,
    drop: [...drop],
    kept,
    unsaved: [],
    saving: undefined,
    writing: undefined,
    refusals: 0,
    acceptedBefore: 0,
  }
}

function nameOf(target: Target): string {
  if (target.kind === 'key') return `k${target.key}`
  if (target.kind === 'tag') return `t${target.tag}`
  return target.kind === 'pattern' ? `p${target.pattern}` : 'a'
}

/** What the step does not name yet. `drop` belongs to the keys among the targets, in their order. */
function notNamedBy(step: PendingStep, { targets, drop }: Forgetting): Forgetting {
  step.names ??= new Set(step.targets.map(nameOf))
  const added = { targets: [] as Target[], drop: [] as string[] }
  let dropped = 0
  for (const target of targets) {
    const key = target.kind === 'key' ? drop[dropped++] : undefined
    if (step.names.has(nameOf(target))) continue
    added.targets.push(target)
    if (key !== undefined) added.drop.push(key)
  }
  return added
}

function halvesOf(step: PendingStep): PendingStep[] {
  const parts = partsOf(step, Math.max(1, Math.ceil(step.targets.length / 2)))
  return parts.map((part, at) => {
    const half = stepOf(step.about, part, at === parts.length - 1 ? step.kept : [])
    if (step.unsaved.length > 0) half.unsaved.push(part)
    return half
  })
}

function clearFor({ about, kept }: PendingStep): PendingStep {
  return stepOf({ ...about, mode: 'delete' }, { targets: [{ kind: 'all' }], drop: [] }, kept)
}
