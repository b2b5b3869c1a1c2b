// Loading: one flight per key in this process, one lease per key over all processes, and a commit only where nothing moved meanwhile.
import type { Isolated } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import { decodeKey } from '../core/key.ts'
import { type LoadPolicy, timesOf } from '../core/options.ts'
import { hashValue } from '../core/value-hash.ts'
import { tagsWithDependencies } from './dependencies.ts'
import { commitFar, landNear, readFar } from './far.ts'
import { Flight, LET_GO, type Start } from './flights.ts'
import type { Found } from './found.ts'
import type { Journey } from './journey.ts'
import { loadUnderLeases, releaseLease } from './leases.ts'
import { countMiss, countStale, whyGone } from './misses.ts'
import { type Ending, runLoader } from './run-loader.ts'
import { inBackground, isolateFor, ledgerTier, type Space } from './space.ts'

/** How long a value that was loaded while the ledger did not answer is served, from the start of its load. */
export const PROVISIONAL_MS = 400
/** After a failed load, a stale value is good for this long before the loader is asked again. */
const RETRY_STALE_MS = 1000

/** Opens a flight for each key. `fly` must follow. */
export function openFlights(journey: Journey, keys: readonly string[]): Flight[] {
  const start = startOf(journey)
  return keys.map((key) => open(journey, key, start))
}

/** The same for one key. */
export function openFlight(journey: Journey, key: string): Flight {
  return open(journey, key, startOf(journey))
}

function startOf({ space, policy, isBackground, openedAt }: Journey): Start {
  return {
    asOf: space.ledger.view.position,
    startedAt: openedAt,
    // A flight's age matters while a ledger does not answer, which one in this process always does.
    startedWall: space.ledger.isLocal ? 0 : space.services.clock.now(),
    tags: policy.tags,
    hardMs: policy.hardMs,
    isBackground,
  }
}

function open({ space, isReachable, isAbsent }: Journey, key: string, start: Start): Flight {
  const flight = new Flight(space, key, whyGone(space, key, isAbsent ? -1 : space.near?.find(key)), start)
  if (!isReachable) flight.cause = 'ledger_unreachable'
  space.flights.begin(flight)
  return flight
}

/** Loads the flights together; each lands by itself. Settles when all have, and never rejects. */
export function fly(journey: Journey, flights: readonly Flight[]): Promise<void> {
  const isDirect = journey.space.far.length === 0 && journey.policy.dependsOn.length === 0
  return isDirect ? landFromLoader(journey, flights, true, journey.openedAt) : flyThroughTiers(journey, flights)
}

/** Loads behind callers who have been served; one refresh of a key at a time. */
export function refreshBehind(journey: Journey): void {
  const { space, due } = journey
  if (due === undefined) return
  journey.due = undefined
  const behind = journey.behind()
  const flights = openFlights(
    behind,
    [...new Set(due)].filter((key) => space.flights.loads.get(key) === undefined),
  )
  if (flights.length === 0) return
  space.watch.counters.refreshes += flights.length
  for (const flight of flights) inBackground(space, `refresh of ${flight.key}`, flight.landing)
  void fly(behind, flights).then(() => {
    for (const flight of flights) flight.leaveBehind()
  })
}

async function flyThroughTiers(journey: Journey, flights: readonly Flight[]): Promise<void> {
  const { space, policy, isReachable } = journey
  try {
    const budgetEnds = space.services.clock.monotonic() + space.settings.readBudgetMs
    if (policy.dependsOn.length > 0) {
      const tags = await tagsWithDependencies(space, policy)
      for (const flight of flights) flight.addTags(tags)
    }
    const look = (some: readonly Flight[]): Promise<readonly Flight[]> => landFromTiers(journey, some, true)
    const holder = ledgerTier(space)
    const failures = holder?.errors ?? 0
    const waiting = isReachable ? await landFromTiers(journey, flights, false) : flights
    if (waiting.length === 0) return
    // A server that has just let a read wait in vain is not asked for more: the budget is one for all.
    const isAnswering = isReachable && (holder?.errors ?? 0) === failures
    const load = (some: readonly Flight[]): Promise<void> => landFromLoader(journey, some, isAnswering, space.services.clock.monotonic())
    const store = isAnswering && space.services.clock.monotonic() < budgetEnds ? holder?.guarded.ledger : undefined
    const { othersLoad } = 'one' in journey.loads ? journey.loads : NOT_TOLD
    await (store === undefined ? load(waiting) : loadUnderLeases(space, store, waiting, { look, load, othersLoad }))
  } catch (error) {
    for (const flight of flights) flight.fail(error)
  } finally {
    for (const flight of flights) close(journey, flight)
  }
}

const NOT_TOLD = { othersLoad: undefined }

/** While the ledger does not answer, the ended flight stays joinable for a moment, so that a stampede stays one load. */
function close({ space }: Journey, flight: Flight): void {
  const { flights, services } = space
  const left = flight.isProvisional ? PROVISIONAL_MS - flight.age(services.clock) : 0
  if (left <= 0) flights.end(flight)
  else if (flight.isListed)
    services.clock.after(left, () => {
      flights.end(flight)
      flight.forget()
    })
}

/** Lands the flights whose entry some tier has; returns the others. */
async function landFromTiers(journey: Journey, flights: readonly Flight[], isAgain: boolean): Promise<readonly Flight[]> {
  const { space, wants, isQuiet } = journey
  if (space.far.length === 0 || wants === 'new') return flights
  const { found, causes, failure } = await readFar(
    space,
    flights.map((flight) => flight.key),
    space.settings.readBudgetMs,
    isAgain,
    isQuiet,
    (at, entry) => {
      const flight = flights[at]
      if (flight !== undefined) flight.fallback = shared(journey, { ...entry, isStale: true })
    },
  )
  const now = space.services.clock.now()
  const missing = flights.filter((flight, at) => {
    const entry = found[at]
    if (entry !== undefined && isGoodEnough(journey, entry, now)) {
      const isFresh = entry.freshUntil > now
      space.flights.end(flight)
      flight.land(shared(journey, isFresh ? entry : { ...entry, isStale: true }))
      if (!isFresh && !journey.isBackground && !isQuiet) countStale(space, entry)
      if (!isFresh || journey.isDue(entry, now)) journey.noteDue(flight.key)
      return false
    }
    flight.fallback = entry === undefined ? undefined : shared(journey, { ...entry, isStale: true })
    flight.cause = causes[at] ?? failure ?? flight.cause
    return true
  })
  refreshBehind(journey)
  return missing
}

/** May the entry be given to the caller, as far as time goes? While its source fails, what a failure permits is given without asking again. */
function isGoodEnough(journey: Journey, entry: Found, now: number): boolean {
  if (entry.freshUntil > now) return !(journey.isBackground && journey.isDue(entry, now))
  return entry.staleUntil > now && entry.freshUntil + staleMs(journey, entry.key) > now
}

/** How long past its freshness a value may be given to the caller without a load, in milliseconds. */
export function staleMs({ space, staleForMs, staleIfErrorMs }: Journey, key: string): number {
  return staleIfErrorMs > staleForMs && space.flights.isPaused(key, space.services.clock) ? staleIfErrorMs : staleForMs
}

/** For callers, however many: a value that came from a tier is nobody else's. */
function shared({ space }: Journey, found: Found): Found {
  return found.isolated === undefined ? { ...found, isolated: space.services.own(found.value) } : found
}

function landFromLoader(journey: Journey, waiting: readonly Flight[], isAnswering: boolean, began: number): Promise<void> {
  const { space } = journey
  const flights = waiting.some((flight) => flight.isGivenUp) ? leftOf(journey, waiting) : waiting
  if (flights.length === 0) return Promise.resolve()
  space.watch.counters.loads += flights.length
  if (!journey.isBackground && !journey.isQuiet) for (const { key, cause, gone } of flights) countMiss(space, key, cause, gone)
  return new Promise((resolve) => runLoader(space, flights, journey.loads, new Landing(journey, flights, isAnswering, began, resolve)))
}

/** How a call of a loader went, and when it had answered. */
interface Loaded {
  readonly ms: number
  readonly isTrusted: boolean
  readonly now: number
}

/** What becomes of the flights of one call of a loader. */
class Landing implements Ending {
  readonly #journey: Journey
  readonly #flights: readonly Flight[]
  /** The ledger's tier has answered on the way here. */
  readonly #isAnswering: boolean
  readonly #began: number
  readonly #done: () => void

  constructor(journey: Journey, flights: readonly Flight[], isAnswering: boolean, began: number, done: () => void) {
    this.#journey = journey
    this.#flights = flights
    this.#isAnswering = isAnswering
    this.#began = began
    this.#done = done
  }

  loaded(answer: unknown): void {
    const { space, loads } = this.#journey
    const ms = space.services.clock.monotonic() - this.#began
    space.watch.latency.load.record(ms)
    try {
      const values = 'one' in loads ? [answer] : checkValues(answer, this.#flights.length)
      const hearing = space.abroad?.hear(this.#flights.map((flight) => flight.tags))
      if (hearing === undefined && space.ledger.trusted()) this.#land(values, ms, true)
      else void this.#landLater(values, ms, hearing)
    } catch (error) {
      this.failed(error)
    }
  }

  failed(error: unknown): void {
    if (error !== LET_GO) this.#journey.space.watch.counters.loadErrors += this.#flights.length
    for (const flight of this.#flights) fail(this.#journey, flight, error)
    this.#end()
  }

  async #landLater(values: readonly unknown[], ms: number, hearing: Promise<unknown> | undefined): Promise<void> {
    const { ledger } = this.#journey.space
    try {
      await hearing
      this.#land(values, ms, ledger.trusted() || (this.#isAnswering && (await ledger.ensure())))
    } catch (error) {
      this.failed(error)
    }
  }

  #land(values: readonly unknown[], ms: number, isTrusted: boolean): void {
    const loaded: Loaded = { ms, isTrusted, now: this.#journey.space.services.clock.now() }
    this.#flights.forEach((flight, at) => {
      landOne(this.#journey, flight, values[at], loaded)
    })
    this.#end()
  }

  #end(): void {
    for (const flight of this.#flights) close(this.#journey, flight)
    this.#done()
  }
}

/** Those that somebody waits for: for the others no loader is run. */
function leftOf({ space }: Journey, flights: readonly Flight[]): readonly Flight[] {
  return flights.filter((flight) => {
    if (!flight.isGivenUp) return true
    releaseLease(space, flight)
    flight.fail(new MillpondError('ABORTED', `nobody waits for ${show(flight.key)} any more`))
    return false
  })
}

function checkValues(answer: unknown, wanted: number): readonly unknown[] {
  if (Array.isArray(answer) && answer.length === wanted) return answer
  throw new MillpondError(
    'VALUE_UNSUPPORTED',
    `the loader of ${wanted} keys returned ${show(answer)}: return an array with one value per key, in their order`,
  )
}

/** A value that cannot be kept fails its own flight, not the others. */
function landOne(journey: Journey, flight: Flight, value: unknown, loaded: Loaded): void {
  const { space } = journey
  const { events } = space.services
  if (events.has('load')) events.emit('load', { key: flight.key, namespace: space.id.name, ms: loaded.ms })
  try {
    land(journey, flight, value, loaded)
  } catch (error) {
    releaseLease(space, flight)
    flight.fail(error)
  }
}

function land(journey: Journey, flight: Flight, value: unknown, { ms, isTrusted, now }: Loaded): void {
  const { space } = journey
  const { key, asOf, setting } = flight
  const { services, ledger } = space
  const policy = setting?.policy ?? journey.policy
  const ttlMs = ttlOf(policy, flight, value)
  const isolated = setting?.isolated ?? isolateFor(space, value, key)
  noteLoad(space, key, isolated, ms)
  const { createdAt, freshUntil, staleUntil } = timesOf(policy, ttlMs, now, services.random())
  const { tags } = flight
  const found: Found = { key, value: isolated.value, isolated, createdAt, freshUntil, staleUntil, tags, asOf, tier: 'loader' }
  space.flights.recover(key)
  if (!ledger.isLocal) {
    space.wary.mark(key, ledger)
    space.flights.overlap(key, flight)
  }
  const mayStore = ttlMs > 0 && !(value === undefined && policy.negativeMs < 0)
  if (mayStore && !isTrusted) {
    flight.isProvisional = true
    setting?.told(undefined)
  } else if (mayStore && !flight.isOutdated && ledger.view.judgeAt(key, tags, asOf) === 'valid') {
    landNear(space, found, flight, ms, now)
    const committed =
      space.far.length === 0 ? undefined : commitFar(space, key, found, asOf, flight.lease).finally(() => releaseLease(space, flight))
    if (committed !== undefined) inBackground(space, `the commit of ${show(decodeKey(key))}, loaded here,`, committed)
    setting?.told(committed ?? true)
    flight.land(found)
    return
  } else setting?.told(!mayStore)
  // The caller now knows a value that memory does not have: what memory holds may be older, and must not be shown after it.
  if (!ledger.isLocal) space.near?.drop(key, 'replaced')
  releaseLease(space, flight)
  flight.land(found)
}

/** What is set by hand has the time to live that its `set` says, whatever it is. */
function ttlOf({ ttlMs, negativeMs }: LoadPolicy, { setting, ttlMs: own }: Flight, value: unknown): number {
  if (setting === undefined && negativeMs >= 0 && (value === undefined || value === null)) return negativeMs
  return own ?? ttlMs
}

function noteLoad({ id, watch }: Space, key: string, { value, bytes }: Isolated, ms: number): void {
  watch.recorder?.load(watch.hash(key), ms, bytes, hashValue(value), key, id.name)
}

/** All who wait are given the error; who may have a stale value instead finds it by himself. */
function fail({ space, policy }: Journey, flight: Flight, error: unknown): void {
  const { services, flights } = space
  releaseLease(space, flight)
  if (error === LET_GO) {
    flight.fail(error)
    return
  }
  if (services.events.has('loadError')) services.events.emit('loadError', { key: flight.key, namespace: space.id.name, error })
  const servesStale = policy.staleForMs > 0 || policy.staleIfErrorMs > 0 || policy.refreshAhead > 0
  if (!flight.isOutdated && (servesStale || policy.errorMs > 0)) {
    const now = services.clock.monotonic()
    flights.remember(flight.key, { error, until: now + policy.errorMs, pausedUntil: now + RETRY_STALE_MS })
  }
  flight.fail(error)
}
