// Text that a store gives back as it took it: PostgreSQL takes no NUL, and half of a surrogate pair comes back as
// another character, which would break the chain of the audit.
import type { Fault } from './problem.ts'

export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** For what nobody could refuse: a name from outside. */
export const storable = (text: string): string =>
  isStorable(text) ? text : text.toWellFormed().replaceAll('\0', '\ufffd')

/** Keys of caches may be any: they are kept within JSON, which can say them. */
const ANY: ReadonlySet<string> = new Set(['keys', 'key', 'contains'])

/** Where text stands that no store can hold. */
export function unstorable(value: unknown, at: string, separator: '/' | ''): Fault[] {
  if (typeof value === 'string') {
    const detail = 'holds characters that cannot be stored: NUL, or half of a pair of surrogates'
    return isStorable(value) ? [] : [{ pointer: at, code: 'characters', detail }]
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, part]) =>
    ANY.has(name) ? [] : unstorable(part, `${at}${separator}${name}`, '/'),
  )
}
