// Application events mapped to criteria: `{ 'user.renamed': (event) => ({ model: 'User', id: event.id }) }`.
import { checkOptions, fn, record, required, type Shape } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Criteria } from './criteria.ts'

/** What an event invalidates; `undefined`: nothing this time. */
export type EventRule<P> = (payload: P) => Criteria | undefined

export interface EventMapOptions<M, R> {
  /** What each event invalidates. */
  readonly events: { readonly [E in keyof M]: EventRule<M[E]> }
  /** Carries it out, such as `(criteria) => cache.invalidate(criteria)`. */
  readonly invalidate: (criteria: Criteria) => Promise<R>
  /** Called with errors of events from an attached emitter, which are not awaited. */
  readonly onError: (event: string, error: unknown) => void
}

const OPTIONS: Shape<EventMapOptions<unknown, unknown>> = {
  events: required(record('rules by event')),
  invalidate: required(fn('a function such as (criteria) => cache.invalidate(criteria)')),
  onError: required(fn('a function that receives failures')),
}

/** The used part of an emitter: Node's EventEmitter, mitt and many others. */
export interface Emitter {
  /** Adds a listener. */
  on(event: string, listener: (payload: unknown) => void): unknown
  /** Removes a listener. */
  off(event: string, listener: (payload: unknown) => void): unknown
}

/** Maps events of an application to invalidations, by rules. */
export class EventMap<M extends object, R> {
  readonly #options: EventMapOptions<M, R>
  readonly #rules: Map<string, (payload: unknown) => Criteria | undefined>

  /** @throws MillpondError `OPTION_INVALID` for a rule that is not a function. */
  constructor(options: EventMapOptions<M, R>) {
    const given: unknown = options
    checkOptions<EventMapOptions<unknown, unknown>>(given, OPTIONS, 'EventMap')
    this.#options = options
    this.#rules = new Map(Object.entries(options.events))
    for (const [event, rule] of this.#rules) {
      if (typeof rule !== 'function')
        throw new MillpondError(
          'OPTION_INVALID',
          `events.${event}: ${show(rule)} is not a function from the event to criteria`,
        )
    }
  }

  /**
   * Resolves when the event's invalidation is acknowledged; with `undefined` if its rule returns nothing.
   * @throws `OPTION_INVALID` for an event without a rule.
   */
  async emit<E extends keyof M & string>(event: E, payload: M[E]): Promise<R | undefined> {
    const rule = this.#options.events[event]
    if (!this.#rules.has(event))
      throw new MillpondError(
        'OPTION_INVALID',
        `no rule for the event ${show(event)}: there are ${[...this.#rules.keys()].join(', ')}`,
      )
    const criteria = rule(payload)
    return criteria === undefined ? undefined : this.#options.invalidate(criteria)
  }

  /**
   * Listens to every event that has a rule; returns how to stop. Failures go to `onError`: an emitter awaits no
   * listener.
   */
  attach(emitter: Emitter): () => void {
    const stops = [...this.#rules].map(([event, rule]) => {
      const listener = (payload: unknown): void => {
        this.#handle(rule, payload).catch((error: unknown) => this.#options.onError(event, error))
      }
      emitter.on(event, listener)
      return () => emitter.off(event, listener)
    })
    return () => {
      for (const stop of stops.splice(0)) stop()
    }
  }

  async #handle(rule: (payload: unknown) => Criteria | undefined, payload: unknown): Promise<void> {
    const criteria = rule(payload)
    if (criteria !== undefined) await this.#options.invalidate(criteria)
  }
}
