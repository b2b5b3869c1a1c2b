// An entry as Redis holds it: `<epoch>:<number>:<check>:<deadline>\n` and the body. The position stands first so that a script can put it there; the check is over
// position and deadline (`<epoch>:<number>:<deadline>`), since the body's own checksum was made before the script gave it a position.
import type { Stored } from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'
import { deadlineIn } from '../deadline.ts'
import { checkOf, checkOfBytes } from '../head-check.ts'

const LONGEST_EPOCH = 64
const EPOCH = /^[\w-]+$/
const NEWLINE = 10
const COLON = 58

/** The deadline and the body: what a script completes with a position and a check. An absent deadline is never. */
export function tailOf(body: Uint8Array, expiresAt: number): Buffer {
  return under(`${deadlineOf(expiresAt)}\n`, body)
}

export function store({ epoch, seq }: Position, body: Uint8Array, expiresAt: number): Buffer {
  const position = `${epoch}:${seq}:`
  const deadline = deadlineOf(expiresAt)
  return under(`${position}${checkOf(deadline, checkOf(position))}:${deadline}\n`, body)
}

const deadlineOf = (expiresAt: number): string => deadlineIn(expiresAt)?.toString() ?? ''

function under(head: string, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, 'latin1')
  bytes.set(body, head.length)
  return bytes
}

/** Undefined for bytes that are not ours or damaged, and for what has expired. */
export function restore(bytes: unknown, now: number): Stored | undefined {
  if (!Buffer.isBuffer(bytes)) return undefined
  const epochEnd = bytes.indexOf(COLON)
  if (epochEnd < 1 || epochEnd > LONGEST_EPOCH) return undefined
  const seqEnd = digitsEnd(bytes, epochEnd + 1)
  if (seqEnd === epochEnd + 1 || bytes[seqEnd] !== COLON) return undefined
  const checkEnd = digitsEnd(bytes, seqEnd + 1)
  if (checkEnd === seqEnd + 1 || bytes[checkEnd] !== COLON) return undefined
  const headEnd = digitsEnd(bytes, checkEnd + 1)
  if (bytes[headEnd] !== NEWLINE) return undefined
  const check = checkOfBytes(bytes, checkEnd + 1, headEnd, checkOfBytes(bytes, 0, seqEnd + 1))
  if (check !== numberAt(bytes, seqEnd + 1, checkEnd)) return undefined
  const expiresAt = headEnd === checkEnd + 1 ? Number.POSITIVE_INFINITY : numberAt(bytes, checkEnd + 1, headEnd)
  if (expiresAt <= now) return undefined
  const epoch = bytes.toString('latin1', 0, epochEnd)
  if (!EPOCH.test(epoch)) return undefined
  return { asOf: { epoch, seq: numberAt(bytes, epochEnd + 1, seqEnd) }, expiresAt, body: bytes.subarray(headEnd + 1) }
}

/** At most 16: what a number can hold exactly. */
function digitsEnd(bytes: Buffer, start: number): number {
  let at = start
  while (at < start + 16 && isDigit(bytes[at])) at++
  return at
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57

function numberAt(bytes: Buffer, start: number, end: number): number {
  let number = 0
  for (let at = start; at < end; at++) number = number * 10 + (bytes[at] ?? 48) - 48
  return number
}

/** Milliseconds to live as the scripts take them: '' for ever, '0' for gone already. */
export function timeToLive(expiresAt: number, now: number): string {
  return deadlineIn(expiresAt) === undefined ? '' : String(Math.max(0, Math.ceil(expiresAt - now)))
}
