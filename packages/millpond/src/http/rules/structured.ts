// Structured fields (RFC 9651), by the optional peer structured-headers: loaded with the first field that needs them.
import { MillpondError } from '../../core/errors.ts'
import { loadPackage } from '../../core/packages.ts'

type Item = readonly [unknown, unknown]
interface Module {
  parseDictionary(text: string): Map<string, Item>
  parseList(text: string): readonly Item[]
}

let loaded: Module | undefined

/**
 * Loads the peer, so that a missing one is reported when the cache is created and not with the first answer.
 * @throws MillpondError `OPTION_INVALID` with the command that installs it.
 */
export function needStructuredFields(): Module {
  try {
    loaded ??= loadPackage('structured-headers') as Module
    return loaded
  } catch (cause) {
    throw new MillpondError(
      'OPTION_INVALID',
      'the HTTP cache needs the package structured-headers, which could not be loaded: run "npm install structured-headers"',
      { cause },
    )
  }
}

/** Bare values by key; `undefined` if it is not a dictionary (RFC 9651 4.2: the whole field is then ignored). */
export function parseDictionary(text: string): ReadonlyMap<string, unknown> | undefined {
  const { parseDictionary: parse } = needStructuredFields()
  try {
    return new Map([...parse(text)].map(([key, [value]]) => [key, value]))
  } catch {
    return undefined
  }
}

/** As `parseDictionary`, with inner lists as arrays of their bare values. */
export function parseQueryRule(text: string): ReadonlyMap<string, unknown> | undefined {
  const members = parseDictionary(text)
  if (members === undefined) return undefined
  const bare = (value: unknown): unknown =>
    Array.isArray(value) ? value.map((item: unknown) => (Array.isArray(item) ? item[0] : item)) : value
  return new Map([...members].map(([key, value]) => [key, bare(value)]))
}

/** The strings of a list, others left out; empty if it is not a list. */
export function parseStrings(text: string | undefined): readonly string[] {
  if (text === undefined) return []
  const { parseList } = needStructuredFields()
  try {
    return parseList(text).flatMap(([value]) => (typeof value === 'string' ? [value] : []))
  } catch {
    return []
  }
}
