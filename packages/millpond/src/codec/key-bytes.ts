// The bytes of a key, however they are written.
import { MillpondError } from '../core/errors.ts'

/** 32 bytes, or these as a text of 64 hexadecimal digits or of base64. */
export type KeyBytes = Uint8Array | string

const KEY_BYTES = 32
const HEX = /^[0-9a-f]{64}$/i
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/

/**
 * A copy, since whoever gave the bytes may overwrite them.
 * @param what as the message calls it
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

/** What is neither hexadecimal nor base64 of 32 bytes is not made into a key: a password is not one. */
function fromText(text: string): Uint8Array | undefined {
  if (HEX.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'))
  return BASE64.test(text) ? Uint8Array.from(Buffer.from(text, 'base64')) : undefined
}

export function invalid(problem: string, source = 'the key ring'): MillpondError {
  return new MillpondError('KEYRING_INVALID', `${source}: ${problem}`)
}
