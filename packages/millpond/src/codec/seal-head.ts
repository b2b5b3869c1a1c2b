// The header of an encrypted value: plaintext, but authenticated.
//
//   0  1               version
//   1  flags           1: padded; 2: of a write, with a stamp
//   2  length of key id, and the key id
//      salt            16 bytes, from which the key was derived
//      count           uint32, big-endian: the nonce
//      number          float64: of the position at which it was encrypted
//      length of epoch, and the epoch; for a write, length of stamp, and the stamp
import type { Sealed } from '../core/contracts.ts'

export const SALT_BYTES = 16
export const TAG_BYTES = 16
const VERSION = 1
const PADDED = 1
const STAMPED = 2
const MAX_TEXT = 255

export interface SealHead {
  readonly keyId: string
  readonly salt: Uint8Array
  readonly count: number
  readonly isPadded: boolean
  readonly sealed: Sealed
}

/** @throws RangeError for texts that are too long, which cannot happen with valid input. */
export function writeSealHead({ keyId, salt, count, isPadded, sealed }: SealHead): Buffer {
  const { asOf, stamp } = sealed
  const id = textBytes(keyId)
  const epoch = textBytes(asOf.epoch)
  const mark = stamp === undefined ? undefined : textBytes(stamp)
  const head = Buffer.alloc(2 + id.length + SALT_BYTES + 4 + 8 + epoch.length + (mark?.length ?? 0))
  head[0] = VERSION
  head[1] = (isPadded ? PADDED : 0) | (mark === undefined ? 0 : STAMPED)
  let at = 2 + id.copy(head, 2)
  head.set(salt, at)
  at = head.writeUInt32BE(count, at + SALT_BYTES)
  at = head.writeDoubleBE(asOf.seq, at)
  at += epoch.copy(head, at)
  mark?.copy(head, at)
  return head
}

/** The text's bytes, preceded by their length. */
export function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length > MAX_TEXT) throw new RangeError('a text of a seal is longer than 255 bytes')
  return Buffer.concat([Uint8Array.of(bytes.length), bytes])
}

/** The header, and its end; undefined if it is invalid. */
export function readSealHead(bytes: Buffer): { readonly head: SealHead; readonly end: number } | undefined {
  const flags = bytes[1] ?? 0
  if (bytes[0] !== VERSION || flags > (PADDED | STAMPED)) return undefined
  const id = textAt(bytes, 2)
  if (id === undefined || id.end + SALT_BYTES + 12 > bytes.length) return undefined
  const salt = bytes.subarray(id.end, id.end + SALT_BYTES)
  const count = bytes.readUInt32BE(id.end + SALT_BYTES)
  const seq = bytes.readDoubleBE(id.end + SALT_BYTES + 4)
  const epoch = textAt(bytes, id.end + SALT_BYTES + 12)
  const stamp = epoch === undefined || (flags & STAMPED) === 0 ? undefined : textAt(bytes, epoch.end)
  if (epoch === undefined || ((flags & STAMPED) !== 0 && stamp === undefined) || !Number.isSafeInteger(seq))
    return undefined
  const sealed = { asOf: { epoch: epoch.text, seq }, ...(stamp === undefined ? undefined : { stamp: stamp.text }) }
  return { head: { keyId: id.text, salt, count, isPadded: (flags & PADDED) !== 0, sealed }, end: (stamp ?? epoch).end }
}

function textAt(bytes: Buffer, at: number): { readonly text: string; readonly end: number } | undefined {
  const end = at + 1 + (bytes[at] ?? MAX_TEXT)
  return end > bytes.length ? undefined : { text: bytes.toString('utf8', at + 1, end), end }
}
