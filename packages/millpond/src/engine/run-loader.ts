// Running a loader: inside its flight, until it answers, its hard timeout is over, or nobody waits any more.
import { MillpondError, show } from '../core/errors.ts'
import type { LoadPolicy } from '../core/options.ts'
import { type Flight, insideFlight } from './flights.ts'
import { LateSignal } from './late-signal.ts'
import type { Space } from './space.ts'

/** What a loader is given. */
export interface LoadContext {
  /** The encoded key. */
  readonly key: string
  /** Fires at the hard timeout, and when nobody waits any more. */
  readonly signal: AbortSignal
  /** Tags that only the loaded value tells. */
  addTags(...tags: string[]): void
  /** Another time to live for this value, in milliseconds. */
  setTtl(ms: number): void
}

/** Loads the values of several flights at once, in their order; `undefined` means "do not store". The signal fires when all are given up. */
export type BatchLoader = (flights: readonly LoadContext[], batch: { readonly signal: AbortSignal }) => Promise<readonly unknown[]>

/** A flight that needs its loader, and what that is given. */
export interface Loading {
  readonly flight: Flight
  readonly context: LoadContext
}

/** The values of the flights, in their order. */
export async function runLoader(
  space: Space,
  cargos: readonly Loading[],
  loader: BatchLoader,
  policy: LoadPolicy,
): Promise<readonly unknown[]> {
  const first = cargos[0]
  if (first === undefined) return []
  const givenUp = cargos.length === 1 ? first.flight.givenUp : allGivenUp(cargos)
  const contexts = cargos.map(({ context }) => context)
  const work = untilGivenUp(
    insideFlight(first.flight, async () => loader(contexts, signalOf(givenUp))),
    givenUp,
  )
  if (policy.hardMs === Number.POSITIVE_INFINITY) return work
  return withHardTimeout(space, cargos, work, policy.hardMs)
}

/** Its own property, so that a loader may spread it. */
function signalOf(givenUp: LateSignal): { readonly signal: AbortSignal } {
  return {
    get signal() {
      return givenUp.signal
    },
  }
}

function untilGivenUp<T>(work: Promise<T>, givenUp: LateSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    givenUp.listen((cause) => reject(new MillpondError('ABORTED', 'the caller gave up waiting', { cause })))
    work.then(resolve, reject)
  })
}

/** A batch is given up when the waiters of all its keys have left. */
function allGivenUp(cargos: readonly Loading[]): LateSignal {
  const all = new LateSignal()
  let left = cargos.length
  for (const { flight } of cargos) {
    flight.givenUp.listen((reason) => {
      left--
      if (left === 0) all.fire(reason)
    })
  }
  return all
}

function withHardTimeout<T>(space: Space, cargos: readonly Loading[], work: Promise<T>, ms: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void => {
      const error = new MillpondError(
        'LOAD_TIMEOUT',
        `the loader of ${show(cargos[0]?.flight.key)} did not return within ${ms} ms: the key is free again; raise timeout.hard if it needs longer`,
      )
      reject(error)
      for (const { flight } of cargos) flight.givenUp.fire(error)
    }
    const cancel = space.services.clock.after(ms, giveUp, true)
    work.then(resolve, reject).finally(cancel)
  })
}
