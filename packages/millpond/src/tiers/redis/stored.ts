// An entry as Redis holds it: `<epoch>:<number>:<deadline>\n` and the body. The position stands first so that a script can put it there.
import type { Stored } from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'

/** Beyond what a Date can say: never. */
const LAST_INSTANT = 8.64e15
const LONGEST_HEAD = 120
const HEAD = /^([\w-]{1,64}):(\d{1,16}):(\d{1,16})?$/
const NEWLINE = 10

/** The deadline and the body: what a script completes with a position. An absent deadline is never. */
export function tailOf(body: Uint8Array, expiresAt: number): Buffer {
  const head = expiresAt > LAST_INSTANT ? '\n' : `${Math.ceil(expiresAt)}\n`
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, 'latin1')
  bytes.set(body, head.length)
  return bytes
}

export function store(asOf: Position, body: Uint8Array, expiresAt: number): Buffer {
  const head = `${asOf.epoch}:${asOf.seq}:${expiresAt > LAST_INSTANT ? '' : Math.ceil(expiresAt)}\n`
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, 'latin1')
  bytes.set(body, head.length)
  return bytes
}

/** Undefined for bytes that are not ours or damaged, and for what has expired. */
export function restore(bytes: unknown, now: number): Stored | undefined {
  if (!(bytes instanceof Uint8Array)) return undefined
  const end = bytes.subarray(0, LONGEST_HEAD).indexOf(NEWLINE)
  if (end < 0) return undefined
  const match = HEAD.exec(Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1'))
  const [, epoch, seq, deadline] = match ?? []
  if (epoch === undefined || seq === undefined) return undefined
  const expiresAt = deadline === undefined ? Number.POSITIVE_INFINITY : Number(deadline)
  return expiresAt <= now ? undefined : { asOf: { epoch, seq: Number(seq) }, expiresAt, body: bytes.subarray(end + 1) }
}

/** Milliseconds to live as the scripts take them: '' for ever, '0' for gone already. */
export function timeToLive(expiresAt: number, now: number): string {
  if (expiresAt > LAST_INSTANT) return ''
  return String(Math.max(0, Math.ceil(expiresAt - now)))
}
