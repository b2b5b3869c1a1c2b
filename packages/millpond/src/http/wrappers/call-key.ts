// The key of a call: which function, with which arguments.
import { MillpondError, show } from '../../core/errors.ts'
import type { Key, KeyPart } from '../../core/key.ts'

/** Arguments as parts of a key: primitives unchanged, plain data as JSON with sorted names. */
export function argumentParts(args: readonly unknown[], name: string): KeyPart[] {
  return args.map((argument) => partOf(argument, name))
}

function partOf(argument: unknown, name: string): KeyPart {
  // The marker makes it differ from every plain string.
  if (argument === undefined) return `${MARK}u`
  if (typeof argument === 'string') return argument.startsWith(MARK) ? `${MARK}s${argument}` : argument
  if (argument === null || typeof argument === 'boolean' || typeof argument === 'bigint') return argument
  if (typeof argument === 'number' && Number.isFinite(argument)) return argument
  const text = canonical(argument, 0)
  if (text !== undefined) return `${MARK}j${text}`
  throw new MillpondError(
    'OPTION_INVALID',
    `${name} was called with ${show(argument)}, from which no key can be made: give the option key`,
  )
}

const MARK = '\u0001'
const MAX_DEPTH = 20

/** `undefined` for values that are not plain data. */
function canonical(value: unknown, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return undefined
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : `date(${value.toISOString()})`
  if (typeof value !== 'object') return undefined
  const isList = Array.isArray(value)
  if (!isList && Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null)
    return undefined
  const parts: string[] = []
  for (const name of isList ? Object.keys(value) : Object.keys(value).sort()) {
    const item: unknown = Reflect.get(value, name)
    if (item === undefined && !isList) continue
    const part = item === undefined ? 'undefined' : canonical(item, depth + 1)
    if (part === undefined) return undefined
    parts.push(isList ? part : `${JSON.stringify(name)}:${part}`)
  }
  return isList ? `[${parts.join()}]` : `{${parts.join()}}`
}

export function callKey(prefix: string, parts: readonly KeyPart[]): Key {
  return ['call', prefix, ...parts]
}
