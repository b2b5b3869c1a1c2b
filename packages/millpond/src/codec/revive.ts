// Restores a value from the escape form (`escape.ts`). The input is parsed JSON from a shared tier, so it is not
// trusted.
import { MARK } from './escape.ts'
import type { Read } from './format.ts'
import type { CodecLimits } from './limits.ts'

/** Thrown for data that our encoders do not produce; `decode` treats it as a miss. */
export class DecodeError extends Error {
  readonly rejection: 'malformed' | 'too_deep' | 'too_many'
  constructor(rejection: 'malformed' | 'too_deep' | 'too_many', message: string) {
    super(message)
    this.rejection = rejection
  }
}

/** The value that was read in the escape form. */
export function reviveRead(read: Read, { maxDepth }: CodecLimits): Read {
  if ('rejected' in read) return read
  try {
    return { value: revive(read.value, maxDepth) }
  } catch (error) {
    return { rejected: error instanceof DecodeError ? error.rejection : 'malformed' }
  }
}

/**
 * Rebuilds a value, modifying the given data in place. Throws `DecodeError`. Knows a closed list of types: nothing is
 * constructed by name.
 */
export function revive(data: unknown, levels: number): unknown {
  if (typeof data !== 'object' || data === null) return data
  if (Object.hasOwn(data, MARK)) return reviveMarked(data as Record<string, unknown>, levels)
  if (levels === 0) throw new DecodeError('too_deep', 'nested too deep')
  return Array.isArray(data)
    ? reviveList(data, 0, levels - 1)
    : reviveFields(data as Record<string, unknown>, levels - 1)
}

function reviveList(list: unknown[], from: number, levels: number): unknown[] {
  for (let i = from; i < list.length; i++) {
    const item = list[i]
    if (typeof item === 'object' && item !== null) list[i] = revive(item, levels)
  }
  return list
}

function reviveFields(fields: Record<string, unknown>, levels: number): Record<string, unknown> {
  for (const name of Object.keys(fields)) {
    const item = fields[name]
    // The field exists as an own data property, even `__proto__`, so assignment reaches no setter.
    if (typeof item === 'object' && item !== null) fields[name] = revive(item, levels)
  }
  return fields
}

const WORDS: ReadonlyMap<unknown, unknown> = new Map<unknown, unknown>([
  ['undefined', undefined],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
])

function reviveMarked(data: Record<string, unknown>, levels: number): unknown {
  const mark = data[MARK]
  if (Object.keys(data).length !== 1) throw new DecodeError('malformed', 'a mark next to other fields')
  if (WORDS.has(mark)) return WORDS.get(mark)
  if (!Array.isArray(mark)) throw new DecodeError('malformed', 'an unknown mark')
  const kind: unknown = mark[0]
  if (kind === 'Map' || kind === 'Set') {
    if (levels === 0) throw new DecodeError('too_deep', 'nested too deep')
    const list = reviveList(mark, 1, levels - 1)
    return kind === 'Map' ? toMap(list) : toSet(list)
  }
  if (mark.length !== 2) throw new DecodeError('malformed', 'a mark of the wrong length')
  return kind === 'Object' || kind === 'null' ? reviveWrapped(kind, mark[1], levels) : reviveLeaf(kind, mark[1])
}

function reviveWrapped(kind: 'Object' | 'null', fields: unknown, levels: number): unknown {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw new DecodeError('malformed', 'fields were expected')
  if (levels === 0) throw new DecodeError('too_deep', 'nested too deep')
  const revived = reviveFields(fields as Record<string, unknown>, levels - 1)
  if (kind === 'Object') return revived
  const bare: Record<string, unknown> = Object.create(null)
  for (const name of Object.keys(revived)) bare[name] = revived[name]
  return bare
}

function toMap(list: unknown[]): Map<unknown, unknown> {
  if (list.length % 2 === 0) throw new DecodeError('malformed', 'a key without a value')
  const map = new Map<unknown, unknown>()
  for (let i = 1; i < list.length; i += 2) map.set(list[i], list[i + 1])
  return map
}

function toSet(list: unknown[]): Set<unknown> {
  const set = new Set<unknown>()
  for (let i = 1; i < list.length; i++) set.add(list[i])
  return set
}

type View = new (buffer: ArrayBuffer) => ArrayBufferView

const VIEWS: ReadonlyMap<unknown, { readonly make: View; readonly unit: number }> = new Map(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    // Only in newer Node versions.
    ...('Float16Array' in globalThis
      ? [(globalThis as unknown as { Float16Array: Float32ArrayConstructor }).Float16Array]
      : []),
  ].map((make) => [make.name, { make, unit: make.BYTES_PER_ELEMENT }]),
)

/**
 * Searches for a wrong digit: a pattern that matches all digits would keep a backtracking state for each of millions.
 */
const NOT_HEX = /[^0-9a-f]/
const LAST_TIME = 8.64e15

function reviveLeaf(kind: unknown, content: unknown): unknown {
  if (kind === 'Date') {
    if (content === null) return new Date(Number.NaN)
    if (!Number.isInteger(content) || Math.abs(Number(content)) > LAST_TIME)
      throw new DecodeError('malformed', 'no time')
    return new Date(Number(content))
  }
  if (typeof content !== 'string') throw new DecodeError('malformed', 'a string was expected')
  if (kind === 'BigInt') {
    const isNegative = content.startsWith('-')
    const digits = isNegative ? content.slice(1) : content
    if (digits === '' || NOT_HEX.test(digits)) throw new DecodeError('malformed', 'no number')
    const size = BigInt(`0x${digits}`)
    return isNegative ? -size : size
  }
  if (kind === 'Buffer') return fromBase64(content)
  const bytes = fromBase64(content)
  if (kind === 'ArrayBuffer') return bytes.buffer
  if (kind === 'DataView') return new DataView(bytes.buffer)
  const view = VIEWS.get(kind)
  if (view === undefined || bytes.length % view.unit !== 0) throw new DecodeError('malformed', 'an unknown type')
  return new view.make(bytes.buffer)
}

/** Copies to memory of its own: a slice of Node's pool would keep 8 KB alive. */
function fromBase64(text: string): Buffer<ArrayBuffer> {
  const length = Buffer.byteLength(text, 'base64')
  const bytes = Buffer.from(new ArrayBuffer(length))
  if (bytes.write(text, 'base64') !== length) throw new DecodeError('malformed', 'no base64')
  return bytes
}
