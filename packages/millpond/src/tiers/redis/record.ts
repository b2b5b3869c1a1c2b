// An entry as stored in Redis: `<epoch>:<number>:<check>:<deadline>\n` and the body, as `record-head.ts` reads it. The
// position comes first so that a script can add it; the check covers position and deadline, since the body's own
// checksum was made before the script gave it a position.
import type { Position } from '../../core/ledger.ts'
import { deadlineIn } from '../deadline.ts'
import { checkOf } from '../head-check.ts'

/** The deadline and the body, to which a script adds a position and a check. An absent deadline means never. */
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

/** Milliseconds to live as the scripts take them: '' for ever, '0' for expired already. */
export function timeToLive(expiresAt: number, now: number): string {
  return deadlineIn(expiresAt) === undefined ? '' : String(Math.max(0, Math.ceil(expiresAt - now)))
}
