// The bytes of a key in any accepted form.
import { MillpondError } from '../core/errors.ts'

/** 32 bytes, or the same as 64 hexadecimal digits or as base64. */
export type KeyBytes = Uint8Array | string

const KEY_BYTES = 32
const HEX = /^[0-9a-f]{64}$/i
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/

/**
 * A copy, since the caller may overwrite its bytes.
 * @param what the key's name in the message
 * @throws MillpondError `KEYRING_INVALID`
 */
export function keyBytes(what: string, given: unknown): Uint8Array {
  const bytes =
    given instanceof Uint8Array ? Uint8Array.from(given) : typeof given === 'string' ? fromText(given) : undefined
  if (bytes === undefined)
    throw invalid(`${what} is not bytes: give a Buffer of 32 bytes, or 32 bytes as hexadecimal or base64`)
  if (bytes.byteLength !== KEY_BYTES)
    throw invalid(`${what} has ${bytes.byteLength} bytes: give 32, such as randomBytes(32)`)
  return bytes
}

/** Only hexadecimal or base64 of 32 bytes: a password is not turned into a key. */
function fromText(text: string): Uint8Array | undefined {
  if (HEX.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'))
  return BASE64.test(text) ? Uint8Array.from(Buffer.from(text, 'base64')) : undefined
}

export function invalid(problem: string, source = 'the key ring'): MillpondError {
  return new MillpondError('KEYRING_INVALID', `${source}: ${problem}`)
}
