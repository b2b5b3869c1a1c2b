// Which regions are in service. None leaves while it is not certain that another one stays, unless that is forced.
//
// Whoever takes a region out holds two leases while it looks and puts: one of that region's ledger, and one of the
// region's that is to stay. Two that begin at the same moment, in whatever processes, so have at least one lease in
// common wherever the last region is at stake, and the second one sees what the first has done.
import { randomUUID } from 'node:crypto'
import type { Clock, RegionState } from '../../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../../core/errors.ts'
import type { Deadlines } from '../../wrap/deadlines.ts'
import type { Region } from './options.ts'
import { askState } from './region-state.ts'

/** Where the leases stand, beside those of namespaces. */
const LEASES = 'millpond:regions:'
const LEASE = 'standing'
/** Several times as long as all that is done under it: two leases, a look, and a word. */
const LEASE_MS = 15_000
/** The longest that a store may take. */
const ANSWER_MS = 1000
/** Somebody else is at it for less, unless he has died. */
const PATIENCE_MS = 5000
const POLL_MS = 25

export interface ServiceParts {
  readonly regions: readonly Region[]
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** Says how a region stands from now on. @throws MillpondError `TIER_FAILED` */
  readonly put: (region: Region, standing: RegionState) => Promise<void>
}

export interface Leaving {
  readonly region: Region
  readonly standing: Exclude<RegionState, 'serving'>
  readonly isForced: boolean
  /** Whom the error names: `drain.region`. */
  readonly option: string
}

export class Service {
  readonly #parts: ServiceParts

  constructor(parts: ServiceParts) {
    this.#parts = parts
  }

  /**
   * @throws MillpondError `LAST_REGION` where no other region would serve; `TIER_FAILED` where the region's stores do
   * not answer, or another process is at it.
   */
  leave(leaving: Leaving): Promise<void> {
    return this.#patiently(leaving.region, async () => {
      // Each process of a region may have been asked for the same.
      if (leaving.standing === 'drained' && (await this.#standingOf(leaving.region)) === 'drained') return true
      return this.#leave(leaving)
    })
  }

  /** Work while nobody else says how the region stands. @throws MillpondError `TIER_FAILED` */
  alone(region: Region, work: () => Promise<void>): Promise<void> {
    return this.#patiently(region, () => this.#under([region], work))
  }

  /** False: another process is at it. */
  async #leave(leaving: Leaving): Promise<boolean> {
    const { regions, put } = this.#parts
    const { region, standing, isForced } = leaving
    let isDone = false
    const putIf = (isSo: () => Promise<boolean>) => async (): Promise<void> => {
      if (!(await isSo())) return
      await put(region, standing)
      isDone = true
    }
    // One that does not serve takes nobody's service away.
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

  /** Work under the leases of the regions; false where somebody else has one of them. */
  async #under(regions: readonly Region[], work: () => Promise<void>): Promise<boolean> {
    const id = randomUUID()
    const held: Region[] = []
    const release = (): Promise<unknown> =>
      Promise.all(held.map(({ ledger }) => ledger.release(LEASES, LEASE, id).catch(() => {}))) // it runs out by itself
    try {
      // In an order that all processes share, so that of two that want the same one gets all of it.
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
    // Where it fails, what it has sent may still arrive: then the leases run out by themselves.
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
    const standing = await this.#standingOf(region)
    return standing !== undefined && standing !== 'serving'
  }

  async #isIn(region: Region): Promise<boolean> {
    return (await this.#standingOf(region)) === 'serving'
  }

  #standingOf(region: Region): Promise<RegionState | undefined> {
    return askState(region, this.#parts.deadlines).catch(() => undefined)
  }

  #last({ region, standing, option }: Leaving): MillpondError {
    const others = this.#parts.regions.filter((one) => one !== region)
    const then = standing === 'filling' ? ', and is not read while it is filled' : ''
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
  const why = `edge: the state of ${show(name)} could not be changed: its stores do not answer (${reasonOf(cause)}), so it serves no one at the moment`
  return new MillpondError('TIER_FAILED', why, { cause })
}
