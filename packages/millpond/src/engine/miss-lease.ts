// A lease on a missing key, for a caller that fetches the value itself: `getOrSet` inverted. From the miss until `set`
// the caller is the key's loader, so the rules for loads apply to the value set under the lease (decision 0018).
//
// After the leases of memcached: Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1.
import { checkOptions, duration, flag, refused, type Shape } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { onAbort } from '../core/on-abort.ts'
import type { LoadPolicy, ReadOptions } from '../core/options.ts'
import { currentLoad } from './current-load.ts'
import { noteRead } from './dependencies.ts'
import type { Found } from './found.ts'
import { MissLease } from './held-lease.ts'
import { LET_GO, type Load } from './load.ts'
import type { AnyLoader } from './loader.ts'
import { countMiss } from './misses.ts'
import { readThrough, shown } from './read.ts'
import { staleInMemory } from './read-memory.ts'
import { ReadRequest } from './read-request.ts'
import { aborted, checkSignal } from './signals.ts'
import type { Space } from './space.ts'
import { staleInTier } from './wait.ts'

/** Options of a lease. */
export interface LeaseOptions {
  /** Its maximum duration, after which it expires. Default: `timeout.hard` of the namespace, which is `'10s'`. */
  readonly for?: Duration | undefined
  /** Waits while another caller loads the key. Default true; `false`: returns at once, without a lease. */
  readonly wait?: boolean | undefined
}

/** Used if `timeout.hard` is infinite. */
const DEFAULT_MS = 10_000
const MAX_MS = 3_600_000

const SHAPE: Shape<LeaseOptions> = { for: duration, wait: flag }

interface LeaseRequest {
  readonly ms: number
  readonly mayWait: boolean
}

function wishOf(given: true | LeaseOptions, { settings }: Space): LeaseRequest {
  const options = given === true ? {} : given
  checkOptions<LeaseOptions>(options, SHAPE, 'lease')
  const { hardMs } = settings.policy
  const usual = hardMs === Number.POSITIVE_INFINITY ? DEFAULT_MS : Math.min(hardMs, MAX_MS)
  const ms = options.for === undefined ? usual : parseDuration(options.for, 'lease.for')
  if (ms < 1 || ms > MAX_MS)
    throw refused(options.for, 'lease.for', 'how long the source may take, from 1 ms to an hour')
  return { ms, mayWait: options.wait !== false }
}

/** The result: an entry, a lease, both (an expired entry that may be shown meanwhile), or neither. */
export interface LeaseOutcome {
  readonly found: Found | undefined
  readonly lease: MissLease | undefined
}

/**
 * Reads like `getOrSet`; where that would call the loader, the caller is given the lease.
 * @throws MillpondError `ABORTED`, `OPTION_INVALID`; the error of a loader that was waited for.
 */
export async function readOrLease(
  space: Space,
  key: string,
  given: true | LeaseOptions,
  options: ReadOptions,
  policy: LoadPolicy,
): Promise<LeaseOutcome> {
  const { signal, after, quiet } = options
  checkSignal(signal)
  const asking = new LeaseWaiter(space, key, wishOf(given, space))
  const request = new ReadRequest(space, asking.loader, byHand(policy), { signal: asking.left.signal, after, quiet })
  const stop = signal === undefined ? undefined : onAbort(signal, () => asking.left.abort(signal.reason))
  try {
    const read = readThrough(request, key).then((found): LeaseOutcome => ({ found, lease: undefined }))
    const { found, lease } = await Promise.race([asking.answer, read])
    if (lease !== undefined && signal?.aborted === true) {
      lease.release() // given in the same turn in which the caller left
      throw aborted(signal)
    }
    if (found === undefined && space.settings.dependencies === 'tracked') noteRead(space, key, [], request.since)
    return { found: found && { ...found, value: shown(space, found) }, lease }
  } finally {
    stop?.()
    asking.isOver = true
  }
}

/** TTL and tags are given with the value; expired entries are handled here. */
const byHand = (policy: LoadPolicy): LoadPolicy => ({
  ...policy,
  tags: [],
  dependsOn: [],
  staleForMs: 0,
  staleIfErrorMs: 0,
  refreshAhead: 0,
  refreshBeta: 0,
  hardMs: Number.POSITIVE_INFINITY,
})

/** A caller that requests a lease. */
class LeaseWaiter {
  readonly answer: Promise<LeaseOutcome>
  readonly loader: AnyLoader
  /** Aborts when no caller waits for the read any more. */
  readonly left = new AbortController()
  isOver = false
  readonly #space: Space
  readonly #key: string
  readonly #wish: LeaseRequest
  #resolve: (answer: LeaseOutcome) => void = () => {}
  #hopes: Load | undefined

  constructor(space: Space, key: string, wish: LeaseRequest) {
    this.#space = space
    this.#key = key
    this.#wish = wish
    this.answer = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.loader = { one: () => this.#load(), othersLoad: (load) => this.#othersLoad(load) }
  }

  /** In the loader's place: callers that wait for the load wait for the lease holder's `set`. */
  #load(): Promise<unknown> {
    const load = currentLoad()
    if (load === undefined || this.isOver) throw LET_GO
    return new Promise((complete, fail) => {
      const lease = new MissLease(this.#space, load, this.#wish.ms, complete, fail)
      this.#end({ found: this.#stale(load), lease })
    })
  }

  /** The caller waits for the other load, unless there is a stale value to show, or waiting was not wanted. */
  #othersLoad(load: Load): void {
    if (this.isOver) return
    const found = this.#stale(load)
    if (found === undefined && this.#wish.mayWait) {
      if (this.#hopes !== load) load.onFallback(() => this.#othersLoad(load))
      this.#hopes = load
      return
    }
    if (found === undefined) countMiss(this.#space, this.#key, load.cause, load.missReason)
    this.#end({ found, lease: undefined })
    this.left.abort()
  }

  #stale(load: Load): Found | undefined {
    const { POSITIVE_INFINITY } = Number
    return staleInMemory(this.#space, this.#key, POSITIVE_INFINITY) ?? staleInTier(this.#space, load, POSITIVE_INFINITY)
  }

  #end(answer: LeaseOutcome): void {
    this.isOver = true
    this.#resolve(answer)
  }
}
