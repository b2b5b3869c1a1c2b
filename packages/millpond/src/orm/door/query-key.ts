// The key of a query: its text and its parameters, each with its type, so that 7, '7' and 7n are three.
import { createHash } from 'node:crypto'

/** `undefined`: a parameter cannot be distinguished from others of its kind. */
export function queryHash(sql: string, parameters: unknown): string | undefined {
  const text = valueText(parameters, 0)
  if (text === undefined) return undefined
  return createHash('sha256').update(`${sql.length}:`).update(sql).update(text).digest('base64url')
}

const MAX_DEPTH = 32

/** A text for each value, different for any two values. */
function valueText(value: unknown, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return undefined
  if (value === null) return 'n'
  if (typeof value === 'string') return `s${value.length}:${value}`
  if (typeof value === 'number') return `d${Object.is(value, -0) ? '-0' : value};`
  if (typeof value === 'bigint') return `b${value};`
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (value === undefined) return 'u'
  return typeof value === 'object' ? objectText(value, depth) : undefined
}

function objectText(value: object, depth: number): string | undefined {
  if (value instanceof Date) return `D${value.getTime()};`
  if (value instanceof Uint8Array)
    return `B${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')};`
  if (Array.isArray(value)) return joined(value, (item) => valueText(item, depth + 1), 'a')
  if ('toHexString' in value && typeof value.toHexString === 'function') return `h${String(value.toHexString())};`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    const names = entries.map(([name]) => `${name.length}:${name}`).join('')
    const values = joined(entries, ([, item]) => valueText(item, depth + 1), 'o')
    return values === undefined ? undefined : `${values}${names}`
  }
  // A decimal type of some library: its text is its value.
  if ('toFixed' in value && 'd' in value && 'e' in value && 's' in value) return `N${String(value)};`
  return undefined
}

function joined<T>(items: readonly T[], text: (item: T) => string | undefined, mark: string): string | undefined {
  const texts = Array.from(items, text)
  return texts.some((one) => one === undefined) ? undefined : `${mark}${texts.length}(${texts.join('')})`
}
