// The read-your-writes token: the position in each namespace's ledger that its bearer has seen. It grants nothing; it
// only requests reads that are not older.
//
// Bytes: version 1, count, then per namespace its name, its epoch (both: length, UTF-8) and its number (LEB128); with a
// key, 16 bytes of HMAC-SHA256. The whole in base64url. What a client sends is untrusted: an unreadable token is
// treated like none.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { checkedElsewhere, checkOptions, type Shape } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Position } from '../core/ledger.ts'

export type Positions = ReadonlyMap<string, Position>

export interface TokenOptions {
  /** Signs and verifies: a client then cannot request positions that were never reached. At least 16 bytes. */
  readonly key?: string | Uint8Array | undefined
}

export const TOKEN: Shape<TokenOptions> = { key: checkedElsewhere } // validated where it is used, and never shown

/** The longest token, in characters: a cookie holds 4096 including its name and attributes. */
export const MAX_TOKEN_LENGTH = 3500
/** The most namespaces in one token. */
export const MAX_TOKEN_NAMESPACES = 32

const VERSION = 1
const MAX_TEXT_BYTES = 255
const MAC_BYTES = 16

/**
 * A token of the positions that a reader must have seen.
 * @throws MillpondError `OPTION_INVALID` for more than 32 namespaces, or names that are too long.
 */
export function encodeToken(positions: Positions, options: TokenOptions = {}): string {
  checkOptions<TokenOptions>(options, TOKEN, 'token')
  if (positions.size > MAX_TOKEN_NAMESPACES) {
    throw new MillpondError(
      'OPTION_INVALID',
      `${positions.size} namespaces do not fit into a token (at most ${MAX_TOKEN_NAMESPACES}): keep the latest (mergePositions does)`,
    )
  }
  const bytes: number[] = [VERSION, positions.size]
  for (const [namespace, { epoch, seq }] of positions) {
    pushText(bytes, namespace, 'namespace')
    pushText(bytes, epoch, 'epoch')
    pushNumber(bytes, seq)
  }
  const body = Uint8Array.from(bytes)
  const whole = options.key === undefined ? body : Buffer.concat([body, mac(options.key, body)])
  const token = Buffer.from(whole).toString('base64url')
  if (token.length > MAX_TOKEN_LENGTH)
    throw new MillpondError(
      'OPTION_INVALID',
      `the token has ${token.length} characters (at most ${MAX_TOKEN_LENGTH}): use shorter or fewer namespaces`,
    )
  return token
}

/** The positions, or `undefined` for a token that is damaged, foreign, forged or too long. Never throws. */
export function decodeToken(token: unknown, options: TokenOptions = {}): Positions | undefined {
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) return undefined
  const whole = Buffer.from(token, 'base64url')
  // One encoding per token: the decoder ignores invalid characters.
  if (whole.toString('base64url') !== token) return undefined
  if (options.key === undefined) return parse(whole)
  if (whole.length <= MAC_BYTES) return undefined
  const body = whole.subarray(0, -MAC_BYTES)
  return timingSafeEqual(mac(options.key, body), whole.subarray(-MAC_BYTES)) ? parse(body) : undefined
}

/**
 * Both merged, the later position of each namespace; of two epochs the second's. At most `MAX_TOKEN_NAMESPACES`, the
 * last named ones.
 */
export function mergePositions(before: Positions, after: Positions): Positions {
  const merged = new Map(before)
  for (const [namespace, position] of after) {
    const known = merged.get(namespace)
    merged.delete(namespace)
    merged.set(
      namespace,
      known !== undefined && known.epoch === position.epoch && known.seq > position.seq ? known : position,
    )
  }
  for (const namespace of merged.keys()) {
    if (merged.size <= MAX_TOKEN_NAMESPACES) break
    merged.delete(namespace)
  }
  return merged
}

function parse(bytes: Uint8Array): Positions | undefined {
  const reader = { bytes, at: 2 }
  const count = bytes[1] ?? 0
  if (bytes[0] !== VERSION || count > MAX_TOKEN_NAMESPACES) return undefined
  const positions = new Map<string, Position>()
  for (let i = 0; i < count; i++) {
    const namespace = readText(reader)
    const epoch = readText(reader)
    const seq = readNumber(reader)
    if (namespace === undefined || epoch === undefined || seq === undefined || positions.has(namespace))
      return undefined
    positions.set(namespace, { epoch, seq })
  }
  return reader.at === bytes.length ? positions : undefined
}

interface Reader {
  readonly bytes: Uint8Array
  at: number
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readText(reader: Reader): string | undefined {
  const length = reader.bytes[reader.at]
  if (length === undefined || reader.at + 1 + length > reader.bytes.length) return undefined
  const from = reader.at + 1
  reader.at = from + length
  try {
    return strict.decode(reader.bytes.subarray(from, reader.at))
  } catch {
    return undefined
  }
}

function readNumber(reader: Reader): number | undefined {
  let value = 0
  let factor = 1
  for (let i = 0; i < 8; i++) {
    const byte = reader.bytes[reader.at++]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return Number.isSafeInteger(value) && (byte > 0 || i === 0) ? value : undefined
    factor *= 128
  }
  return undefined
}

function pushText(bytes: number[], text: string, what: string): void {
  const encoded = Buffer.from(text, 'utf8')
  if (encoded.length > MAX_TEXT_BYTES || !text.isWellFormed()) {
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}: ${show(text)} does not fit into a token: use at most ${MAX_TEXT_BYTES} bytes of well-formed text`,
    )
  }
  bytes.push(encoded.length, ...encoded)
}

function pushNumber(bytes: number[], seq: number): void {
  if (!Number.isSafeInteger(seq) || seq < 0)
    throw new MillpondError('OPTION_INVALID', `seq: ${show(seq)} is not a ledger number`)
  let rest = seq
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

function mac(key: string | Uint8Array, body: Uint8Array): Buffer {
  const bytes: unknown = typeof key === 'string' ? Buffer.from(key, 'utf8') : key
  if (!(bytes instanceof Uint8Array) || bytes.length < 16)
    throw new MillpondError('OPTION_INVALID', 'token key: too short or not a key: give a string or bytes, at least 16')
  return createHmac('sha256', bytes).update('millpond token 1\0').update(body).digest().subarray(0, MAC_BYTES)
}
