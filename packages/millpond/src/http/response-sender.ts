// Sends one client its answer: a stored one, one that is just arriving, a 304, or the error if there is none.
import { isError } from '../core/errors.ts'
import { addStatus, type Delivery, deliver, deliverNow } from './deliver.ts'
import type { ClientRequest, Reply } from './exchange.ts'
import type { Outcome } from './fetching.ts'
import { type AnswerMeta, ageMs, answerOf } from './rules/answer.ts'
import { type Forwarded, type ForwardReason, forwardStatus, hitStatus } from './rules/cache-status.ts'
import { endToEnd, type RawFields } from './rules/fields.ts'
import { ASKS } from './rules/request.ts'
import { isNotModified, notModifiedFields } from './rules/validation.ts'
import type { Settings } from './settings.ts'
import type { HttpStore, StoredAnswer } from './store.ts'

/** A client whose request has to go to the origin. */
export interface Client {
  readonly asked: ClientRequest
  readonly primary: string
  readonly reply: Reply
  readonly reason: ForwardReason
}

/** RFC 9110 13.1.2: with other methods a condition is about the origin's own state. */
const isRead = ({ facts: { method } }: ClientRequest): boolean =>
  method === 'GET' || method === 'HEAD' || method === 'QUERY'

type Arrived = Outcome & { readonly kind: 'arrived' }
type Kept = Outcome & { readonly kind: 'confirmed' | 'stale' }

export class ResponseSender {
  readonly #store: HttpStore
  readonly #settings: Settings
  #lastTtl = Number.NaN
  #lastStatus = ''

  constructor(store: HttpStore, settings: Settings) {
    this.#store = store
    this.#settings = settings
  }

  /** From memory. */
  hitNow(asked: ClientRequest, answer: StoredAnswer, body: string | Buffer, reply: Reply, now: number): void {
    deliverNow(asked, answer, body, reply, now, this.#hitStatus(answer, now))
  }

  /** From the store. `false`: its body is gone, and nothing was sent. */
  hit(asked: ClientRequest, primary: string, reply: Reply, answer: StoredAnswer, now: number): true | Promise<boolean> {
    return deliver(asked, answer, reply, this.#delivery(primary, now, this.#hitStatus(answer, now)))
  }

  /** After validation. */
  kept(
    { asked, primary, reply, reason }: Client,
    { kind, answer }: Kept,
    isCollapsed: boolean,
  ): true | Promise<boolean> {
    const told: Forwarded =
      kind === 'confirmed'
        ? { reason, status: 304, isStored: true, isCollapsed }
        : { reason, isCollapsed, detail: 'stale-if-error' }
    const status = this.#settings.cacheStatus ? forwardStatus(this.#settings.name, told) : undefined
    return deliver(asked, answer, reply, this.#delivery(primary, this.#settings.now(), status))
  }

  arrived(
    { asked, reply, reason }: Client,
    { status, reason: phrase, fields, arrival, meta, refusal }: Arrived,
    isCollapsed: boolean,
  ): void {
    const detail = meta === undefined && refusal !== 'bypass' ? refusal : undefined
    const head = this.#told(endToEnd(fields), { reason, status, isStored: meta !== undefined, isCollapsed, detail })
    // The client's condition was not sent to the origin, so it is evaluated here; also for answers that are not stored.
    if (
      asked.facts.has(ASKS.condition) &&
      isRead(asked) &&
      isNotModified(asked.facts, meta ?? this.#metaOf(status, phrase, fields))
    ) {
      reply.send({ status: 304, reason: 'Not Modified', fields: notModifiedFields(head) }, undefined, 'latin1')
      return
    }
    reply.start({ status, reason: phrase, fields: head })
    arrival.join(reply)
  }

  #metaOf(status: number, reason: string, fields: RawFields): AnswerMeta {
    const now = this.#settings.now()
    return answerOf({ status, reason, fields, requestAt: now, responseAt: now }, this.#settings)
  }

  failed({ reply, reason }: Client, error: unknown): void {
    const isTimeout = isError(error) && 'isTimeout' in error
    if (isTimeout) this.refuse(reply, 504, 'Gateway Timeout', { reason, detail: 'origin-timeout' })
    else this.refuse(reply, 502, 'Bad Gateway', { reason, detail: 'origin-failed' })
  }

  refuse(reply: Reply, status: number, phrase: string, told: Forwarded): void {
    const text = `${phrase}\n`
    const head = ['Content-Type', 'text/plain', 'Content-Length', String(text.length)]
    reply.send({ status, reason: phrase, fields: this.#told(head, told) }, text, 'latin1')
  }

  /** The same text for the same remaining time: it is compared for each hit. */
  #hitStatus(answer: StoredAnswer, now: number): string | undefined {
    if (!this.#settings.cacheStatus) return undefined
    const ttl = Math.floor((answer.lifetimeMs - ageMs(answer, now)) / 1000)
    if (ttl !== this.#lastTtl) {
      this.#lastTtl = ttl
      this.#lastStatus = hitStatus(this.#settings.name, ttl)
    }
    return this.#lastStatus
  }

  #told(fields: string[], forward: Forwarded): string[] {
    if (this.#settings.cacheStatus) addStatus(fields, forwardStatus(this.#settings.name, forward))
    return fields
  }

  #delivery(primary: string, now: number, told: string | undefined): Delivery {
    return { store: this.#store, primary, now, told }
  }
}
