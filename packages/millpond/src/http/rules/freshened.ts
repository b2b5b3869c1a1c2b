// What a 304, or the answer to a HEAD, makes of a stored answer (RFC 9111 4.3.4, 4.3.5): the same bytes under another
// head, if that may be stored.
import { type AnswerMeta, type AnswerOptions, answerOf } from './answer.ts'
import type { RawFields } from './fields.ts'
import { RequestFacts } from './request.ts'
import { type Refusal, refusalOf, type StoreOptions } from './storable.ts'
import { updatedFields } from './validation.ts'

export interface Freshened {
  readonly meta: AnswerMeta
  /** What forbids storing it. */
  readonly refusal: Refusal | undefined
  /**
   * Whether the stored answer may be used on as it was: the refusal is about this one request, or about what only its
   * client was given.
   */
  readonly leavesStored: boolean
}

/** When the question was put, and when its answer came. */
export interface Exchanged {
  readonly requestAt: number
  readonly responseAt: number
}

const OF_ONE_CLIENT: ReadonlySet<Refusal> = new Set<Refusal>(['request-no-store', 'set-cookie'])

export function freshened(
  stored: AnswerMeta,
  request: RequestFacts,
  update: RawFields,
  { requestAt, responseAt }: Exchanged,
  options: AnswerOptions & StoreOptions,
): Freshened {
  const fields = updatedFields(stored.fields, update, responseAt)
  const meta = answerOf(
    { status: stored.status, reason: stored.reason, fields, requestAt, responseAt, origin: request.get('origin') },
    options,
  )
  // A HEAD is not stored, but what it says is about the answer to a GET.
  const asGet = request.method === 'HEAD' ? new RequestFacts('GET', request.fields, request.codings) : request
  const refusal = refusalOf(asGet, stored.status, fields, responseAt, options)
  return { meta, refusal, leavesStored: refusal === undefined || OF_ONE_CLIENT.has(refusal) }
}
