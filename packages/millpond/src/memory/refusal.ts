// Finds the part of a value that cannot be cached. Slow and thorough: runs only after a value was rejected.
import { types } from 'node:util'
import { isBuiltIn } from './built-ins.ts'
import { isArrayItself, isPlain, MAX_DEPTH } from './plain.ts'

export interface Refusal {
  /** As in JavaScript: `value.items[3].fn`. */
  readonly path: string
  /** What was found there, with its article: `a function`. */
  readonly what: string
}

const NAME = /^[A-Za-z_$][\w$]*$/
const MAX_PATH = 200

/** The first part of the value, depth first, that cannot be kept. */
export function locateRefusal(value: unknown): Refusal {
  return search(value, 'value', []) ?? { path: 'value', what: 'a value that changed while it was read' }
}

function search(value: unknown, path: string, inside: readonly object[]): Refusal | undefined {
  if (typeof value === 'function')
    return refuse(
      path,
      value.prototype === undefined || value.name === '' ? 'a function' : `the function ${value.name}`,
    )
  if (typeof value === 'symbol') return refuse(path, 'a symbol')
  if (typeof value !== 'object' || value === null) return undefined
  if (inside.includes(value)) return refuse(path, 'part of a cycle (it contains itself)')
  if (inside.length >= MAX_DEPTH) return refuse(path, `nested deeper than ${MAX_DEPTH} levels`)
  const within = [...inside, value]
  if (Array.isArray(value)) return searchArray(value, path, within)
  if (isPlain(value)) return searchPlain(value, path, within)
  if (!isBuiltIn(value)) return refuse(path, describeInstance(value))
  return types.isMap(value) || types.isSet(value) ? searchCollection(value, path, within) : undefined
}

function searchArray(list: readonly unknown[], path: string, within: readonly object[]): Refusal | undefined {
  if (!isArrayItself(list)) return refuse(path, describeInstance(list))
  for (let i = 0; i < list.length; i++) {
    if (!(i in list)) return refuse(`${path}[${i}]`, 'a hole in a sparse array')
    const found = search(list[i], `${path}[${i}]`, within)
    if (found !== undefined) return found
  }
  const extra = Object.keys(list)[list.length]
  return extra === undefined ? undefined : refuse(member(path, extra), 'a named property of an array')
}

function searchPlain(object: object, path: string, within: readonly object[]): Refusal | undefined {
  const symbol = Object.getOwnPropertySymbols(object)[0]
  if (symbol !== undefined) return refuse(`${path}[${String(symbol)}]`, 'a property whose name is a symbol')
  for (const [name, item] of Object.entries(object)) {
    const found = search(item, member(path, name), within)
    if (found !== undefined) return found
  }
  return undefined
}

function searchCollection(
  value: Map<unknown, unknown> | Set<unknown>,
  path: string,
  within: readonly object[],
): Refusal | undefined {
  let i = 0
  for (const [key, item] of value.entries()) {
    const found = search(key, `${path}.keys()[${i}]`, within) ?? search(item, `${path}.values()[${i}]`, within)
    if (found !== undefined) return found
    i++
  }
  return undefined
}

function describeInstance(value: object): string {
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object with its own prototype'
}

function member(path: string, name: string): string {
  return NAME.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`
}

function refuse(path: string, what: string): Refusal {
  return { path: path.length > MAX_PATH ? `${path.slice(0, MAX_PATH)}…` : path, what }
}
