// Requests to the origin: sent once for all that may share the answer, or individually.

import type { Counts } from './counts.ts'
import type { ClientRequest, Upstream } from './exchange.ts'
import { Fetching, type Outcome } from './fetching.ts'
import { Marks } from './marks.ts'
import type { QueryRules } from './query-rules.ts'
import type { Client, ResponseSender } from './response-sender.ts'
import { completionOf, type Piece } from './rules/combine.ts'
import { endToEnd, firstLine } from './rules/fields.ts'
import { invalidationOf, sameOrigin } from './rules/invalidation.ts'
import { ASKS } from './rules/request.ts'
import { mayServeOnError } from './rules/reuse.ts'
import type { Refusal } from './rules/storable.ts'
import { conditionsFor, isCondition } from './rules/validation.ts'
import { secondaryKey } from './rules/vary.ts'
import type { Settings } from './settings.ts'
import { type HttpStore, type IsOutdated, newId, type StoredAnswer } from './store.ts'

/** How long a key is known not to be storable, so that its clients do not wait for each other. */
const UNSTORABLE_MS = 10_000
/** How long its absence does not count as a miss: a cache could not have had it. */
const UNSTORED_MS = 600_000
/** How long a key is known to be public, so that clients with credentials may wait for another's answer. */
const PUBLIC_MS = 600_000

/** Reasons that apply to every request for the URL: the others depend on a single request. */
const OF_THE_URL: ReadonlySet<string> = new Set<Refusal | 'too-large'>([
  'no-store',
  'private',
  'set-cookie',
  'vary',
  'not-cacheable',
  'no-use',
  'too-large',
])

/** A running fetch that others may wait for. */
interface SharedFetch {
  readonly waiters: ((outcome: Outcome) => void)[]
  /** Once it is known: clients that arrive now read along. */
  outcome: Outcome | undefined
  readonly leader: ClientRequest
}

/** A request that goes to the origin. */
export interface OriginFetch extends Client {
  readonly upstream: Upstream
  /** A stored answer that is to be validated. */
  readonly base: StoredAnswer | undefined
  /** A stored beginning that is to be completed. */
  readonly begun?: Piece
}

type OnOutcome = (outcome: Outcome) => Promise<void> | undefined

export class OriginFetches {
  readonly #store: HttpStore
  readonly #settings: Settings
  readonly #answering: ResponseSender
  readonly #queries: QueryRules
  readonly #counts: Counts
  readonly #shared = new Map<string, SharedFetch>()
  readonly #unstorable: Marks
  readonly #unstored: Marks
  readonly #public: Marks
  readonly #onError: (error: unknown) => void

  constructor(
    store: HttpStore,
    settings: Settings,
    answering: ResponseSender,
    queries: QueryRules,
    counts: Counts,
    onError: (error: unknown) => void,
  ) {
    this.#store = store
    this.#settings = settings
    this.#answering = answering
    this.#queries = queries
    this.#counts = counts
    this.#unstorable = new Marks(UNSTORABLE_MS, settings.now)
    this.#unstored = new Marks(UNSTORED_MS, settings.now)
    this.#public = new Marks(PUBLIC_MS, settings.now)
    this.#onError = onError
  }

  /** The key is already being fetched. */
  isAsked(primary: string): boolean {
    return this.#shared.has(primary)
  }

  /** Its last answer could not be stored, for any client. */
  isUnstored(primary: string): boolean {
    return this.#unstored.has(primary)
  }

  /** Clients from now on do not join an earlier fetch. */
  outdate(): void {
    this.#shared.clear()
  }

  /** Fetches a GET or QUERY, once for all that may share the answer. */
  ask(trip: OriginFetch): void {
    const { primary, base } = trip
    const flight = this.#shared.get(primary)
    if (this.#unstorable.has(primary) && base === undefined) this.pass(trip)
    else if (!this.#mayShare(trip)) this.#fetch(trip, (outcome) => this.#answer(trip, outcome, false), false)
    else if (flight === undefined) this.#fetch(trip, (outcome) => this.#answer(trip, outcome, false), true)
    else if (flight.outcome !== undefined) this.#join(trip, flight, flight.outcome)
    else flight.waiters.push((outcome) => this.#join(trip, flight, outcome))
  }

  /** Validates a stored answer that the client has already got. */
  askBehind(trip: OriginFetch): void {
    this.#fetch(trip, () => undefined, true)
  }

  /** To the origin and back, without the store. */
  pass(trip: OriginFetch): void {
    this.#question({ ...trip, base: undefined }, '', (outcome) => this.#answer(trip, outcome, false), false)
  }

  /** RFC 9111 4.3.5: a HEAD is forwarded, and freshens or invalidates what is stored. */
  head(trip: OriginFetch): void {
    const { base, primary, asked } = trip
    const onOutcome: OnOutcome = (outcome) => {
      if (outcome.kind !== 'arrived' || base === undefined || outcome.status !== 200)
        return this.#answer(trip, outcome, false)
      const freshened = this.#store
        .freshen(primary, asked.facts, base, outcome.fields, this.#settings)
        .catch(this.#onError)
      return freshened.then(() => void this.#answer(trip, outcome, false))
    }
    this.#question({ ...trip, base: undefined }, '', onOutcome, false)
  }

  /** An unsafe method is written through; what it invalidates is gone before its answer is sent (RFC 9111 4.4). */
  write(trip: OriginFetch): void {
    const { asked, primary, upstream, reply } = trip
    const id = newId()
    const onOutcome: OnOutcome = async (outcome) => {
      await this.#forget(asked, outcome).catch(this.#onError)
      // Loaded from here on, so that its own invalidation does not apply to it.
      if (outcome.kind === 'arrived' && outcome.meta !== undefined)
        this.#store.load(primary, asked.facts, () => fetching.stored, { id }).catch(this.#onError)
      this.#answer(trip, outcome, false)
    }
    const fetching = new Fetching(this.#store, primary, id, {
      asked,
      fields: endToEnd(asked.facts.fields),
      conditions: [],
      upstream,
      settings: this.#settings,
      base: undefined,
      begun: undefined,
      mayStore: asked.facts.method === 'POST',
      // RFC 9110 9.3.3: the answer to a POST may serve later GETs of what Content-Location names, if that is the URL
      // itself.
      isStoredAs: (fields) => sameOrigin(firstLine(fields, 'content-location'), asked.url) === asked.url,
      isOutdated: undefined,
      onInform: (status, fields) => reply.inform(status, fields),
      onOutcome,
    })
  }

  async #forget({ facts, url }: ClientRequest, outcome: Outcome): Promise<void> {
    const invalidation =
      outcome.kind === 'arrived' ? invalidationOf(facts.method, url, outcome.status, outcome.fields) : undefined
    if (invalidation === undefined) return
    const { groups } = invalidation
    const urls = invalidation.urls.map((obsolete) => this.#queries.reduce(obsolete))
    await this.#store.invalidate(urls, url, groups)
    for (const obsolete of urls) this.#shared.delete(obsolete)
    if (groups.length > 0) this.outdate()
  }

  /** Whether others may wait for this request's answer, and this request for another's. */
  #mayShare({ asked: { facts }, primary, base }: OriginFetch): boolean {
    if (facts.has(ASKS.range) || facts.directives.noStore) return false
    // A request with credentials waits for another's fetch only if the answer is known to be public.
    return !facts.has(ASKS.credentials) || base !== undefined || this.#public.has(primary)
  }

  /** A waiter gets the leader's answer only if it may be stored and its own request selects it. */
  #join(trip: OriginFetch, flight: SharedFetch, outcome: Outcome): void {
    if (outcome.kind === 'failed') {
      this.#answer(trip, outcome, true)
      return
    }
    const isForOthers = outcome.kind === 'stale' || outcome.refusal === undefined
    const kept = outcome.kind === 'arrived' ? outcome.meta : outcome.answer
    if (kept === undefined || !isForOthers) this.pass(trip)
    else if (
      sameSelection(trip.asked, flight.leader, kept.vary) &&
      (outcome.kind !== 'arrived' || outcome.arrival.isJoinable)
    )
      this.#answer(trip, outcome, true)
    else this.#fetch(trip, (own) => this.#answer(trip, own, false), false)
  }

  #fetch(trip: OriginFetch, onOutcome: OnOutcome, isShared: boolean): void {
    const { primary, asked, base } = trip
    const flight: SharedFetch = { waiters: [], outcome: undefined, leader: asked }
    if (isShared) this.#shared.set(primary, flight)
    const land = (): void => {
      if (this.#shared.get(primary) === flight) this.#shared.delete(primary)
    }
    const settle: OnOutcome = (outcome) => {
      this.#learn(trip, outcome)
      if (outcome.kind === 'arrived' && outcome.meta === undefined) land()
      flight.outcome = outcome
      const readersCome = onOutcome(outcome)
      for (const waiter of flight.waiters.splice(0)) waiter(outcome)
      return readersCome
    }
    let isAsked = false
    const produce = (id: string, isOutdated: IsOutdated): Promise<StoredAnswer | undefined> => {
      isAsked = true
      return this.#question(trip, id, settle, true, isOutdated).stored
    }
    this.#store
      .load(primary, asked.facts, produce, { base, isKnown: this.isUnstored(primary) })
      .catch((error: unknown) => {
        this.#onError(error)
        // The store could not even begin: the origin is called without it.
        if (!isAsked) this.#question(trip, '', settle, false)
      })
      .finally(land)
  }

  #learn({ asked, primary }: OriginFetch, outcome: Outcome): void {
    if (outcome.kind !== 'arrived') return
    if (outcome.meta !== undefined) {
      this.#queries.learn(asked.url, outcome.status, outcome.fields)
      this.#unstorable.delete(primary)
      this.#unstored.delete(primary)
      this.#public.add(primary)
    } else if (OF_THE_URL.has(outcome.refusal ?? '')) {
      this.#unstorable.add(primary)
      this.#unstored.add(primary)
    }
  }

  #question(trip: OriginFetch, id: string, onOutcome: OnOutcome, mayStore: boolean, isOutdated?: IsOutdated): Fetching {
    const { asked, base, begun, upstream, reply, primary } = trip
    const { facts } = asked
    const completion = begun === undefined || !mayStore ? undefined : completionOf(begun.meta, begun.bytes.length)
    // Answers for the store are requested in full; a range is stored as a part.
    const isWhole = mayStore && !facts.has(ASKS.range)
    // RFC 9110 13.1.5: a client that requests the rest of what it has must not get the rest of something else.
    const isOwnCondition = (name: string): boolean => isCondition(name) && (isWhole || name !== 'if-range')
    return new Fetching(this.#store, primary, id, {
      asked,
      fields: endToEnd(facts.fields, isWhole || base !== undefined ? isOwnCondition : undefined),
      conditions: base === undefined ? (completion ?? []) : conditionsFor(base),
      upstream,
      settings: this.#settings,
      base,
      begun: completion === undefined ? undefined : begun,
      mayStore,
      isStoredAs: undefined,
      isOutdated,
      onInform: (status, fields) => reply.inform(status, fields),
      onOutcome,
    })
  }

  /** Sends a result to one client. */
  #answer(trip: OriginFetch, outcome: Outcome, isCollapsed: boolean): undefined {
    this.#counts.count(outcome, isCollapsed)
    try {
      this.#send(trip, outcome, isCollapsed)
    } catch (error) {
      // Something was already written into this client's response; the others that wait still get the answer.
      this.#onError(error)
      trip.reply.cut()
    }
  }

  #send(trip: OriginFetch, outcome: Outcome, isCollapsed: boolean): void {
    const { base } = trip
    if (outcome.kind === 'arrived') this.#answering.arrived(trip, outcome, isCollapsed)
    else if (outcome.kind !== 'failed') this.#keep(trip, outcome, isCollapsed)
    else if (
      isCollapsed &&
      base !== undefined &&
      mayServeOnError(base, this.#settings.now(), undefined, this.#settings)
    )
      this.#keep(trip, { kind: 'stale', answer: base }, isCollapsed)
    else {
      this.#onError(outcome.error)
      this.#answering.failed(trip, outcome.error)
    }
  }

  #keep(trip: OriginFetch, outcome: Outcome & { readonly kind: 'confirmed' | 'stale' }, isCollapsed: boolean): void {
    const sent = this.#answering.kept(trip, outcome, isCollapsed)
    if (sent === true) return
    sent.then(
      (isSent) => {
        if (!isSent) this.#fetch({ ...trip, base: undefined }, (own) => this.#answer(trip, own, false), false)
      },
      (error: unknown) => this.#answer(trip, { kind: 'failed', error }, false),
    )
  }
}

function sameSelection(a: ClientRequest, b: ClientRequest, names: readonly string[]): boolean {
  return names.length === 0 || secondaryKey(a.facts, names) === secondaryKey(b.facts, names)
}
