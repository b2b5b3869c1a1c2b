// Sending a stored answer: in full, a range of it, or a 304.
import { type ClientRequest, type Head, KeptHead, type Reply } from './exchange.ts'
import { ageMs } from './rules/answer.ts'
import { withoutFields } from './rules/fields.ts'
import { askedRange, type Slice, sliceFor } from './rules/range.ts'
import { ASKS } from './rules/request.ts'
import { isNotModified, notModifiedFields, rangeApplies } from './rules/validation.ts'
import type { HttpStore, StoredAnswer } from './store.ts'

export interface Delivery {
  readonly store: HttpStore
  readonly primary: string
  readonly now: number
  /** The member of `Cache-Status`, or `undefined` if none is sent. */
  readonly told: string | undefined
}

/** Whether this answer can satisfy the request's range, if it has one. */
export function canAnswer(asked: ClientRequest, answer: StoredAnswer): boolean {
  if (answer.part !== undefined) return asked.facts.method === 'GET' && sliceOf(asked, answer) !== undefined
  return true
}

/** `undefined`: the whole answer. */
function sliceOf({ facts }: ClientRequest, answer: StoredAnswer): Slice | 'unsatisfiable' | undefined {
  // RFC 9110 14.2: only GET has ranges; several at once may be answered by the whole.
  if (!facts.has(ASKS.range) || facts.method !== 'GET' || (answer.status !== 200 && answer.part === undefined))
    return undefined
  const range = askedRange(facts.get('range'))
  if (range === undefined || range === 'several' || !rangeApplies(facts, answer)) return undefined
  return sliceFor(range, answer.length, answer.part)
}

/** Sends a stored answer whose body is in memory, at once. */
export function deliverNow(
  asked: ClientRequest,
  answer: StoredAnswer,
  body: string | Buffer,
  reply: Reply,
  now: number,
  told: string | undefined,
): void {
  const { facts } = asked
  const head = headOf(answer, now, told)
  const slice = facts.has(ASKS.range) ? sliceOf(asked, answer) : undefined
  if (isSentWithoutBody(asked, answer, reply, head, slice)) return
  const { encoding } = answer
  if (typeof slice === 'object')
    reply.send(slicedHead(head, slice), bytesOf(body, encoding).subarray(slice.from, slice.to), encoding)
  else reply.send(head, encoding === 'latin1' || head.isAscii ? body : bytesOf(body, encoding), encoding)
}

const bytesOf = (body: string | Buffer, encoding: BufferEncoding): Buffer =>
  typeof body === 'string' ? Buffer.from(body, encoding) : body

/** Sends a stored answer. Resolves with `false` if its body is gone, and nothing was sent. */
export function deliver(
  asked: ClientRequest,
  answer: StoredAnswer,
  reply: Reply,
  delivery: Delivery,
): true | Promise<boolean> {
  const { store, primary, now, told } = delivery
  const body = store.nearBody(primary, answer)
  if (body !== undefined) {
    deliverNow(asked, answer, body, reply, now, told)
    return true
  }
  const head = headOf(answer, now, told)
  const slice = asked.facts.has(ASKS.range) ? sliceOf(asked, answer) : undefined
  if (slice === 'unsatisfiable' || isSentWithoutBody(asked, answer, reply, head, slice)) return true
  return deliverPieces(answer, reply, delivery, slice === undefined ? head : slicedHead(head, slice), slice)
}

/** The client has it already, requests an unsatisfiable range, or only wants the head. */
function isSentWithoutBody(
  { facts }: ClientRequest,
  answer: StoredAnswer,
  reply: Reply,
  head: KeptHead,
  slice: Slice | 'unsatisfiable' | undefined,
): boolean {
  if (facts.has(ASKS.condition) && isNotModified(facts, answer))
    reply.send({ status: 304, reason: 'Not Modified', fields: notModifiedFields(head.fields) }, undefined, 'latin1')
  else if (slice === 'unsatisfiable') reply.send(unsatisfiable(head, answer), undefined, 'latin1')
  else if (facts.method === 'HEAD' || answer.length === 0) reply.send(head, undefined, 'latin1')
  else return false
  return true
}

const heads = new WeakMap<StoredAnswer, KeptHead>()

/** The stored head with its age (RFC 9111 5.1). */
function headOf(answer: StoredAnswer, now: number, told: string | undefined): KeptHead {
  const age = Math.floor(ageMs(answer, now) / 1000)
  const known = heads.get(answer)
  if (known !== undefined && known.age === age && known.told === told) return known
  const fields = answer.fields.slice()
  fields.push('Age', String(age))
  if (told !== undefined) addStatus(fields, told)
  const head = new KeptHead(answer.status, answer.reason, fields, age, told)
  heads.set(answer, head)
  return head
}

/** RFC 9211 2: ours comes last, in the same list. */
export function addStatus(fields: string[], status: string): void {
  fields.push('Cache-Status', status)
}

function unsatisfiable({ fields }: Head, { length }: StoredAnswer): Head {
  const kept = withoutFields(fields, (name) => name === 'content-length' || name === 'content-type')
  kept.push('Content-Range', `bytes */${length}`, 'Content-Length', '0')
  return { status: 416, reason: 'Range Not Satisfiable', fields: kept }
}

function slicedHead({ fields }: Head, { from, to, contentRange }: Slice): Head {
  const kept = withoutFields(fields, (name) => name === 'content-length' || name === 'content-range')
  kept.push('Content-Length', String(to - from), 'Content-Range', contentRange)
  return { status: 206, reason: 'Partial Content', fields: kept }
}

async function deliverPieces(
  answer: StoredAnswer,
  reply: Reply,
  { store, primary }: Delivery,
  head: Head,
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
      // The head is sent: the client must not take the part for the whole.
      reply.cut()
      return true
    }
    if (!reply.isOpen) return true
    if (at === first && !isWhole(piece, answer, at, store.pieceBytes)) return false
    if (at === first) reply.start(head)
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

/** Waits, each time it is called, until the client accepts more or has left. */
function drainOf(reply: Reply): () => Promise<void> {
  let wake = (): void => {}
  reply.onDrain(() => wake())
  reply.onClose(() => wake())
  return () =>
    new Promise((resolve) => {
      wake = resolve
    })
}
