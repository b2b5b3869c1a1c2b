// One request to the origin, and the use of its answer: confirmed, replaced, served stale instead, stored, or
// forwarded.
import { Arrival } from './arrival.ts'
import type { ClientRequest, Sink, Upstream, UpstreamCall } from './exchange.ts'
import { type AnswerMeta, answerOf } from './rules/answer.ts'
import { completedFields, type Piece } from './rules/combine.ts'
import { fieldLines, firstLine, type RawFields, unsendable, withoutFields } from './rules/fields.ts'
import { freshened } from './rules/freshened.ts'
import { isServerError, mayServeOnError } from './rules/reuse.ts'
import { refusalOf } from './rules/storable.ts'
import { confirms } from './rules/validation.ts'
import type { Settings } from './settings.ts'
import type { HttpStore, IsOutdated, StoredAnswer } from './store.ts'

/** The result of a fetch. */
export type Outcome =
  /** A new answer, whose body may still be arriving. */
  | {
      readonly kind: 'arrived'
      readonly status: number
      readonly reason: string
      readonly fields: RawFields
      readonly arrival: Arrival
      /** Stored once it is complete; absent if it may not be stored. */
      readonly meta: AnswerMeta | undefined
      readonly refusal: string | undefined
    }
  /** The stored answer is still valid; for others than this client only if nothing forbids storing it as it is now. */
  | { readonly kind: 'confirmed'; readonly answer: StoredAnswer; readonly refusal: string | undefined }
  /** The origin failed, but the stored answer may be used. */
  | { readonly kind: 'stale'; readonly answer: StoredAnswer }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface FetchOptions {
  readonly asked: ClientRequest
  /** End-to-end fields of the request, without the cache's own conditions. */
  readonly fields: readonly string[]
  readonly conditions: readonly string[]
  readonly upstream: Upstream
  readonly settings: Settings
  /** The answer that is validated. */
  readonly base: StoredAnswer | undefined
  /** The stored beginning, if only the rest is requested. */
  readonly begun: Piece | undefined
  readonly onInform: (status: number, fields: RawFields) => void
  /**
   * Called once, with the head at the latest. A promise: the body's readers have joined when it resolves; it never
   * rejects.
   */
  readonly onOutcome: (outcome: Outcome) => Promise<void> | undefined
  readonly mayStore: boolean
  /** If only some answers belong to this key: whether this one does. */
  readonly isStoredAs: ((fields: RawFields) => boolean) | undefined
  /**
   * Whether an invalidation that concerns such an answer has arrived since; absent if the fetch is not within a load.
   */
  readonly isOutdated: IsOutdated | undefined
}

/** A sink, and a promise of what may be stored. */
export class Fetching implements Sink {
  readonly #options: FetchOptions
  readonly #store: HttpStore
  readonly #primary: string
  readonly #id: string
  readonly #requestAt: number
  #base: StoredAnswer | undefined
  #call: UpstreamCall | undefined
  #arrival: Arrival | undefined
  #meta: AnswerMeta | undefined
  #declared: number | undefined
  #begun: Piece | undefined
  #status = 0
  #isTold = false
  #isOver = false
  #resolve: (answer: StoredAnswer | undefined | Promise<StoredAnswer | undefined>) => void = () => {}
  readonly stored: Promise<StoredAnswer | undefined>

  constructor(store: HttpStore, primary: string, id: string, options: FetchOptions) {
    this.#options = options
    this.#store = store
    this.#primary = primary
    this.#id = id
    this.#base = options.base
    this.#begun = options.begun
    this.#requestAt = options.settings.now()
    this.stored = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#ask(options.conditions)
  }

  #ask(conditions: readonly string[]): void {
    const { asked, fields, upstream } = this.#options
    try {
      this.#call = upstream.ask({ asked, fields: [...fields, ...conditions] }, this)
    } catch (error) {
      this.fail(error)
    }
  }

  inform(status: number, fields: RawFields): void {
    if (!this.#isOver) this.#options.onInform(status, fields)
  }

  start(status: number, reason: string, fields: RawFields): void {
    const { settings, upstream } = this.#options
    if (this.#isOver || this.#arrival !== undefined) return
    const fault = unsendable(status, reason, fields)
    if (fault !== undefined) {
      this.#call?.abort()
      this.fail(new Error(`the answer of the origin cannot be forwarded: ${fault} is not valid`))
      return
    }
    const base = this.#base
    const responseAt = settings.now()
    if (base !== undefined && status === 304) {
      // RFC 9111 4.3.4: a 304 about something else updates nothing.
      if (confirms(fields, base) || !upstream.isRepeatable) this.#confirm(base, fields, responseAt)
      else this.#askAgain()
      return
    }
    if (this.#begun !== undefined && status === 206) {
      this.#complete(this.#begun, fields, responseAt)
      return
    }
    // RFC 5861 4.
    if (base !== undefined && isServerError(status) && mayServeOnError(base, responseAt, status, settings)) {
      this.#finish(undefined)
      this.#call?.abort()
      this.#tell({ kind: 'stale', answer: base })
      return
    }
    this.#arrive(status, reason, fields, responseAt)
  }

  /** Without conditions, since their result was unusable. */
  #askAgain(): void {
    this.#base = undefined
    this.#begun = undefined
    this.#call?.abort()
    this.#ask([])
  }

  /** RFC 9111 3.4: the stored beginning, and the rest as it arrives. */
  #complete({ meta, bytes }: Piece, fields: RawFields, responseAt: number): void {
    const whole = completedFields(meta, bytes.length, fields, responseAt)
    if (whole === undefined) {
      this.#askAgain()
      return
    }
    this.#arrive(200, 'OK', whole, responseAt)
    this.#arrival?.write(bytes)
  }

  #arrive(status: number, reason: string, fields: RawFields, responseAt: number): void {
    const { asked, settings, mayStore, isStoredAs } = this.#options
    this.#status = status
    this.#declared = declaredLength(fields)
    const tooLong = this.#declared !== undefined && this.#declared > settings.maxBodyBytes
    const isAmbiguous = this.#declared === INVALID_LENGTH
    const refusal = !mayStore
      ? 'bypass'
      : isAmbiguous
        ? 'length'
        : tooLong
          ? 'too-large'
          : (refusalOf(asked.facts, status, fields, responseAt, settings) ??
            (isStoredAs?.(fields) === false ? 'method' : undefined))
    const meta =
      refusal === undefined
        ? answerOf(
            { status, reason, fields, requestAt: this.#requestAt, responseAt, origin: asked.facts.get('origin') },
            settings,
          )
        : undefined
    this.#meta = meta
    const arrival = new Arrival({
      keepBytes: refusal === undefined ? settings.maxBodyBytes : 0,
      onDrain: () => this.#call?.resume(),
      onDeserted: () => this.#desert(),
    })
    this.#arrival = arrival
    this.#whenJudged(meta, (isOutdated) => {
      const told = isOutdated ? forNoCdn(fields) : fields
      const readersCome = this.#tell({ kind: 'arrived', status, reason, fields: told, arrival, meta, refusal })
      // Something else may be sent in its place (a 304), so that it is not read.
      if (readersCome === undefined) arrival.release()
      else void readersCome.then(() => arrival.release())
    })
  }

  #confirm(base: StoredAnswer, fields: RawFields, responseAt: number): void {
    const { asked, settings } = this.#options
    const exchanged = { requestAt: this.#requestAt, responseAt }
    const { meta, refusal, leavesStored } = freshened(base, asked.facts, fields, exchanged, settings)
    const { text, encoding, bodyId, pieces, length } = base
    const answer: StoredAnswer = { ...meta, id: this.#id, text, encoding, bodyId, pieces, length }
    const told = { kind: 'confirmed', answer, refusal } as const
    if (refusal === undefined) {
      this.#finish(this.#store.keepPieces(this.#primary, answer).then(() => answer))
      this.#whenJudged(meta, (isOutdated) => {
        this.#tell(isOutdated ? { ...told, answer: { ...answer, fields: forNoCdn(answer.fields) } } : told)
      })
      return
    }
    // The origin has revoked the stored head: it is not served any more once this answer has been sent.
    const forgotten = leavesStored ? Promise.resolve() : this.#store.forget(this.#primary, base)
    this.#finish(forgotten.then(() => undefined))
    const tell = (): void => void this.#tell(told)
    forgotten.then(tell, tell)
  }

  #tell(outcome: Outcome): Promise<void> | undefined {
    if (this.#isTold) return undefined
    this.#isTold = true
    return this.#options.onOutcome(outcome)
  }

  /**
   * Before the head of what is stored leaves, the ledger is asked: where it is shared, another process may have
   * invalidated it on its way.
   */
  #whenJudged(meta: AnswerMeta | undefined, go: (isOutdated: boolean) => void): void {
    const judged = meta === undefined ? false : (this.#options.isOutdated?.(meta) ?? false)
    if (typeof judged === 'boolean') go(judged)
    else judged.then(go, () => go(true))
  }

  write(chunk: Buffer): boolean {
    const arrival = this.#arrival
    if (this.#isOver || arrival === undefined) return true
    const left = this.#declared === undefined || this.#isBodiless() ? chunk.length : this.#declared - arrival.bytes
    if (chunk.length <= left) return arrival.write(chunk)
    // RFC 9112 6.3: excess bytes would be taken for the beginning of the next answer.
    arrival.write(chunk.subarray(0, left))
    this.#call?.abort()
    this.fail(new Error('the content is longer than Content-Length says'))
    return true
  }

  end(trailers?: RawFields): void {
    const arrival = this.#arrival
    if (this.#isOver || arrival === undefined) return
    if (this.#declared !== undefined && !this.#isBodiless() && arrival.bytes !== this.#declared) {
      this.fail(new Error('the content is not as long as Content-Length says'))
      return
    }
    arrival.end(trailers)
    const meta = this.#meta
    if (meta === undefined || !arrival.isWhole) this.#finish(undefined)
    else this.#finish(this.#keep(withLength(meta, arrival.bytes), arrival))
  }

  #keep(meta: AnswerMeta, { chunks, bytes }: Arrival): Promise<StoredAnswer> {
    const { asked, settings } = this.#options
    if (meta.part === undefined) return this.#store.keepBody(this.#primary, this.#id, meta, chunks, bytes)
    return this.#store.keepPart(
      this.#primary,
      asked.facts,
      this.#id,
      { meta, bytes: Buffer.concat(chunks) },
      settings.maxBodyBytes,
    )
  }

  /** RFC 9110 8.6: a length that says how long the content would be. */
  #isBodiless(): boolean {
    return this.#options.asked.facts.method === 'HEAD' || this.#status === 204 || this.#status === 304
  }

  fail(error: unknown): void {
    if (this.#isOver) return
    const { settings } = this.#options
    this.#arrival?.fail()
    if (this.#base !== undefined && mayServeOnError(this.#base, settings.now(), undefined, settings))
      this.#tell({ kind: 'stale', answer: this.#base })
    else this.#tell({ kind: 'failed', error })
    this.#finish(undefined)
  }

  /** No client waits any more: a body for the store is completed below a limit, others are cut off. */
  #desert(): void {
    if (this.#isOver) return
    const { settings } = this.#options
    const arrival = this.#arrival
    const isShort = (this.#declared ?? arrival?.bytes ?? 0) <= settings.finishBytes
    if (this.#meta !== undefined && isShort) return
    this.#call?.abort()
    arrival?.fail()
    this.#finish(undefined)
  }

  #finish(kept: Promise<StoredAnswer | undefined> | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#resolve(kept)
  }
}

const INVALID_LENGTH = -1

/** `INVALID_LENGTH` for an invalid length, or several that differ (RFC 9112 6.3). */
function declaredLength(fields: RawFields): number | undefined {
  const lines = fieldLines(fields, 'content-length')
  if (lines.length === 0) return undefined
  const first = lines[0] as string
  return lines.every((line) => line === first) && /^\d{1,15}$/.test(first) ? Number(first) : INVALID_LENGTH
}

/** For this client, and not for CDNs to store (RFC 9213). */
function forNoCdn(fields: RawFields): string[] {
  return [...withoutFields(fields, (name) => name === 'cdn-cache-control'), 'CDN-Cache-Control', 'no-store']
}

/** Answers from the store always state their length. */
function withLength(meta: AnswerMeta, length: number): AnswerMeta {
  if (meta.status === 204 || firstLine(meta.fields, 'content-length') !== undefined) return meta
  return { ...meta, fields: [...meta.fields, 'Content-Length', String(length)] }
}
