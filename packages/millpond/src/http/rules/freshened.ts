// The effect of a 304, or of the answer to a HEAD, on a stored answer (RFC 9111 4.3.4, 4.3.5): the same bytes with
// another head, if that may be stored.
import { type AnswerMeta, type AnswerOptions, answerOf } from './answer.ts'
import type { RawFields } from './fields.ts'
import { RequestFacts } from './request.ts'
import { type Refusal, refusalOf, type StoreOptions } from './storable.ts'
import { updatedFields } from './validation.ts'

export interface Freshened {
  readonly meta: AnswerMeta
  /** The reason against storing it. */
  readonly refusal: Refusal | undefined
  /**
   * Whether the stored answer may still be used as it was: the reason applies only to this request, or to what only its
   * client got.
   */
  readonly leavesStored: boolean
}

/** When the request was sent, and when its answer arrived. */
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
  // A HEAD is not stored, but its fields apply to the answer to a GET.
  const asGet = request.method === 'HEAD' ? new RequestFacts('GET', request.fields, request.codings) : request
  const refusal = refusalOf(asGet, stored.status, fields, responseAt, options)
  return { meta, refusal, leavesStored: refusal === undefined || OF_ONE_CLIENT.has(refusal) }
}
