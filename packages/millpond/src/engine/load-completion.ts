// Completes loads that have ended: each load completes by itself, and a value is stored unless the ledger has moved
// past it.
import type { Isolated } from '../core/contracts.ts'
import { counted } from '../core/counted.ts'
import { MillpondError, show } from '../core/errors.ts'
import { decodeKey } from '../core/key.ts'
import { type LoadPolicy, timesOf } from '../core/options.ts'
import { hashValue } from '../core/value-hash.ts'
import { shareOfTurn } from '../wrap/turn-share.ts'
import { policyOfKey } from './arms.ts'
import { chooseTtl } from './chosen-ttl.ts'
import { commitFar } from './commit-far.ts'
import type { Found } from './found.ts'
import { releaseLease } from './leases.ts'
import { LET_GO, type Load } from './load.ts'
import type { ReadRequest } from './read-request.ts'
import { refreshesAhead } from './refresh-ahead.ts'
import type { Ending } from './run-loader.ts'
import { inBackground, isolateFor, type Space } from './space.ts'
import { storeLoaded } from './store-in-memory.ts'

/** How long a value that was loaded while the ledger did not answer is served, from the start of its load. */
export const PROVISIONAL_MS = 400
/** After a failed load, a stale value is served for this long before the loader is called again. */
const RETRY_STALE_MS = 1000

/** While the ledger does not answer, the ended load stays joinable for a moment, so that a stampede stays one load. */
export function close({ space }: ReadRequest, load: Load): void {
  const { loads, services } = space
  const left = load.isProvisional ? PROVISIONAL_MS - load.age(services.clock) : 0
  if (left <= 0) loads.end(load)
  else if (load.isListed)
    services.clock.after(left, () => {
      loads.end(load)
      // A load of a batch may have completed long before the others, while its caller still waits for them.
      if (load.waiters === 0) load.forget()
    })
}

/** How a loader call went, and when it returned. */
interface Loaded {
  readonly ms: number
  readonly isTrusted: boolean
  readonly now: number
}

/** Completes the loads of one loader call. */
export class LoadCompletion implements Ending {
  readonly #request: ReadRequest
  readonly #loads: readonly Load[]
  /** Whether the ledger's tier has answered during this load. */
  readonly #isAnswering: boolean
  readonly #began: number
  readonly #done: () => void

  constructor(request: ReadRequest, loads: readonly Load[], isAnswering: boolean, began: number, done: () => void) {
    this.#request = request
    this.#loads = loads
    this.#isAnswering = isAnswering
    this.#began = began
    this.#done = done
  }

  loaded(answer: unknown): void {
    const { space, loader } = this.#request
    const ms = space.services.clock.monotonic() - this.#began
    space.watch.latency.load.record(ms)
    try {
      const values = 'one' in loader ? [answer] : checkValues(answer, this.#loads.length)
      const hearing = space.foreign?.hear(this.#loads.map((load) => load.tags))
      if (hearing === undefined && space.ledger.trusted()) this.#complete(values, ms, true)
      else void this.#completeLater(values, ms, hearing)
    } catch (error) {
      this.failed(error)
    }
  }

  failed(error: unknown): void {
    if (error !== LET_GO) this.#request.space.watch.counters.loadErrors += this.#loads.length
    for (const load of this.#loads) fail(this.#request, load, error)
    this.#end()
  }

  async #completeLater(values: readonly unknown[], ms: number, hearing: Promise<unknown> | undefined): Promise<void> {
    const { ledger } = this.#request.space
    try {
      await hearing
      if (!ledger.trusted() && this.#isAnswering) await ledger.ensure()
      await shareOfTurn()
      this.#complete(values, ms, ledger.trusted())
    } catch (error) {
      this.failed(error)
    }
  }

  #complete(values: readonly unknown[], ms: number, isTrusted: boolean): void {
    const loaded: Loaded = { ms, isTrusted, now: this.#request.space.services.clock.now() }
    this.#loads.forEach((load, at) => {
      completeOne(this.#request, load, values[at], loaded)
    })
    this.#end()
  }

  #end(): void {
    for (const load of this.#loads) close(this.#request, load)
    this.#done()
  }
}

function checkValues(answer: unknown, wanted: number): readonly unknown[] {
  if (Array.isArray(answer) && answer.length === wanted) return answer
  throw new MillpondError(
    'VALUE_UNSUPPORTED',
    `the loader of ${counted(wanted, 'key')} returned ${show(answer)}: return an array with one value per key, in the same order`,
  )
}

/** A value that cannot be stored fails its own load, not the others. */
function completeOne(request: ReadRequest, load: Load, value: unknown, loaded: Loaded): void {
  const { space } = request
  const { events } = space.services
  if (events.has('load')) events.emit('load', { key: load.key, namespace: space.id.name, ms: loaded.ms })
  try {
    complete(request, load, value, loaded)
  } catch (error) {
    releaseLease(space, load)
    load.fail(error)
  }
}

function complete(request: ReadRequest, load: Load, value: unknown, { ms, isTrusted, now }: Loaded): void {
  const { space } = request
  const { key, asOf, setting } = load
  const { services, ledger } = space
  const policy = policyOfKey(space, setting?.policy ?? request.policy, key)
  const isolated = setting?.isolated ?? isolateFor(space, value, key)
  const seen = space.watch.recorder !== undefined || services.adaptiveTtl !== undefined
  const valueHash = seen ? hashValue(isolated.value) : 0
  const ttlMs = ttlOf(space, policy, load, isolated.value, valueHash, now)
  const { createdAt, freshUntil, staleUntil } = timesOf(policy, ttlMs, now, services.random())
  const mayStore = ttlMs > 0 && !(value === undefined && policy.negativeMs < 0)
  noteLoad(space, key, isolated, valueHash, ms, mayStore ? freshUntil - now : 0)
  const { tags } = load
  const found: Found = {
    key,
    value: isolated.value,
    isolated,
    createdAt,
    freshUntil,
    staleUntil,
    tags,
    asOf,
    tier: 'loader',
  }
  space.loads.recover(key)
  if (space.loads.untold.concern(key, tags, load.untoldBefore)) load.outdate()
  if (!ledger.isLocal) {
    space.fence.mark(key, ledger)
    space.loads.overlap(key, load)
  }
  const isValid = mayStore && !load.isOutdated && ledger.view.judgeToKeep(key, tags, asOf.seq, asOf.epoch) === 'valid'
  if (isValid && isTrusted) {
    storeLoaded(space, found, load, ms, now)
    const committed = commitBehind(space, found, load)
    setting?.told(committed ?? true)
    load.complete(found)
    return
  }
  load.isProvisional = mayStore && !isTrusted
  // The ledger has not been asked for a moment, as in a burst: this is not an outage. It decides whether the value may
  // be stored, and memory waits until it is asked again.
  const committed = isValid && ledger.isUp ? commitBehind(space, found, load) : undefined
  setting?.told(load.isProvisional ? committed : !mayStore)
  // The caller now has a value that memory does not have: memory may hold an older one, which must not be shown
  // afterwards.
  if (!ledger.isLocal) space.memory?.drop(key, 'replaced')
  if (committed === undefined) releaseLease(space, load)
  load.complete(found)
}

/** Stores a loaded value in the tiers below memory, in the background; undefined if there are none. */
function commitBehind(space: Space, found: Found, load: Load): Promise<boolean> | undefined {
  if (space.far.length === 0) return undefined
  const committed = commitFar(space, found.key, found, found.asOf, load.lease).finally(() => {
    load.storing = undefined
    releaseLease(space, load)
  })
  load.storing = committed
  inBackground(space, `the commit of ${show(decodeKey(found.key))}, loaded here,`, committed)
  return committed
}

/** A value set under a lease has the TTL given to its `set`. */
function ttlOf(
  space: Space,
  policy: LoadPolicy,
  { key, setting, ttlMs: own }: Load,
  value: unknown,
  valueHash: number,
  now: number,
): number {
  if (setting !== undefined) return own ?? policy.ttlMs
  if (policy.negativeMs >= 0 && (value === undefined || value === null)) return policy.negativeMs
  if (own !== undefined || policy.isTtlSaid) return own ?? policy.ttlMs
  return chooseTtl(space, key, valueHash, now, policy.ttlMs)
}

function noteLoad(
  { id, watch }: Space,
  key: string,
  { bytes }: Isolated,
  valueHash: number,
  ms: number,
  ttlMs: number,
): void {
  watch.recorder?.load(watch.hash(key), ms, bytes, valueHash, key, id.name, ttlMs)
}

/** Rejects all waiting callers; those that may be given a stale value instead look for it themselves. */
function fail({ space, policy }: ReadRequest, load: Load, error: unknown): void {
  const { services, loads } = space
  releaseLease(space, load)
  if (error === LET_GO) {
    load.fail(error)
    return
  }
  if (services.events.has('loadError'))
    services.events.emit('loadError', { key: load.key, namespace: space.id.name, error })
  const servesStale = policy.staleForMs > 0 || policy.staleIfErrorMs > 0 || refreshesAhead(policy)
  if (!load.isOutdated && (servesStale || policy.errorMs > 0)) {
    const now = services.clock.monotonic()
    loads.remember(load.key, { error, until: now + policy.errorMs, pausedUntil: now + RETRY_STALE_MS })
  }
  load.fail(error)
}
