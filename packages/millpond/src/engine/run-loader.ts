// Running a loader: inside its flight, until it answers, its hard timeout is over, or nobody waits any more.
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkTags } from '../core/key.ts'
import { insideEnds, insideFlight } from './current-flight.ts'
import type { Flight } from './flights.ts'
import { LateSignal } from './late-signal.ts'

/** What a loader is given. */
export interface LoadContext {
  /** The encoded key. */
  readonly key: string
  /** Fires at the hard timeout, and when nobody waits any more. */
  readonly signal: AbortSignal
  /** Tags that only the loaded value tells. */
  addTags(...tags: string[]): void
  /**
   * Another time to live for this value: milliseconds, or `'5m'`; 0 stores nothing.
   * @throws MillpondError `DURATION_INVALID` for what is not a duration.
   */
  setTtl(ttl: Duration): void
}

/** Loads one value. `undefined` means "do not store"; `null` is a value. An error passes to every caller that waits, unchanged. */
export type Loader<T> = (context: LoadContext) => Promise<T> | T

/** Loads the values of many keys in one call, in their order. The signal fires when all are given up. */
export type BatchLoader = (keys: readonly string[], batch: { readonly signal: AbortSignal }) => Promise<readonly unknown[]>

/** How a call loads: a key by itself, or all that it needs in one call. */
export type Loads = { readonly one: Loader<unknown> } | { readonly many: BatchLoader }

/**
 * The loader's answer for the flights: of one flight its value, of a batch the list of them. What a loader does synchronously costs no timer, and a
 * loader that has been given up may end as late, and as badly, as it likes.
 */
export function runLoader(clock: Clock, lead: Flight, flights: readonly Flight[], loads: Loads): unknown {
  if (flights.length > 1) {
    lead.crew = flights
    for (const flight of flights) flight.lead = lead
  }
  const givenUp = flights.length === 1 ? lead.givenUp : new LateSignal()
  let answer: unknown
  try {
    answer = insideFlight(lead, () => call(loads, lead, flights, givenUp))
  } catch (error) {
    insideEnds()
    return Promise.reject(error)
  }
  if (!isPromise(answer)) {
    insideEnds()
    return answer
  }
  if (flights.length > 1) whenAllAreGivenUp(flights, givenUp)
  return untilGivenUp(clock, lead, flights, answer, givenUp)
}

function call(loads: Loads, lead: Flight, flights: readonly Flight[], givenUp: LateSignal): unknown {
  if ('one' in loads) return loads.one(new FlightContext(lead))
  return loads.many(
    flights.map((flight) => flight.key),
    signalOf(givenUp),
  )
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

/** `signal` is its own property, so that a loader may spread the context. One descriptor for all: a getter in a literal costs ten times as much (1 us). */
class FlightContext implements LoadContext {
  static readonly #signal: PropertyDescriptor & ThisType<FlightContext> = {
    enumerable: true,
    get() {
      return this.#flight.givenUp.signal
    },
  }

  readonly key: string
  declare readonly signal: AbortSignal
  readonly addTags: LoadContext['addTags']
  readonly setTtl: LoadContext['setTtl']
  readonly #flight: Flight

  constructor(flight: Flight) {
    this.key = flight.key
    this.#flight = flight
    this.addTags = (...tags) => flight.addTags(checkTags(tags))
    this.setTtl = (ttl) => {
      flight.ttlMs = parseDuration(ttl, 'setTtl')
    }
    Object.defineProperty(this, 'signal', FlightContext.#signal)
  }
}

/** Its own property, so that a loader may spread it. */
function signalOf(givenUp: LateSignal): { readonly signal: AbortSignal } {
  return {
    get signal() {
      return givenUp.signal
    },
  }
}

/** A batch is given up when the waiters of all its keys have left. */
function whenAllAreGivenUp(flights: readonly Flight[], all: LateSignal): void {
  let left = flights.length
  for (const { givenUp } of flights) {
    givenUp.listen((reason) => {
      left--
      if (left === 0) all.fire(reason)
    })
  }
}

function untilGivenUp(
  clock: Clock,
  lead: Flight,
  flights: readonly Flight[],
  answer: PromiseLike<unknown>,
  givenUp: LateSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let isOver = false
    let cancel: (() => void) | undefined
    const end = (): boolean => {
      if (isOver) return false
      isOver = true
      cancel?.()
      insideEnds()
      return true
    }
    const giveUp = (error: unknown): void => {
      if (end()) reject(error)
    }
    const { hardMs } = lead
    if (hardMs !== Number.POSITIVE_INFINITY) {
      const expire = (): void => {
        const error = hardTimeout(lead, hardMs)
        giveUp(error)
        for (const flight of flights) flight.givenUp.fire(error)
      }
      cancel = clock.after(hardMs, expire, true)
    }
    givenUp.listen((cause) => giveUp(new MillpondError('ABORTED', 'the caller gave up waiting', { cause })))
    answer.then((value) => {
      if (end()) resolve(value)
    }, giveUp)
  })
}

export const hardTimeout = (flight: Flight, ms: number): MillpondError =>
  new MillpondError(
    'LOAD_TIMEOUT',
    `the loader of ${show(flight.key)} did not return within ${ms} ms: the key is free again; raise timeout.hard if it needs longer`,
  )
