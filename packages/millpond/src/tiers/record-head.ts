// The head of a stored record, `<epoch>:<number>:<check>:<deadline>\n` in front of the body: as stored in Redis, and as
// SQLite returns a row. An empty deadline means never.
import type { Stored } from '../core/contracts.ts'
import { checkOf, withCharacter } from './head-check.ts'

const LONGEST_EPOCH = 64
const EPOCH = /^[\w-]+$/
const NEWLINE = 10
const COLON = 58
const ZERO = 48
/** The most digits that a number holds exactly. */
const MOST_DIGITS = 16

/** An epoch with its colon: the beginning of a record. */
interface Beginning {
  readonly bytes: Buffer
  readonly epoch: string
  readonly check: number
}

/** The beginning of the previous record: those of a namespace share it until its ledger begins a new epoch. */
let last: Beginning = beginningOf('-')

/**
 * Undefined for bytes that are not ours or damaged, and for expired records. A single pass over the head: this is most
 * of the cost of a read besides its client.
 */
export function restore(bytes: unknown, now: number): Stored | undefined {
  if (!Buffer.isBuffer(bytes)) return undefined
  const beginning = beginsWith(bytes, last.bytes) ? last : beginningIn(bytes)
  if (beginning === undefined) return undefined
  last = beginning
  const first = beginning.bytes.length
  let check = beginning.check
  let at = first
  let seq = 0
  for (let digit = digitAt(bytes, at); digit >= 0 && at < first + MOST_DIGITS; digit = digitAt(bytes, ++at)) {
    seq = seq * 10 + digit
    check = withCharacter(check, ZERO + digit)
  }
  if (at === first || bytes[at] !== COLON) return undefined
  check = withCharacter(check, COLON)
  const checkStart = ++at
  let given = 0
  for (let digit = digitAt(bytes, at); digit >= 0 && at < checkStart + MOST_DIGITS; digit = digitAt(bytes, ++at))
    given = given * 10 + digit
  if (at === checkStart || bytes[at] !== COLON) return undefined
  const deadlineStart = ++at
  let deadline = 0
  for (let digit = digitAt(bytes, at); digit >= 0 && at < deadlineStart + MOST_DIGITS; digit = digitAt(bytes, ++at)) {
    deadline = deadline * 10 + digit
    check = withCharacter(check, ZERO + digit)
  }
  if (bytes[at] !== NEWLINE || check !== given) return undefined
  const expiresAt = at === deadlineStart ? Number.POSITIVE_INFINITY : deadline
  if (expiresAt <= now) return undefined
  return { asOf: { epoch: beginning.epoch, seq }, expiresAt, body: bytes.subarray(at + 1) }
}

function beginsWith(bytes: Buffer, beginning: Buffer): boolean {
  for (let at = 0; at < beginning.length; at++) if (bytes[at] !== beginning[at]) return false
  return true
}

function beginningIn(bytes: Buffer): Beginning | undefined {
  const end = bytes.indexOf(COLON)
  if (end < 1 || end > LONGEST_EPOCH) return undefined
  const epoch = bytes.toString('latin1', 0, end)
  return EPOCH.test(epoch) ? beginningOf(epoch) : undefined
}

function beginningOf(epoch: string): Beginning {
  const text = `${epoch}:`
  return { bytes: Buffer.from(text, 'latin1'), epoch, check: checkOf(text) }
}

/** Negative: not a digit. */
function digitAt(bytes: Buffer, at: number): number {
  const digit = (bytes[at] ?? 0) - ZERO
  return digit <= 9 ? digit : -1
}
