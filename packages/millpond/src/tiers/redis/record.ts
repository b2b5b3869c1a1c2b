// An entry as stored in Redis: `<epoch>:<number>:<check>:<deadline>\n` and the body, as `record-head.ts` reads it. The
// position comes first so that a script can add it; the check covers position and deadline, since the body's own
// checksum was made before the script gave it a position.
import type { Position } from '../../core/ledger.ts'
import { deadlineIn } from '../deadline.ts'
import { checkOf } from '../head-check.ts'

export function store({ epoch, seq }: Position, body: Uint8Array, expiresAt: number): Buffer {
  const position = `${epoch}:${seq}:`
  const deadline = deadlineOf(expiresAt)
  return under(`${position}${checkOf(deadline, checkOf(position))}:${deadline}\n`, body)
}

/** An absent deadline means never. */
export const deadlineOf = (expiresAt: number): string => deadlineIn(expiresAt)?.toString() ?? ''

function under(head: string, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, 'latin1')
  bytes.set(body, head.length)
  return bytes
}

/** The same bytes: a codec may return any view. */
export const asBuffer = (body: Uint8Array): Buffer =>
  Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)

/** Milliseconds to live as the scripts take them: '' for ever, '0' for expired already. */
export function timeToLive(expiresAt: number, now: number): string {
  return deadlineIn(expiresAt) === undefined ? '' : String(Math.max(0, Math.ceil(expiresAt - now)))
}
