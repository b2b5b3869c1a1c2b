// Fills a region from another one: its keys in steps, at a limited pace, each entry placed like any borrowed one.
import type { Clock, FillProgress, Stored } from '../../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../../core/errors.ts'
import type { Deadlines } from '../../wrap/deadlines.ts'
import type { RegionEntries } from './entries.ts'
import type { Region } from './options.ts'
import type { OwnRegionState } from './region-state.ts'
import type { EdgeSpace } from './space.ts'

const STEP = 100
/** The longest that a store may take to list its next keys. */
const LIST_MS = 5000
/** Attempts per step. */
const TRIES = 5
const PAUSE_MS = 500

export interface FillParts {
  readonly own: RegionEntries
  readonly state: Pick<OwnRegionState, 'current' | 'ask'>
  /**
   * Sets the own region's state to filling.
   * @throws MillpondError `TIER_FAILED`, `LAST_REGION` if it is the last that serves.
   */
  readonly begin: () => Promise<void>
  /** Runs work while no other process changes the own region's state. */
  readonly alone: (work: () => Promise<void>) => Promise<void>
  /** Sets its state to serving. @throws MillpondError `TIER_FAILED` */
  readonly serve: () => Promise<void>
  readonly peer: Region
  readonly spaces: readonly EdgeSpace[]
  readonly perSecond: number
  readonly clock: Clock
  readonly deadlines: Deadlines
}

export class Fill {
  readonly #parts: FillParts
  #keys = 0
  #copied = 0
  #bytes = 0
  #isDone = false
  #isEnded = false
  #error: string | undefined
  #wake = (): void => {}

  constructor(parts: FillParts) {
    this.#parts = parts
  }

  get progress(): FillProgress {
    return {
      ...{
        from: this.#parts.peer.name,
        keys: this.#keys,
        copied: this.#copied,
        bytes: this.#bytes,
        isDone: this.#isDone,
      },
      ...(this.#error !== undefined && { error: this.#error }),
    }
  }

  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  /** @throws MillpondError `TIER_FAILED`, `CLOSED` */
  async run(): Promise<void> {
    const { spaces, state, begin, alone, serve } = this.#parts
    try {
      await begin()
      for (const space of spaces) await this.#fillSpace(space)
      await alone(async () => {
        await state.ask()
        // Not an error: nothing has been sent, so there is no late arrival to wait for.
        if (!this.#goesOn) return
        await serve()
        this.#isDone = true
      })
      if (!this.#isDone) throw stopped()
    } catch (error) {
      this.#error = reasonOf(error)
      throw error
    }
  }

  async #fillSpace(space: EdgeSpace): Promise<void> {
    const { peer, deadlines } = this.#parts
    // Borrowed entries are placed by what this region's ledger has recorded.
    await space.pull(undefined)
    const listed = peer.tiers.find(({ scan }) => scan !== undefined)
    if (listed?.scan === undefined)
      throw new MillpondError(
        'TIER_FAILED',
        `edge: none of the tiers of the region ${show(peer.name)} can be listed: fill from another region, or call serve() and let it fill by reads`,
      )
    const list = listed.scan(space.namespace)[Symbol.asyncIterator]()
    const next = (): Promise<IteratorResult<readonly string[]>> =>
      deadlines.hold(list.next(), LIST_MS, () => `edge: the region ${peer.name}`)
    try {
      for (let step = await next(); step.done !== true; step = await next())
        for (let from = 0; from < step.value.length; from += STEP)
          await this.#bringSurely(space, step.value.slice(from, from + STEP))
    } finally {
      void list.return?.().catch(() => {})
    }
  }

  /** One slow reply does not end the fill. */
  async #bringSurely(space: EdgeSpace, keys: readonly string[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#bring(space, keys)
      } catch (error) {
        if (this.#isEnded || tries === TRIES) throw error
        await this.#rest(PAUSE_MS)
      }
    }
  }

  async #bring(space: EdgeSpace, keys: readonly string[]): Promise<void> {
    const { own, peer, perSecond, clock } = this.#parts
    if (!this.#goesOn) throw stopped()
    const began = clock.monotonic()
    const [found, held] = await Promise.all([space.borrow(peer.name, keys, 'whatever it says'), own.readAny(keys)])
    const wanted = found.map((stored, at) => (stored !== undefined && isNewer(stored, held[at]) ? stored : undefined))
    const isStored = await space.store(keys, wanted)
    this.#keys += keys.length
    for (const [at, stored] of wanted.entries()) {
      if (stored === undefined || isStored[at] !== true) continue
      this.#copied++
      this.#bytes += stored.body.length
    }
    const restMs = (keys.length / perSecond) * 1000 - (clock.monotonic() - began)
    if (restMs > 0) await this.#rest(restMs)
  }

  /** Any process may have changed the state. */
  get #goesOn(): boolean {
    return !this.#isEnded && this.#parts.state.current === 'filling'
  }

  #rest(ms: number): Promise<void> {
    if (this.#isEnded) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve, true)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}

const stopped = (): MillpondError =>
  new MillpondError(
    'CLOSED',
    'edge: the region was drained, set to serve, refilled or closed before the fill was complete: fill it again',
  )

/** Entries that the region has loaded itself meanwhile stay, if they are as new. */
const isNewer = (stored: Stored, held: Stored | undefined): boolean =>
  held === undefined || held.asOf.epoch !== stored.asOf.epoch || held.asOf.seq < stored.asOf.seq
