// The id of a row in its tag. Two ids that some database considers equal must have the same text, or their row would be
// missed: '7' and 7, 'ABC' and 'abc' (citext, NOCASE), a UUID with and without hyphens. A value that cannot be
// normalised reliably has no text, and stands for its whole table.

const INTEGER = /^-?(?:0|[1-9]\d{0,37})$/
const UUID = /^\{?[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}\}?$/
/** No database parses these as a number. */
const WORDS = /^[a-z][a-z0-9_.:@/|+=-]*$/
/** IP and MAC addresses have many spellings. */
const ADDRESS = /^(?=.*[:.-])[0-9a-f:.-]+$/
const LONG = /^(?=.*[g-z])[0-9a-z]{20,}$/
const MAX_LENGTH = 200
/** Between the parts of a composite key. */
export const PART_END = '\u001f'

/** The canonical text of one column's value. `undefined`: stands for the whole table. */
export function idPart(value: unknown): string | undefined {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value === 0 ? 0 : value) : undefined
  if (typeof value === 'object' && value !== null && 'toHexString' in value && typeof value.toHexString === 'function')
    return idPart(value.toHexString()) // an ObjectId
  if (typeof value !== 'string' || value.length > MAX_LENGTH) return undefined
  const text = value.trim().toLowerCase()
  if (INTEGER.test(text)) return text === '-0' ? '0' : text
  if (UUID.test(text)) return text.replace(/[{}-]/g, '')
  if (text === 'infinity' || text === 'nan' || text === 'inf') return undefined
  if (ADDRESS.test(text)) return undefined
  return WORDS.test(text) || LONG.test(text) ? text : undefined
}

/** The id of a row by its key's values, in the order of the key's columns. */
export function rowId(values: readonly unknown[]): string | undefined {
  const parts = values.map(idPart)
  return parts.some((part) => part === undefined) || parts.length === 0 ? undefined : parts.join(PART_END)
}
