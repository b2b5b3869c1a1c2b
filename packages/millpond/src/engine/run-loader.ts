// Running a loader: inside its load, until it answers, its hard timeout is over, or no caller waits any more.
import type { Link } from '../core/chain.ts'
import type { Clock } from '../core/contracts.ts'
import { parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkTags } from '../core/key.ts'
import { insideEnded, insideLoad } from './current-load.ts'
import { LazyAbortSignal } from './lazy-abort-signal.ts'
import type { Load } from './load.ts'
import type { AnyLoader, LoadContext } from './loader.ts'
import type { Space } from './space.ts'
import type { QueuedTimeout, TimeoutQueue } from './timeout-queue.ts'

/** Notified once of the outcome of a loader call, never before the call that began it has returned. */
export interface Ending {
  /** The value for a single load, the list of values for a batch. */
  loaded(answer: unknown): void
  failed(error: unknown): void
}

/**
 * Calls the loader for the loads. Synchronous results cost no timer, and the late outcome of a loader that was given up
 * is ignored.
 */
export function runLoader(
  space: Pick<Space, 'timeouts' | 'services' | 'ledger' | 'foreign'>,
  loads: readonly Load[],
  loader: AnyLoader,
  ending: Ending,
): void {
  const [lead] = loads
  if (lead === undefined) return
  if (loads.length > 1) {
    lead.batch = loads
    for (const load of loads) load.lead = lead
  }
  const givenUp = loads.length === 1 ? undefined : new LazyAbortSignal()
  let answer: unknown
  try {
    answer = insideLoad(lead, () => call(space, loader, lead, loads, givenUp))
  } catch (error) {
    insideEnded()
    void Promise.resolve().then(() => ending.failed(error))
    return
  }
  if (isPromise(answer)) new LoaderCall(space.timeouts, space.services.clock, loads, givenUp, ending).await(answer)
  else {
    insideEnded()
    void Promise.resolve().then(() => ending.loaded(answer))
  }
}

function call(
  space: Pick<Space, 'ledger' | 'foreign'>,
  loader: AnyLoader,
  lead: Load,
  loads: readonly Load[],
  givenUp: LazyAbortSignal | undefined,
): unknown {
  if ('one' in loader) return loader.one(new LoaderContext(space, lead))
  return loader.many(
    loads.map((load) => load.key),
    signalOf(givenUp ?? lead.givenUp),
  )
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

/**
 * `signal` is its own property, so that a loader may spread the context. One descriptor for all: a getter in a literal
 * costs ten times as much (1 us).
 */
class LoaderContext implements LoadContext {
  static readonly #signal: PropertyDescriptor & ThisType<LoaderContext> = {
    enumerable: true,
    get() {
      return this.#load.givenUp.signal
    },
  }

  readonly key: string
  declare readonly signal: AbortSignal
  readonly addTags: LoadContext['addTags']
  readonly setTtl: LoadContext['setTtl']
  readonly isOutdated: LoadContext['isOutdated']
  readonly #load: Load

  constructor(space: Pick<Space, 'ledger' | 'foreign'>, load: Load) {
    this.key = load.key
    this.#load = load
    this.addTags = (...tags) => load.addTags(checkTags(tags))
    this.setTtl = (ttl) => {
      load.ttlMs = parseDuration(ttl, 'setTtl')
    }
    this.isOutdated = () => isOutdated(space, load)
    Object.defineProperty(this, 'signal', LoaderContext.#signal)
  }
}

/** A ledger that does not answer leaves it open, and what cannot be confirmed counts as outdated. */
function isOutdated({ ledger, foreign }: Pick<Space, 'ledger' | 'foreign'>, load: Load): boolean | Promise<boolean> {
  const judge = (isHeard: boolean): boolean =>
    !isHeard || load.isOutdated || ledger.view.judgeAt(load.key, load.tags, load.asOf) !== 'valid'
  if (ledger.isLocal) return judge(true)
  return Promise.all([ledger.hear(ledger.asked), foreign?.hear([load.tags])]).then(([isHeard]) => judge(isHeard))
}

/** An own property, so that a loader may spread it. */
function signalOf(givenUp: LazyAbortSignal): { readonly signal: AbortSignal } {
  return {
    get signal() {
      return givenUp.signal
    },
  }
}

/** A loader at work, until it answers, its hard timeout is over, or no caller waits any more. */
class LoaderCall implements QueuedTimeout {
  readonly dueAt: number
  readonly #alarms: TimeoutQueue
  readonly #loads: readonly Load[]
  /** For a batch: it is given up when the callers of all its keys have left. */
  readonly #givenUp: LazyAbortSignal | undefined
  #ending: Ending | undefined
  #alarm: Link<QueuedTimeout> | undefined

  constructor(
    alarms: TimeoutQueue,
    clock: Clock,
    loads: readonly Load[],
    givenUp: LazyAbortSignal | undefined,
    ending: Ending,
  ) {
    const { hardMs } = loads[0] as Load
    this.#alarms = alarms
    this.#loads = loads
    this.#givenUp = givenUp
    this.#ending = ending
    this.dueAt = hardMs === Number.POSITIVE_INFINITY ? hardMs : clock.monotonic() + hardMs
  }

  await(answer: PromiseLike<unknown>): void {
    const [lead] = this.#loads
    if (lead === undefined) return
    lead.call = this
    if (this.dueAt !== Number.POSITIVE_INFINITY) this.#alarm = this.#alarms.set(this)
    Promise.resolve(answer).then(
      (value) => this.#end()?.loaded(value),
      (error: unknown) => this.#end()?.failed(error),
    )
    // The synchronous part of the loader may have made all callers leave.
    if (lead.isGivenUp) this.left(lead.givenUp.reason)
  }

  expire(): void {
    const [lead] = this.#loads
    if (lead === undefined) return
    const error = hardTimeout(lead, lead.hardMs)
    this.#end()?.failed(error)
    for (const load of this.#loads) load.givenUp.fire(error)
    this.#givenUp?.fire(error)
  }

  /** The callers of a load have left. */
  left(why: unknown): void {
    if (this.#givenUp !== undefined && !this.#loads.every(({ isGivenUp }) => isGivenUp)) return
    this.#givenUp?.fire(why)
    this.#end()?.failed(new MillpondError('ABORTED', 'the caller gave up waiting', { cause: why }))
  }

  #end(): Ending | undefined {
    const ending = this.#ending
    if (ending === undefined) return undefined
    this.#ending = undefined
    if (this.#alarm !== undefined) this.#alarms.callOff(this.#alarm)
    insideEnded()
    return ending
  }
}

export const hardTimeout = (load: Load, ms: number): MillpondError =>
  new MillpondError(
    'LOAD_TIMEOUT',
    `the loader of ${show(load.key)} did not return within ${ms} ms: the key is free again; raise timeout.hard if it needs longer`,
  )
