// Fields of an answer, read individually: what a server of another release leaves out is unknown, and not an error.
import { isObject } from './files.ts'

export type Row = Readonly<Record<string, unknown>>

export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (isObject(inner) ? inner[name] : undefined), value)
}

export function numberAt(value: unknown, ...path: readonly string[]): number | null {
  const found = at(value, ...path)
  return typeof found === 'number' ? found : null
}

export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : ''
}

export function rowsAt(value: unknown, ...path: readonly string[]): readonly Row[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found.filter(isObject) : []
}

export function textsAt(value: unknown, ...path: readonly string[]): readonly string[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : []
}

/** Names and numbers, largest first. */
export function countsAt(value: unknown, ...path: readonly string[]): readonly (readonly [string, number])[] {
  const found = at(value, ...path)
  const counts = isObject(found)
    ? Object.entries(found).flatMap(([name, count]) => (typeof count === 'number' ? [[name, count] as const] : []))
    : []
  return counts.sort(([, a], [, b]) => b - a)
}
