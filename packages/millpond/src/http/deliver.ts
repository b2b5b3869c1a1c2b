// Sending a stored answer: whole, a range of it, or the news that the client has it already.
import type { Asked, Reply } from './exchange.ts'
import { ageMs } from './rules/answer.ts'
import { type RawFields, withoutFields } from './rules/fields.ts'
import { askedRange, type Slice, sliceFor } from './rules/range.ts'
import { ASKS } from './rules/request.ts'
import { isNotModified, notModifiedFields, rangeApplies } from './rules/validation.ts'
import type { HttpStore, StoredAnswer } from './store.ts'

export interface Delivery {
  readonly store: HttpStore
  readonly primary: string
  readonly now: number
  /** The member of `Cache-Status`, or `undefined` where none is sent. */
  readonly status: string | undefined
}

/** Whether this answer can answer the request's range, if it has one. */
export function canAnswer(asked: Asked, answer: StoredAnswer): boolean {
  if (answer.part !== undefined) return asked.facts.method === 'GET' && sliceOf(asked, answer) !== undefined
  return true
}

/** `undefined`: the whole answer is meant. */
function sliceOf({ facts }: Asked, answer: StoredAnswer): Slice | 'unsatisfiable' | undefined {
  // RFC 9110 14.2: only GET has ranges; several at once may be answered by the whole.
  if (!facts.has(ASKS.range) || facts.method !== 'GET' || (answer.status !== 200 && answer.part === undefined)) return undefined
  const range = askedRange(facts.get('range'))
  if (range === undefined || range === 'several' || !rangeApplies(facts, answer)) return undefined
  return sliceFor(range, answer.length, answer.part)
}

/** Sends at once where the body lies beside its head. Resolves with `false` where the body is not there any more, and nothing was sent. */
export function deliver(asked: Asked, answer: StoredAnswer, reply: Reply, delivery: Delivery): true | Promise<boolean> {
  const { facts } = asked
  const fields = headOf(answer, delivery.now, delivery.status)
  if (facts.has(ASKS.condition) && isNotModified(facts, answer)) {
    reply.send(304, 'Not Modified', notModifiedFields(fields), undefined, 'latin1')
    return true
  }
  const slice = facts.has(ASKS.range) ? sliceOf(asked, answer) : undefined
  if (slice === 'unsatisfiable') {
    const kept = withoutFields(fields, (name) => name === 'content-length' || name === 'content-type')
    reply.send(
      416,
      'Range Not Satisfiable',
      [...kept, 'Content-Range', `bytes */${answer.length}`, 'Content-Length', '0'],
      undefined,
      'latin1',
    )
    return true
  }
  const head = slice === undefined ? fields : slicedFields(fields, slice)
  const status = slice === undefined ? answer.status : 206
  const reason = slice === undefined ? answer.reason : 'Partial Content'
  if (facts.method === 'HEAD' || answer.length === 0) {
    reply.send(status, reason, head, undefined, 'latin1')
    return true
  }
  if (answer.text === undefined) return deliverPieces(answer, reply, delivery, status, reason, head, slice)
  if (slice === undefined) reply.send(status, reason, head, answer.text, answer.encoding)
  else reply.send(status, reason, head, Buffer.from(answer.text, answer.encoding).subarray(slice.from, slice.to), 'latin1')
  return true
}

/** A head as it is sent during one second: a popular answer is sent thousands of times within it. */
interface Head {
  readonly age: number
  readonly status: string | undefined
  readonly fields: string[]
}

const heads = new WeakMap<StoredAnswer, Head>()

/** The stored head with its age (RFC 9111 5.1). Shared: not to be changed. */
function headOf(answer: StoredAnswer, now: number, status: string | undefined): string[] {
  const age = Math.floor(ageMs(answer, now) / 1000)
  const known = heads.get(answer)
  if (known !== undefined && known.age === age && known.status === status) return known.fields
  const fields = answer.fields.slice()
  fields.push('Age', String(age))
  if (status !== undefined) addStatus(fields, status)
  heads.set(answer, { age, status, fields })
  return fields
}

/** RFC 9211 2: ours comes last, in the same list. */
export function addStatus(fields: string[], status: string): void {
  fields.push('Cache-Status', status)
}

function slicedFields(fields: RawFields, slice: Slice): string[] {
  const kept = withoutFields(fields, (name) => name === 'content-length' || name === 'content-range')
  return [...kept, 'Content-Length', String(slice.to - slice.from), 'Content-Range', slice.contentRange]
}

async function deliverPieces(
  answer: StoredAnswer,
  reply: Reply,
  { store, primary }: Delivery,
  status: number,
  reason: string,
  head: string[],
  slice: Slice | undefined,
): Promise<boolean> {
  const from = slice?.from ?? 0
  const to = slice?.to ?? answer.length
  const first = Math.floor(from / store.pieceBytes)
  const last = Math.floor((to - 1) / store.pieceBytes)
  let drained: (() => Promise<void>) | undefined
  for (let at = first; at <= last; at++) {
    const piece = await store.piece(primary, answer, at)
    if (piece === undefined) {
      await store.forget(primary, answer)
      if (at === first) return false
      // The head is out: the client must not take what it has for the whole.
      reply.cut()
      return true
    }
    if (!reply.isOpen) return true
    if (at === first && !isWhole(piece, answer, at, store.pieceBytes)) return false
    if (at === first) reply.start(status, reason, head)
    const start = at === first ? from - at * store.pieceBytes : 0
    const end = at === last ? to - at * store.pieceBytes : piece.length
    if (reply.write(piece.subarray(start, end)) || at === last || !reply.isOpen) continue
    drained ??= drainOf(reply)
    await drained()
  }
  reply.end()
  return true
}

const isWhole = (piece: Buffer, answer: StoredAnswer, at: number, size: number): boolean =>
  piece.length === Math.min(size, answer.length - at * size)

/** Waits, as often as it is called, until the client takes more or has left. */
function drainOf(reply: Reply): () => Promise<void> {
  let wake = (): void => {}
  reply.onDrain(() => wake())
  reply.onClose(() => wake())
  return () =>
    new Promise((resolve) => {
      wake = resolve
    })
}
