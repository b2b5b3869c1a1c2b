// The handling of a request: a stored answer, or a request to the origin.
import { MillpondError } from '../core/errors.ts'
import type { Backing, HttpReceipt, Reader } from './contract.ts'
import { Counts, type HttpStats } from './counts.ts'
import { canAnswer } from './deliver.ts'
import type { ClientRequest, Reply, Upstream } from './exchange.ts'
import { inputKey, queryKey, tenantKey } from './key.ts'
import { type OriginFetch, OriginFetches } from './origin-fetches.ts'
import { type Purge, purge } from './purge.ts'
import { QueryRules } from './query-rules.ts'
import { ResponseSender } from './response-sender.ts'
import { ageMs } from './rules/answer.ts'
import { ASKS, INPUTS, isSafe, MODES, type RequestFacts } from './rules/request.ts'
import { decide } from './rules/reuse.ts'
import { type HttpCacheOptions, resolveSettings, type Settings } from './settings.ts'
import { type Found, HttpStore, type StoredAnswer } from './store.ts'

/** A client, and the origin behind it. */
interface Visit {
  readonly asked: ClientRequest
  readonly primary: string
  readonly reply: Reply
  readonly upstream: Upstream
}

/** About the origin's own state, or not a request for a representation: the origin decides. */
const BYPASS = ASKS.precondition | ASKS.upgrade | ASKS.body

const EVERY: readonly string[] = [...INPUTS, ...MODES]

export class HttpHandler {
  readonly settings: Settings
  readonly #cache: Backing
  readonly #store: HttpStore
  readonly #answering: ResponseSender
  readonly #questions: OriginFetches
  readonly #queries = new QueryRules()
  readonly #counts = new Counts()
  readonly #onError: (error: unknown) => void

  constructor(cache: Backing, options: HttpCacheOptions, onError: (error: unknown) => void) {
    this.settings = resolveSettings(options)
    if (this.settings.session !== undefined && cache.for === undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        'session: this cache has no for({ session }): give a cache from createCache, or leave the option out',
      )
    this.#cache = cache
    this.#store = new HttpStore(cache, this.settings)
    this.#answering = new ResponseSender(this.#store, this.settings)
    this.#questions = new OriginFetches(
      this.#store,
      this.settings,
      this.#answering,
      this.#queries,
      this.#counts,
      onError,
    )
    this.#onError = onError
  }

  /**
   * Answers a GET or HEAD from memory, synchronously, or returns `false` and has done nothing. Everything else:
   * `serve`.
   */
  hit(asked: ClientRequest, reply: Reply): boolean {
    const { facts } = asked
    if (facts.has(BYPASS)) return false
    const primary = this.#primaryOf(asked)
    const answer = this.#store.peek(primary, facts, this.#readerOf(facts))
    if (answer === undefined) return false
    const now = this.settings.now()
    if (decide(facts, answer, now, this.settings) !== 'serve') return false
    const body = this.#store.nearBody(primary, answer)
    if (body === undefined) return false
    this.#counts.hits++
    this.#answering.hitNow(asked, answer, body, reply, now)
    return true
  }

  stats(): HttpStats {
    return this.#counts.read()
  }

  /** Answers a request for which `hit` had nothing. Never rejects: failures become answers. */
  async serve(asked: ClientRequest, reply: Reply, upstream: Upstream): Promise<void> {
    const url = this.#primaryOf(asked)
    const primary = asked.body === undefined ? url : queryKey(url, asked.facts, asked.body)
    const visit = { asked, primary, reply, upstream }
    try {
      await this.#serve(visit)
    } catch (error) {
      this.#onError(error)
      // The store failed: the origin still answers.
      if (reply.isStarted) reply.cut()
      else this.#questions.pass(tripOf(visit, 'bypass'))
    }
  }

  #primaryOf({ url, facts }: ClientRequest): string {
    const { keyInputs, tenant } = this.settings
    const reduced = this.#queries.reduce(url)
    const primary = facts.has(ASKS.inputs | ASKS.modes) ? inputKey(reduced, facts, keyInputs ? EVERY : MODES) : reduced
    return tenant === undefined ? primary : tenantKey(primary, tenant(facts))
  }

  /** Invalidates answers; resolves when they are not served any more. */
  async purge(what: Purge): Promise<HttpReceipt> {
    const receipt = await purge(this.#store, this.#queries, what)
    this.#questions.outdate()
    return receipt
  }

  async #serve(visit: Visit): Promise<void> {
    const { facts } = visit.asked
    const { method } = facts
    const isRead = method === 'GET' || method === 'HEAD' || method === 'QUERY'
    if (!isRead && !isSafe(method)) this.#questions.write(tripOf(visit, 'method'))
    else if (!isRead) this.#questions.pass(tripOf(visit, 'method'))
    // RFC 9110 9.3.1: the content of a GET has no meaning, so the answer of an origin that uses it must not be shared.
    else if (facts.has(method === 'QUERY' ? BYPASS & ~ASKS.body : BYPASS)) this.#questions.pass(tripOf(visit, 'bypass'))
    else {
      const isKnown = this.#questions.isUnstored(visit.primary)
      await this.#use(await this.#store.find(visit.primary, facts, isKnown, this.#readerOf(facts)), visit)
    }
  }

  /** Sessions are for prediction: an unknown one is ignored, without affecting the request. */
  #readerOf(facts: RequestFacts): Reader | undefined {
    try {
      const session = this.settings.session?.(facts)
      return session === undefined ? undefined : this.#cache.for?.({ session })
    } catch (error) {
      this.#onError(error)
      return undefined
    }
  }

  async #use(found: Found, visit: Visit): Promise<void> {
    const { asked, reply } = visit
    const { facts } = asked
    const now = this.settings.now()
    const answer = found.answer ?? (found.part !== undefined && canAnswer(asked, found.part) ? found.part : undefined)
    const isOnlyCached = this.settings.honourClient && facts.directives.onlyIfCached
    if (answer !== undefined) {
      const decision = found.isExpired ? 'validate' : decide(facts, answer, now, this.settings)
      if (decision === 'serve' && (await this.#hit(visit, answer, now))) return
      if (decision === 'serve-and-validate' && (await this.#serveAndValidate(visit, answer, now))) return
      if (decision === 'validate' && !isOnlyCached) {
        this.#validate(visit, answer, now)
        return
      }
    }
    // RFC 9111 5.2.1.7.
    if (isOnlyCached)
      this.#answering.refuse(reply, 504, 'Gateway Timeout', { reason: 'miss', detail: 'only-if-cached' })
    else if (found.part === undefined) this.#ask(tripOf(visit, found.hasVariants ? 'vary-miss' : 'uri-miss'))
    else await this.#completePart(visit, found.part)
  }

  /** A stored beginning is completed if the rest can be requested from the origin (RFC 9111 3.4). */
  async #completePart(visit: Visit, part: StoredAnswer): Promise<void> {
    const trip = tripOf(visit, 'partial')
    const { facts } = visit.asked
    const isWholeAsked = facts.method === 'GET' && !facts.has(ASKS.range)
    const bytes = isWholeAsked && visit.upstream.isRepeatable ? await this.#store.bytes(visit.primary, part) : undefined
    this.#ask(bytes === undefined ? trip : { ...trip, begun: { meta: part, bytes } })
  }

  async #hit({ asked, primary, reply }: Visit, answer: StoredAnswer, now: number): Promise<boolean> {
    const isSent = await this.#answering.hit(asked, primary, reply, answer, now)
    if (isSent) this.#counts.hits++
    return isSent
  }

  #validate(visit: Visit, answer: StoredAnswer, now: number): void {
    const isFresh = answer.lifetimeMs > ageMs(answer, now) && !answer.noCache
    const base = answer.part === undefined ? answer : undefined
    this.#ask({ ...visit, base, reason: isFresh && visit.asked.facts.has(ASKS.directives) ? 'request' : 'stale' })
  }

  #ask(trip: OriginFetch): void {
    if (trip.asked.facts.method === 'HEAD') this.#questions.head(trip)
    else this.#questions.ask(trip)
  }

  /**
   * RFC 5861 3: the stored answer now, with a fetch in the background; if that is not possible, one client fetches and
   * waits.
   */
  async #serveAndValidate(visit: Visit, answer: StoredAnswer, now: number): Promise<boolean> {
    const { asked, primary, upstream } = visit
    const isAsked = this.#questions.isAsked(primary)
    const trip: OriginFetch = { ...visit, base: answer, reason: 'stale' }
    if (!isAsked && !upstream.isRepeatable) {
      this.#ask(trip)
      return true
    }
    if (!(await this.#hit(visit, answer, now))) return false
    if (!isAsked && asked.facts.method === 'GET') this.#questions.askBehind(trip)
    return true
  }
}

const tripOf = (visit: Visit, reason: OriginFetch['reason']): OriginFetch => ({ ...visit, base: undefined, reason })
