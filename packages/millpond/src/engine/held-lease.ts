// A lease in its holder's hands: the caller's end of a load.
import { refused } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { LoadPolicy } from '../core/options.ts'
import { policyOfKey } from './arms.ts'
import { tagsWithDependencies } from './dependencies.ts'
import { stillHolds } from './leases.ts'
import { LET_GO, type Load } from './load.ts'
import { isolateFor, type Space } from './space.ts'
import { noteSet, type WriteItem } from './write.ts'

/**
 * The result of setting a value under a lease. `stored`: by its options. `overtaken`: its key, tag, pattern or
 * everything was invalidated, or the key written, since the miss: the value may be older than that, and nothing was
 * changed. `expired`: the lease was over (its time, `release`, or an earlier `set`).
 */
export type LeaseVerdict = 'stored' | 'overtaken' | 'expired'

/** The right to fill a missing key: valid for one `set` of that key, in the process that got it. */
export interface Lease {
  /** The encoded key. */
  readonly key: string
  /** When it expires, epoch milliseconds. */
  readonly until: number
  /** Lets others load the key at once, if nothing will be set. Has no effect after a `set`: call it in a `finally`. */
  release(): void
}

/** The caller's end of a load. */
export class MissLease implements Lease {
  readonly key: string
  readonly until: number
  readonly #space: Space
  readonly #load: Load
  readonly #complete: (value: unknown) => void
  readonly #fail: (error: unknown) => void
  readonly #stopTimer: () => void
  #isOver = false

  /** `complete` and `fail` end what the load waits for. */
  constructor(
    space: Space,
    load: Load,
    ms: number,
    complete: (value: unknown) => void,
    fail: (error: unknown) => void,
  ) {
    this.key = load.key
    this.until = space.services.clock.now() + ms
    this.#space = space
    this.#load = load
    this.#complete = complete
    this.#fail = fail
    this.#stopTimer = space.services.clock.after(ms, () => this.release())
  }

  release(): void {
    if (this.#isOver) return
    this.#end()
    this.#fail(LET_GO)
  }

  /**
   * Completes the load with the value.
   * @throws MillpondError as a plain `set` does: `VALUE_UNSUPPORTED`, `VALUE_TOO_LARGE` (the lease stays),
   * `LEDGER_UNREACHABLE` (it is over).
   */
  async set(space: Space, { key, value }: WriteItem, policy: LoadPolicy): Promise<LeaseVerdict> {
    if (space !== this.#space || key !== this.key)
      throw refused(key, 'lease', `the lease for the namespace and key it was issued for, ${show(this.key)}, or none`)
    const isolated = isolateFor(space, value, key)
    const load = this.#load
    if (this.#isOver) return this.#tooLate()
    this.#end()
    try {
      load.addTags(await tagsWithDependencies(space, policy))
      await space.ledger.ensure() // it may answer by now
    } catch (error) {
      this.#fail(LET_GO)
      throw error
    }
    if (!(await stillHolds(space, load))) {
      this.#fail(LET_GO)
      return this.#tooLate()
    }
    space.watch.counters.sets++
    const verdict = new Promise<LeaseVerdict>((resolve, reject) => {
      const told = (kept: boolean | undefined): void => {
        if (kept === undefined) reject(unreachable(key))
        else resolve(kept ? 'stored' : 'overtaken')
      }
      load.setting = { isolated, policy, told: (kept) => void Promise.resolve(kept).then(told, reject) }
      load.result.catch((error: unknown) => (error === LET_GO ? resolve(this.#tooLate()) : reject(error)))
    })
    this.#complete(value)
    const ending = await verdict
    if (ending === 'stored')
      noteSet(space, { key, isolated, createdAt: 0, freshUntil: policyOfKey(space, policy, key).ttlMs })
    return ending
  }

  #end(): void {
    this.#isOver = true
    this.#stopTimer()
  }

  /**
   * The caller has seen a value that no load has returned: memory's entry may be older, and must not be shown after it
   * (`read-fence.ts`).
   */
  #tooLate(): LeaseVerdict {
    const { ledger, fence, loads, memory } = this.#space
    if (!ledger.isLocal) {
      fence.mark(this.key, ledger)
      loads.overlap(this.key)
      memory?.drop(this.key, 'replaced')
    }
    return this.#load.isOutdated ? 'overtaken' : 'expired'
  }
}

const unreachable = (key: string): MillpondError =>
  new MillpondError(
    'LEDGER_UNREACHABLE',
    `the value of ${show(key)} was not stored: the shared ledger does not answer, so it is unknown whether it was overtaken`,
  )
