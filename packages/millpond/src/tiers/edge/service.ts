// Which regions are in service. A region leaves only if it is certain that another one stays, unless forced.
//
// A process that takes a region out of service holds two leases while it checks and writes: one on that region's
// ledger, and one on that of the region that is to stay. Two that start at the same moment, in whatever processes,
// therefore share at least one lease whenever the last region is at stake, and the second one sees what the first has
// done.
import { randomUUID } from 'node:crypto'
import type { Clock, RegionState } from '../../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../../core/errors.ts'
import type { Deadlines } from '../../wrap/deadlines.ts'
import type { Region } from './options.ts'
import { askState } from './region-state.ts'

/** The namespace of the leases. */
const LEASES = 'millpond:regions:'
const LEASE = 'standing'
/** Several times as long as all work done under it: two leases, a read and a write. */
const LEASE_MS = 15_000
/** Time limit of a store. */
const ANSWER_MS = 1000
/** Another process holds the leases for less than this, unless it has died. */
const PATIENCE_MS = 5000
const POLL_MS = 25

export interface ServiceParts {
  readonly regions: readonly Region[]
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** Sets a region's state. @throws MillpondError `TIER_FAILED` */
  readonly put: (region: Region, state: RegionState) => Promise<void>
}

export interface Leaving {
  readonly region: Region
  readonly state: Exclude<RegionState, 'serving'>
  readonly isForced: boolean
  /** The option that the error names: `drain.region`. */
  readonly option: string
}

export class Service {
  readonly #parts: ServiceParts

  constructor(parts: ServiceParts) {
    this.#parts = parts
  }

  /**
   * @throws MillpondError `LAST_REGION` if no other region would serve; `TIER_FAILED` if the region's stores do not
   * answer, or another process is changing its state.
   */
  leave(leaving: Leaving): Promise<void> {
    return this.#patiently(leaving.region, async () => {
      // Each process of a region may have received the same request.
      if (leaving.state === 'drained' && (await this.#stateOf(leaving.region)) === 'drained') return true
      return this.#leave(leaving)
    })
  }

  /** Runs work while no other process changes the region's state. @throws MillpondError `TIER_FAILED` */
  alone(region: Region, work: () => Promise<void>): Promise<void> {
    return this.#patiently(region, () => this.#under([region], work))
  }

  /** False: another process holds a lease. */
  async #leave(leaving: Leaving): Promise<boolean> {
    const { regions, put } = this.#parts
    const { region, state, isForced } = leaving
    let isDone = false
    const putIf = (isSo: () => Promise<boolean>) => async (): Promise<void> => {
      if (!(await isSo())) return
      await put(region, state)
      isDone = true
    }
    // A region that does not serve can leave without another one.
    if (isForced || (await this.#isOut(region))) {
      const isAlone = await this.#under(
        [region],
        putIf(async () => isForced || this.#isOut(region)),
      )
      if (isDone || !isAlone) return isDone
    }
    for (const other of regions) {
      if (other === region || !(await this.#isIn(other))) continue
      const isAlone = await this.#under(
        [region, other],
        putIf(() => this.#isIn(other)),
      )
      if (isDone || !isAlone) return isDone
    }
    throw this.#last(leaving)
  }

  async #patiently(region: Region, attempt: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#parts
    const until = clock.monotonic() + PATIENCE_MS
    while (!(await attempt())) {
      if (clock.monotonic() >= until) throw busy(region)
      await new Promise<void>((resolve) => clock.after(POLL_MS, resolve, true))
    }
  }

  /** Runs work under the regions' leases; false if another process holds one of them. */
  async #under(regions: readonly Region[], work: () => Promise<void>): Promise<boolean> {
    const id = randomUUID()
    const held: Region[] = []
    const release = (): Promise<unknown> =>
      Promise.all(held.map(({ ledger }) => ledger.release(LEASES, LEASE, id).catch(() => {}))) // it runs out by itself
    try {
      // In an order that all processes share, so that of two that compete for the same leases one gets all of them.
      for (const region of regions.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
        if (!(await this.#isGranted(region, id))) {
          await release()
          return false
        }
        held.push(region)
      }
    } catch (error) {
      await release()
      throw error
    }
    // If it fails, what it has sent may still arrive: the leases are then left to expire.
    await work()
    await release()
    return true
  }

  async #isGranted(region: Region, id: string): Promise<boolean> {
    const asking = region.ledger.lease(LEASES, LEASE, id, LEASE_MS)
    try {
      return (await this.#parts.deadlines.hold(asking, ANSWER_MS, () => 'its ledger')).granted
    } catch (cause) {
      throw silent(region, cause)
    }
  }

  async #isOut(region: Region): Promise<boolean> {
    const state = await this.#stateOf(region)
    return state !== undefined && state !== 'serving'
  }

  async #isIn(region: Region): Promise<boolean> {
    return (await this.#stateOf(region)) === 'serving'
  }

  #stateOf(region: Region): Promise<RegionState | undefined> {
    return askState(region, this.#parts.deadlines).catch(() => undefined)
  }

  #last({ region, state, option }: Leaving): MillpondError {
    const others = this.#parts.regions.filter((one) => one !== region)
    const then = state === 'filling' ? ', and is not read while it is filled' : ''
    const remedy =
      others.length === 0
        ? 'there is no other; force: true does it anyway, and everything is loaded from the source meanwhile'
        : `let ${others.map(({ name }) => show(name)).join(' or ')} serve first, or use force: true, and everything is loaded from the source meanwhile`
    return new MillpondError(
      'LAST_REGION',
      `edge.${option}: ${show(region.name)} is the last serving region${then}: ${remedy}`,
    )
  }
}

function busy({ name }: Region): MillpondError {
  return new MillpondError(
    'TIER_FAILED',
    `edge: another process is changing the state of ${show(name)}, or died while doing so: try again in ${LEASE_MS / 1000} s`,
  )
}

function silent({ name }: Region, cause: unknown): MillpondError {
  const why = `edge: the state of ${show(name)} could not be changed: its stores do not answer (${reasonOf(cause)}), so it serves no reads at the moment`
  return new MillpondError('TIER_FAILED', why, { cause })
}
