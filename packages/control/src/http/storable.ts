// Text that a store returns unchanged: PostgreSQL rejects NUL, and an unpaired surrogate comes back as another
// character, which would break the audit chain.
import type { Fault } from './problem.ts'

export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** For text that cannot be refused: a name from outside. */
export const storable = (text: string): string =>
  isStorable(text) ? text : text.toWellFormed().replaceAll('\0', '\ufffd')

/** Cache keys may be any text: they are stored within JSON, which can represent them. */
const ANY: ReadonlySet<string> = new Set(['keys', 'key', 'contains'])

/** The path of a text that no store can hold. */
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
