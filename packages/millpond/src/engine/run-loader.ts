// Running a loader: inside its flight, until it answers, its hard timeout is over, or nobody waits any more.
import type { Link } from '../core/chain.ts'
import type { Clock } from '../core/contracts.ts'
import { parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkTags } from '../core/key.ts'
import type { Alarm, Alarms } from './alarms.ts'
import { insideEnds, insideFlight } from './current-flight.ts'
import type { Flight } from './flight.ts'
import { LateSignal } from './late-signal.ts'
import type { LoadContext, Loads } from './loader.ts'
import type { Space } from './space.ts'

/** Told once how a call of a loader has ended, never before the call that began it has returned. */
export interface Ending {
  /** Of one flight its value, of a batch the list of them. */
  loaded(answer: unknown): void
  failed(error: unknown): void
}

/**
 * Calls the loader for the flights. What it does synchronously costs no timer, and a loader that has been given up may end as late, and as badly, as it
 * likes.
 */
export function runLoader(
  space: Pick<Space, 'alarms' | 'services' | 'ledger' | 'abroad'>,
  flights: readonly Flight[],
  loads: Loads,
  ending: Ending,
): void {
  const [lead] = flights
  if (lead === undefined) return
  if (flights.length > 1) {
    lead.crew = flights
    for (const flight of flights) flight.lead = lead
  }
  const givenUp = flights.length === 1 ? undefined : new LateSignal()
  let answer: unknown
  try {
    answer = insideFlight(lead, () => call(space, loads, lead, flights, givenUp))
  } catch (error) {
    insideEnds()
    void Promise.resolve().then(() => ending.failed(error))
    return
  }
  if (isPromise(answer)) new LoaderCall(space.alarms, space.services.clock, flights, givenUp, ending).await(answer)
  else {
    insideEnds()
    void Promise.resolve().then(() => ending.loaded(answer))
  }
}

function call(
  space: Pick<Space, 'ledger' | 'abroad'>,
  loads: Loads,
  lead: Flight,
  flights: readonly Flight[],
  givenUp: LateSignal | undefined,
): unknown {
  if ('one' in loads) return loads.one(new FlightContext(space, lead))
  return loads.many(
    flights.map((flight) => flight.key),
    signalOf(givenUp ?? lead.givenUp),
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
  readonly isOutdated: LoadContext['isOutdated']
  readonly #flight: Flight

  constructor(space: Pick<Space, 'ledger' | 'abroad'>, flight: Flight) {
    this.key = flight.key
    this.#flight = flight
    this.addTags = (...tags) => flight.addTags(checkTags(tags))
    this.setTtl = (ttl) => {
      flight.ttlMs = parseDuration(ttl, 'setTtl')
    }
    this.isOutdated = () => isOutdated(space, flight)
    Object.defineProperty(this, 'signal', FlightContext.#signal)
  }
}

/** A ledger that does not answer leaves it open, and what nobody can vouch for counts as outdated. */
function isOutdated({ ledger, abroad }: Pick<Space, 'ledger' | 'abroad'>, flight: Flight): boolean | Promise<boolean> {
  const judge = (isHeard: boolean): boolean =>
    !isHeard || flight.isOutdated || ledger.view.judgeAt(flight.key, flight.tags, flight.asOf) !== 'valid'
  if (ledger.isLocal) return judge(true)
  return Promise.all([ledger.hear(ledger.asked), abroad?.hear([flight.tags])]).then(([isHeard]) => judge(isHeard))
}

/** Its own property, so that a loader may spread it. */
function signalOf(givenUp: LateSignal): { readonly signal: AbortSignal } {
  return {
    get signal() {
      return givenUp.signal
    },
  }
}

/** A loader at work, until it answers, its hard timeout is over, or nobody waits any more. */
class LoaderCall implements Alarm {
  readonly dueAt: number
  readonly #alarms: Alarms
  readonly #flights: readonly Flight[]
  /** Of a batch: it is given up when the waiters of all its keys have left. */
  readonly #givenUp: LateSignal | undefined
  #ending: Ending | undefined
  #alarm: Link<Alarm> | undefined

  constructor(alarms: Alarms, clock: Clock, flights: readonly Flight[], givenUp: LateSignal | undefined, ending: Ending) {
    const { hardMs } = flights[0] as Flight
    this.#alarms = alarms
    this.#flights = flights
    this.#givenUp = givenUp
    this.#ending = ending
    this.dueAt = hardMs === Number.POSITIVE_INFINITY ? hardMs : clock.monotonic() + hardMs
  }

  await(answer: PromiseLike<unknown>): void {
    const [lead] = this.#flights
    if (lead === undefined) return
    lead.call = this
    if (this.dueAt !== Number.POSITIVE_INFINITY) this.#alarm = this.#alarms.set(this)
    Promise.resolve(answer).then(
      (value) => this.#end()?.loaded(value),
      (error: unknown) => this.#end()?.failed(error),
    )
    // Its first part may have made everybody leave.
    if (lead.isGivenUp) this.left(lead.givenUp.reason)
  }

  ring(): void {
    const [lead] = this.#flights
    if (lead === undefined) return
    const error = hardTimeout(lead, lead.hardMs)
    this.#end()?.failed(error)
    for (const flight of this.#flights) flight.givenUp.fire(error)
    this.#givenUp?.fire(error)
  }

  /** The waiters of a flight have left. */
  left(why: unknown): void {
    if (this.#givenUp !== undefined && !this.#flights.every(({ isGivenUp }) => isGivenUp)) return
    this.#givenUp?.fire(why)
    this.#end()?.failed(new MillpondError('ABORTED', 'the caller gave up waiting', { cause: why }))
  }

  #end(): Ending | undefined {
    const ending = this.#ending
    if (ending === undefined) return undefined
    this.#ending = undefined
    if (this.#alarm !== undefined) this.#alarms.callOff(this.#alarm)
    insideEnds()
    return ending
  }
}

export const hardTimeout = (flight: Flight, ms: number): MillpondError =>
  new MillpondError(
    'LOAD_TIMEOUT',
    `the loader of ${show(flight.key)} did not return within ${ms} ms: the key is free again; raise timeout.hard if it needs longer`,
  )
