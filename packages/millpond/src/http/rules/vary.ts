// The secondary key (RFC 9111 4.1): the request fields that selected an answer, and their values, normalised if the
// meaning stays the same.
import { fieldValue, listMembers, type RawFields } from './fields.ts'
import type { RequestFacts } from './request.ts'

/** The most fields that an answer may vary by: beyond that it is not stored, since hardly any request would match. */
export const MAX_VARY = 32

/**
 * Lower-case names, sorted, without duplicates. An answer that grants access to the requesting `Origin` varies by it,
 * whether or not it says so: applications forget that (WHATWG Fetch, "CORS protocol and HTTP caches"; J. Kettle,
 * "Exploiting CORS misconfigurations for Bitcoins and bounties", 2016).
 */
export function varyNames(fields: RawFields, origin?: string): readonly string[] {
  const value = fieldValue(fields, 'vary')
  const isForOrigin = origin !== undefined && fieldValue(fields, 'access-control-allow-origin') === origin
  if (value === undefined) return isForOrigin ? ORIGIN : NO_NAMES
  const names = listMembers(value).map((name) => name.toLowerCase())
  return [...new Set(isForOrigin ? [...names, ...ORIGIN] : names)].sort()
}

const ORIGIN: readonly string[] = Object.freeze(['origin'])

const NO_NAMES: readonly string[] = Object.freeze([])

/** The secondary key of a request: equal for two requests exactly if their fields match (RFC 9111 4.1). */
export function secondaryKey(request: RequestFacts, names: readonly string[]): string {
  if (names.length === 0) return ''
  return JSON.stringify(names.map((name) => normalise(name, request.get(name), request.codings)))
}

/** RFC 9111 4.1: white space, combined lines; and values with the same meaning if a field's definition says so. */
function normalise(name: string, value: string | undefined, codings: readonly string[] | undefined): string | null {
  // The origin's own choice, as configured.
  if (name === 'accept-encoding' && codings !== undefined) return chosenCoding(value, codings)
  if (value === undefined) return null
  // RFC 9110 12.5: ranges and their weights; names of languages and codings are case-insensitive, and equal weights
  // have no order.
  if (name === 'accept-language' || name === 'accept-encoding' || name === 'accept-charset')
    return weighted(value).map(written).join(',')
  return listMembers(value).join(',')
}

/**
 * RFC 9842 2: an answer that needs a dictionary is only for clients that can read it, whatever else the origin would
 * choose.
 */
const BY_DICTIONARY = ['dcb', 'dcz']

function chosenCoding(value: string | undefined, codings: readonly string[]): string {
  const chosen = codingFor(value, codings) ?? 'identity'
  const others = BY_DICTIONARY.filter((coding) => codingFor(value, [coding]) !== undefined)
  return [chosen, ...others].join()
}

export interface Weighted {
  readonly name: string
  /** Thousandths. */
  readonly weight: number
}

const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i

/** Members by descending weight, then by name. */
export function weighted(value: string): Weighted[] {
  const members = listMembers(value).map((member) => {
    const [name = '', ...parameters] = member.toLowerCase().split(';')
    const given = parameters.map((parameter) => WEIGHT.exec(parameter.trim())?.[1]).find((found) => found !== undefined)
    return { name: name.trim(), weight: given === undefined ? 1000 : Math.round(Number(given) * 1000) }
  })
  return members.sort((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** The client's preferred coding, among equals the first of `codings`; `undefined`: none (RFC 9110 12.5.3). */
export function codingFor(accept: string | undefined, codings: readonly string[]): string | undefined {
  if (accept === undefined) return undefined
  const weights = new Map(weighted(accept).map(({ name, weight }) => [name, weight]))
  const weightOf = (coding: string): number => weights.get(coding) ?? weights.get('*') ?? 0
  let best: string | undefined
  for (const coding of codings) if (weightOf(coding) > (best === undefined ? 0 : weightOf(best))) best = coding
  return best
}

const written = ({ name, weight }: Weighted): string => (weight === 1000 ? name : `${name};${weight}`)
