// Plain data as one text that does not depend on the order of an object's fields: what keys are made of.

const MAX_DEPTH = 20

/**
 * JSON with sorted names, and a form of their own for bigints, dates and `undefined` in a list. A field that is
 * `undefined` counts as absent. Two values that differ in anything else have different texts. `undefined` for what has
 * none: functions, symbols, NaN, instances of classes, lists with holes or further fields, more than 20 levels.
 */
export function canonical(value: unknown, depth = 0): string | undefined {
  if (depth > MAX_DEPTH) return undefined
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : `date(${value.toISOString()})`
  if (typeof value !== 'object') return undefined
  return Array.isArray(value) ? listText(value, depth) : recordText(value, depth)
}

function listText(list: readonly unknown[], depth: number): string | undefined {
  const names = Object.keys(list)
  if (names.length !== list.length || (names.length > 0 && names.at(-1) !== String(list.length - 1))) return undefined
  const parts: string[] = []
  for (const item of list) {
    const part = item === undefined ? 'undefined' : canonical(item, depth + 1)
    if (part === undefined) return undefined
    parts.push(part)
  }
  return `[${parts.join()}]`
}

function recordText(record: object, depth: number): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(record)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  const parts: string[] = []
  for (const name of Object.keys(record).sort()) {
    const item: unknown = Reflect.get(record, name)
    if (item === undefined) continue
    const part = canonical(item, depth + 1)
    if (part === undefined) return undefined
    parts.push(`${JSON.stringify(name)}:${part}`)
  }
  return `{${parts.join()}}`
}
