// Combining parts of one representation (RFC 9111 3.4, RFC 9110 15.3.7.3): only with a strong validator that proves
// that they belong together.
import type { AnswerMeta } from './answer.ts'
import { etagOf, matchesStrongly } from './etag.ts'
import { firstLine, type RawFields, withoutFields } from './fields.ts'
import { contentRange } from './range.ts'
import { updatedFields } from './validation.ts'

/** Bytes of a representation, from `first` on, with their head. */
export interface Piece {
  readonly meta: AnswerMeta
  readonly bytes: Buffer
}

/** Both parts as one, or `undefined` if they are not known to be of one representation, or leave a gap. */
export function combine(stored: Piece, arrived: Piece, now: number): Piece | undefined {
  const [a, b] = [stored.meta.part, arrived.meta.part]
  if (a === undefined || b === undefined || a.total === undefined || a.total !== b.total) return undefined
  if (!isWhole(stored) || !isWhole(arrived) || !sameStrongTag(stored.meta.etag, arrived.meta.etag)) return undefined
  if (b.first > a.last + 1 || a.first > b.last + 1) return undefined
  const first = Math.min(a.first, b.first)
  const last = Math.max(a.last, b.last)
  const bytes = Buffer.alloc(last - first + 1)
  stored.bytes.copy(bytes, a.first - first)
  arrived.bytes.copy(bytes, b.first - first)
  const fields = withoutFields(updatedFields(stored.meta.fields, arrived.meta.fields, now), isAboutPart)
  const isComplete = bytes.length === a.total
  fields.push('Content-Length', String(bytes.length))
  if (!isComplete) fields.push('Content-Range', `bytes ${first}-${last}/${a.total}`)
  const kind = isComplete ? { status: 200, reason: 'OK', part: undefined } : { part: { first, last, total: a.total } }
  return { meta: { ...arrived.meta, ...kind, fields }, bytes }
}

/** Whether a stored part is the beginning of something that can be completed: the conditions to send, flat. */
export function completionOf({ part, etag }: AnswerMeta, length: number): string[] | undefined {
  if (part === undefined || part.first !== 0 || part.total === undefined || length !== part.last + 1) return undefined
  if (etag === undefined || !matchesStrongly(etag, etag)) return undefined
  return ['Range', `bytes=${length}-`, 'If-Range', etag]
}

/** The head of the whole, if a 206 continues the stored beginning; else `undefined`. */
export function completedFields(
  begun: AnswerMeta,
  length: number,
  fields: RawFields,
  now: number,
): string[] | undefined {
  const part = contentRange(firstLine(fields, 'content-range'))
  const total = begun.part?.total
  if (
    part === undefined ||
    total === undefined ||
    part.total !== total ||
    part.first !== length ||
    part.last !== total - 1
  )
    return undefined
  if (!sameStrongTag(begun.etag, etagOf(firstLine(fields, 'etag')))) return undefined
  return [...withoutFields(updatedFields(begun.fields, fields, now), isAboutPart), 'Content-Length', String(total)]
}

const isAboutPart = (name: string): boolean => name === 'content-length' || name === 'content-range'
const isWhole = ({ meta: { part }, bytes }: Piece): boolean =>
  part !== undefined && bytes.length === part.last - part.first + 1
const sameStrongTag = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && matchesStrongly(a, b)
