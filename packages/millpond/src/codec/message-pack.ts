// MessagePack as a value format: what JSON keeps, in fewer bytes and in less time, by the package msgpackr.
//
// The package changes some things in silence: lone surrogates become replacement characters, now or when they are read, and a field `__proto__` gets another name. Both leave a trace in the
// bytes, which is looked for; such a value is written as JSON instead, and so is whatever the package fails on. What JSON cannot say goes through the escape form first.
import { MillpondError } from '../core/errors.ts'
import { isNotInstalled, loadPackage } from '../core/packages.ts'
import { escapeValue } from './escape.ts'
import type { Read, ValueFormat, Written } from './format.ts'
import { jsonFormat } from './json-format.ts'
import type { CodecLimits } from './limits.ts'
import { messagePackExcess } from './message-pack-scan.ts'
import { isPlain } from './plain.ts'
import { revive, Unbelievable } from './revive.ts'

const NUMBER = { plain: 32, escaped: 33 } as const
// The escape form of one item is at most four items, of one level at most three levels.
const ESCAPED_ITEMS = 4
const ESCAPED_LEVELS = 3
/** U+FFFD, as UTF-8, and the name that is changed. */
const REPLACEMENT = Buffer.from('\ufffd')
/** What a surrogate's three bytes begin with; 0xa0 to 0xbf follows. */
const SURROGATE = 0xed
const PROTO = Buffer.from('__proto__')

interface Packer {
  pack(value: unknown): Buffer
  unpack(bytes: Uint8Array): unknown
}

let loaded: Packer | undefined

/** @throws MillpondError `OPTION_INVALID` where the package is not installed. */
function packer(): Packer {
  loaded ??= load()
  return loaded
}

function load(): Packer {
  try {
    const { Packr } = loadPackage('msgpackr') as { readonly Packr: new (options: object) => Packer }
    return new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: true })
  } catch (cause) {
    if (!isNotInstalled(cause)) throw cause
    throw new MillpondError(
      'OPTION_INVALID',
      "codec.format: 'messagepack' needs the package msgpackr: npm install msgpackr, or use 'json'",
      { cause },
    )
  }
}

/** Reads without the package nothing, and a value of it is a miss then. Keeps and refuses what `jsonFormat` does. */
export const messagePackFormat: ValueFormat = { name: 'messagepack', numbers: Object.values(NUMBER), write, read }

/** To be called when a codec is made, so that a package that is missing is told there. */
export function needMessagePack(): void {
  packer()
}

function write(value: unknown, key: string, limits: CodecLimits): Written {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return jsonFormat.write(value, key, limits)
  const isAsIs = isPlain(value, limits)
  const bytes = pack(isAsIs ? value : escapeValue(value, limits))
  return bytes === undefined ? jsonFormat.write(value, key, limits) : { number: isAsIs ? NUMBER.plain : NUMBER.escaped, bytes }
}

function pack(data: unknown): Buffer | undefined {
  try {
    const bytes = packer().pack(data)
    return bytes.includes(REPLACEMENT) || bytes.includes(PROTO) || hasSurrogate(bytes) ? undefined : bytes
  } catch {
    return undefined
  }
}

/** Short texts are written as they are: a surrogate as three bytes that UTF-8 does not know. Numbers may look the same, and are JSON then. */
function hasSurrogate(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(SURROGATE); at >= 0; at = bytes.indexOf(SURROGATE, at + 1))
    if (((bytes[at + 1] ?? 0) & 0xe0) === 0xa0) return true
  return false
}

function read(number: number, bytes: Buffer, from: number, to: number, limits: CodecLimits): Read {
  const { maxDepth, maxItems } = limits
  const isEscaped = number === NUMBER.escaped
  const bounds = isEscaped ? { maxDepth: maxDepth * ESCAPED_LEVELS, maxItems: (maxItems + 1) * ESCAPED_ITEMS } : limits
  const excess = messagePackExcess(bytes, from, to, bounds)
  if (excess !== undefined) return { rejected: excess }
  try {
    const data = packer().unpack(bytes.subarray(from, to))
    return { value: isEscaped ? revive(data, maxDepth) : data }
  } catch (error) {
    if (error instanceof MillpondError) return { rejected: 'format' }
    return { rejected: error instanceof Unbelievable ? error.rejection : 'malformed' }
  }
}
