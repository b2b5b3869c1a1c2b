// Loading: one flight per key in this process, one lease per key over all processes, and a commit only where nothing moved meanwhile.
import type { MissCause } from '../core/causes.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkTags } from '../core/key.ts'
import { type LoadPolicy, timesOf } from '../core/options.ts'
import { tagsWithDependencies } from './dependencies.ts'
import { commitFar, landNear, readFar } from './far.ts'
import { currentFlight, Flight, type Landing, waitFrom } from './flights.ts'
import type { Found } from './found.ts'
import { type Leases, leaseAll, NO_LEASES, releaseLease, renewLeases } from './leases.ts'
import { countMiss, countStale, type Gone, whyGone } from './misses.ts'
import { type BatchLoader, type LoadContext, type Loading, runLoader } from './run-loader.ts'
import { handOut, inBackground, type Space } from './space.ts'

/** How long a value that was loaded while the ledger did not answer is served, from the start of its load. */
export const PROVISIONAL_MS = 400
/** After a failed load, a stale value is good for this long before the loader is asked again. */
const RETRY_STALE_MS = 1000

interface Cargo extends Loading {
  /** What memory and the past say of the key. */
  readonly gone: Gone
  /** Why the key has to be loaded. */
  cause: MissCause
  readonly context: LoadContext & { ttlMs: number | undefined }
  resolve(landing: Landing): void
  reject(error: unknown): void
}

/** Opens a flight for each key and loads them together; each flight lands by itself. */
export function takeOff(
  space: Space,
  keys: readonly string[],
  loader: BatchLoader,
  policy: LoadPolicy,
  isReachable: boolean,
  isBackground: boolean,
): Flight[] {
  const cargos = keys.map((key) => openCargo(space, key, policy, isBackground))
  const done = fly(space, cargos, loader, policy, isReachable)
  done.catch((error: unknown) => {
    for (const cargo of cargos) cargo.reject(error)
  })
  return cargos.map(({ flight }) => flight)
}

function openCargo(space: Space, key: string, policy: LoadPolicy, isBackground: boolean): Cargo {
  const flight = new Flight(space, key, space.ledger.view.position, space.services.clock)
  flight.isBackground = isBackground
  for (const tag of policy.tags) flight.tags.add(tag)
  const { promise, resolve, reject } = withResolvers<Landing>()
  promise.catch(() => {}) // joiners see the error; a flight that nobody joined any more must not crash the process
  flight.landing = promise
  space.flights.outdate(key)
  space.flights.loads.set(key, flight)
  const context: Cargo['context'] = {
    key,
    get signal() {
      return flight.givenUp.signal
    },
    ttlMs: undefined,
    addTags: (...tags) => {
      for (const tag of checkTags(tags)) flight.tags.add(tag)
    },
    setTtl: (ms) => {
      context.ttlMs = ms
    },
  }
  const gone = whyGone(space, key)
  return { flight, context, gone, cause: gone.cause, resolve, reject }
}

async function fly(space: Space, cargos: readonly Cargo[], loader: BatchLoader, policy: LoadPolicy, isReachable: boolean): Promise<void> {
  const started = space.services.clock.monotonic()
  if (policy.dependsOn.length > 0) {
    const tags = await tagsWithDependencies(space, policy)
    for (const { flight } of cargos) for (const tag of tags) flight.tags.add(tag)
  }
  const tryLanding = async (cargo: Cargo): Promise<boolean> => (await landFromTiers(space, [cargo], loader, policy, true)).length === 0
  if (!isReachable) for (const cargo of cargos) cargo.cause = 'ledger_unreachable'
  const holder = space.far.find((far) => far.holdsLedger && far.enabled)
  const failures = holder?.errors ?? 0
  let waiting = isReachable ? await landFromTiers(space, cargos, loader, policy, false) : cargos
  if (waiting.length === 0) return
  // A server that has just let a read wait in vain is not asked for more: the budget is one for all.
  const isAnswering = isReachable && (holder?.errors ?? 0) === failures
  const leases = isAnswering ? await leaseAll(space, waiting, tryLanding, started + space.settings.readBudgetMs) : NO_LEASES
  waiting = waiting.filter(({ flight }) => !leases.landed.has(flight))
  const stopRenewing = renewLeases(space, leases)
  try {
    if (waiting.length > 0) await landFromLoader(space, waiting, loader, policy, leases, isAnswering)
  } finally {
    stopRenewing()
    for (const cargo of cargos) if (space.flights.loads.get(cargo.flight.key) === cargo.flight) closeFlight(space, cargo.flight)
  }
}

/** While the ledger does not answer, the ended flight stays joinable for a moment, so that a stampede stays one load. */
function closeFlight(space: Space, flight: Flight): void {
  const left = PROVISIONAL_MS - flight.age(space.services.clock)
  if (flight.isProvisional && left > 0) space.services.clock.after(left, () => space.flights.end(flight))
  else space.flights.end(flight)
}

/** Lands the flights whose entry some tier has; returns the others. */
async function landFromTiers(
  space: Space,
  cargos: readonly Cargo[],
  loader: BatchLoader,
  policy: LoadPolicy,
  isAgain: boolean,
): Promise<readonly Cargo[]> {
  if (space.far.length === 0) return cargos
  const { found, causes, failure } = await readFar(
    space,
    cargos.map((cargo) => cargo.flight.key),
    space.settings.readBudgetMs,
    isAgain,
  )
  const now = space.services.clock.now()
  return cargos.filter((cargo, at) => {
    const entry = found[at]
    const servesStale = !cargo.flight.isBackground && policy.staleForMs > 0
    const until =
      entry === undefined ? 0 : servesStale ? Math.min(entry.staleUntil, entry.freshUntil + policy.staleForMs) : entry.freshUntil
    if (entry === undefined || until <= now) {
      cargo.flight.fallback = entry
      cargo.cause = causes[at] ?? failure ?? cargo.cause
      return true
    }
    space.flights.end(cargo.flight)
    cargo.resolve(landingOf(space, entry))
    if (entry.freshUntil <= now) {
      if (!cargo.flight.isBackground) countStale(space, entry)
      refreshBehind(space, cargo.flight.key, loader, policy, true)
    }
    return false
  })
}

/** Refreshes a key behind a caller who has been served; one refresh at a time. */
export function refreshBehind(space: Space, key: string, loader: BatchLoader, policy: LoadPolicy, isReachable: boolean): void {
  if (space.flights.loads.has(key)) return
  const [flight] = takeOff(space, [key], loader, policy, isReachable, true)
  if (flight === undefined) return
  space.watch.counters.refreshes++
  inBackground(space, `refresh of ${key}`, flight.landing)
}

/** What the callers get, however many: a value that came from a tier is nobody else's. */
function landingOf(space: Space, found: Found): Landing {
  const isolated = found.isolated ?? space.services.own(found.value)
  return { found, read: () => handOut(space, isolated) }
}

async function landFromLoader(
  space: Space,
  cargos: readonly Cargo[],
  loader: BatchLoader,
  policy: LoadPolicy,
  leases: Leases,
  isAnswering: boolean,
): Promise<void> {
  const began = space.services.clock.monotonic()
  let values: readonly unknown[]
  space.watch.counters.loads += cargos.length
  for (const { flight, cause, gone } of cargos) if (!flight.isBackground) countMiss(space, flight.key, cause, gone)
  try {
    values = await runLoader(space, cargos, loader, policy)
    if (!Array.isArray(values) || values.length !== cargos.length) {
      throw new MillpondError(
        'VALUE_UNSUPPORTED',
        `the loader of ${cargos.length} keys returned ${show(values)}: return an array with one value per key, in their order`,
      )
    }
  } catch (error) {
    space.watch.counters.loadErrors += cargos.length
    for (const cargo of cargos) {
      releaseLease(space, cargo.flight, leases.ids.get(cargo.flight))
      rejectOrFallBack(space, cargo, policy, error)
    }
    return
  }
  const ms = space.services.clock.monotonic() - began
  space.watch.latency.load.record(ms)
  const isTrusted = isAnswering || space.ledger.isLocal ? await space.ledger.ensure() : space.ledger.trusted()
  cargos.forEach((cargo, index) => {
    if (space.services.events.has('load')) space.services.events.emit('load', { key: cargo.flight.key, namespace: space.id.name, ms })
    try {
      land(space, cargo, values[index], policy, isTrusted, ms, leases.ids.get(cargo.flight))
    } catch (error) {
      releaseLease(space, cargo.flight, leases.ids.get(cargo.flight))
      cargo.reject(error)
    }
  })
}

function land(
  space: Space,
  cargo: Cargo,
  value: unknown,
  policy: LoadPolicy,
  isTrusted: boolean,
  cost: number,
  lease: string | undefined,
): void {
  const { flight } = cargo
  const isNegative = value === undefined || value === null
  const ttlMs = isNegative && policy.negativeMs >= 0 ? policy.negativeMs : (cargo.context.ttlMs ?? policy.ttlMs)
  const isolated = space.services.isolate(value)
  const times = timesOf(policy, ttlMs, space.services.clock.now(), space.services.random())
  const found: Found = {
    key: flight.key,
    value: isolated.value,
    isolated,
    ...times,
    tags: [...flight.tags],
    asOf: flight.asOf,
    tier: 'loader',
  }
  const landing = landingOf(space, found)
  if (!space.ledger.isLocal) {
    space.wary.mark(flight.key, space.ledger)
    space.flights.overlap(flight.key, flight)
  }
  const mayStore = ttlMs > 0 && !(value === undefined && policy.negativeMs < 0)
  if (mayStore && !isTrusted) flight.isProvisional = true
  else if (mayStore && !flight.isOutdated && space.ledger.view.judgeAt(flight.key, found.tags, flight.asOf) === 'valid') {
    landNear(space, found, flight, cost)
    if (space.far.length > 0) {
      const committed = commitFar(space, flight.key, found, flight.asOf, lease).finally(() => releaseLease(space, flight, lease))
      inBackground(space, 'commit of a loaded entry', committed)
    }
    cargo.resolve(landing)
    return
  }
  // The caller now knows a value that memory does not have: what memory holds may be older, and must not be shown after it.
  if (!space.ledger.isLocal) space.near?.drop(flight.key, 'replaced')
  releaseLease(space, flight, lease)
  cargo.resolve(landing)
}

/** A failed load returns what is stale, where that is permitted and was not invalidated; else its error, unchanged. */
function rejectOrFallBack(space: Space, cargo: Cargo, policy: LoadPolicy, error: unknown): void {
  const { flight } = cargo
  if (space.services.events.has('loadError')) space.services.events.emit('loadError', { key: flight.key, namespace: space.id.name, error })
  const stale = staleInMemory(space, flight.key, policy.staleIfErrorMs) ?? staleFallback(space, flight, policy)
  if (stale !== undefined && !flight.isOutdated) {
    const slot = space.near?.find(flight.key) ?? -1
    if (slot >= 0) space.near?.retime(slot, Math.min(space.services.clock.now() + RETRY_STALE_MS, stale.staleUntil), stale.staleUntil)
    cargo.resolve(landingOf(space, { ...stale, isStale: true }))
    return
  }
  if (policy.errorMs > 0 && !flight.isOutdated) space.flights.remember(flight.key, error, space.services.clock.monotonic() + policy.errorMs)
  cargo.reject(error)
}

function staleFallback(space: Space, flight: Flight, policy: LoadPolicy): Found | undefined {
  const entry = flight.fallback
  if (entry === undefined || entry.freshUntil + policy.staleIfErrorMs <= space.services.clock.now()) return undefined
  return space.ledger.view.judgeAt(flight.key, entry.tags, entry.asOf) === 'void' ? undefined : entry
}

/** An expired entry that was not invalidated and is at most `ms` past its freshness. */
export function staleInMemory(space: Space, key: string, ms: number): Found | undefined {
  const { near, ledger } = space
  if (near === undefined || ms <= 0 || !ledger.trusted()) return undefined
  const slot = near.find(key)
  const now = space.services.clock.now()
  if (slot < 0 || near.staleUntil(slot) <= now || near.freshUntil(slot) + ms <= now) return undefined
  const tags = near.tags(slot)
  if (ledger.view.judge(key, tags, near.asOf(slot)) === 'void') return undefined
  return {
    key,
    value: near.value(slot),
    createdAt: near.createdAt(slot),
    freshUntil: near.freshUntil(slot),
    staleUntil: near.staleUntil(slot),
    tags,
    asOf: { epoch: ledger.view.epoch, seq: near.asOf(slot) },
    tier: 'memory',
    isStale: true,
  }
}

/** Joins a flight, noting who waits for whom. */
export async function joinFlight(flight: Flight, signal: AbortSignal | undefined): Promise<Landing> {
  const end = waitFrom(currentFlight(), flight)
  try {
    return await flight.join(signal)
  } finally {
    end()
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
