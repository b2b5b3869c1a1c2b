// Builds keys of the form {version}:{prefix}:{identifier}:{parameters}, as `v1:user_perms:456:123`.
import { createHash } from 'node:crypto'
import { canonical } from '../core/canonical.ts'
import { check, checkOptions, listOf, record, required, type Shape, text } from '../core/checks.ts'

/** The parts of a key of `buildKey`. */
export interface KeyParts {
  /** Increasing it abandons all older entries: `'v2'`, or 2 for the same. Default `v1`. */
  readonly version?: string | number | undefined
  /** What kind of value: `'deal_stats'`. */
  readonly prefix: string
  /** Of what: an id, a name. */
  readonly identifier: string | number
  /** Positional (`[30, 'open']`) or named (`{ days: 30 }`, order does not matter). */
  readonly parameters?: readonly ParameterValue[] | Readonly<Record<string, ParameterValue>> | undefined
}

/** A parameter: plain data, also nested. Dates and bigints are allowed; the order of an object's fields is ignored. */
export type ParameterValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | readonly ParameterValue[]
  | { readonly [name: string]: ParameterValue }

/** Longer parameter texts are replaced by a hash. */
export const MAX_PARAMETER_LENGTH = 120

const value = check(
  (given): given is ParameterValue => given === undefined || canonical(given) !== undefined,
  'plain data: strings, finite numbers, bigints, true, false, null, dates, and lists and objects of these',
)
const listed = listOf(value)
const named = record<Readonly<Record<string, ParameterValue>>>('a list of values, or values by name')
const PARTS: Shape<KeyParts> = {
  version: check(
    (given): given is string | number =>
      (typeof given === 'string' && given !== '') ||
      (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0),
    "a text such as 'v2', or a whole number from 0",
  ),
  prefix: required(text),
  identifier: required(
    check(
      (given): given is string | number => (typeof given === 'string' && given !== '') || Number.isFinite(given),
      'a string or a finite number',
    ),
  ),
  parameters: (given, at) => {
    if (Array.isArray(given)) return listed(given, at)
    for (const [name, one] of Object.entries(named(given, at))) value(one, `${at}.${name}`)
    return given as Readonly<Record<string, ParameterValue>>
  },
}

/**
 * Joins the parts with `:`; `:`, `%` and `=` inside a part are percent-encoded, so that parts cannot be confused.
 * Strings, numbers and bigints count as their strings: 1 and `'1'` make the same key. Dates, lists and objects are
 * written after `%j`, where 1 and `'1'` differ. Long parameters become `%~` and 24 characters of SHA-256; no parameter
 * that is written out looks like either.
 * @example buildKey({ prefix: 'deal_stats', identifier: 123, parameters: [30] }) // 'v1:deal_stats:123:30'
 * @throws MillpondError `OPTION_INVALID` for an empty part, and for what is not plain data: functions, instances of
 * classes, NaN.
 */
export function buildKey(parts: KeyParts): string {
  checkOptions<KeyParts>(parts, PARTS, 'buildKey')
  const { version = 'v1', prefix, identifier, parameters } = parts
  const head = [typeof version === 'number' ? `v${version}` : version, prefix, identifier]
    .map((part) => percentEncode(String(part)))
    .join(':')
  const all = parameters === undefined ? [] : isPositional(parameters) ? parameters.map(encoded) : pairsOf(parameters)
  if (all.length === 0) return head
  const tail = all.join(':')
  return `${head}:${tail.length > MAX_PARAMETER_LENGTH ? digest(tail) : tail}`
}

const isPositional = (parameters: object): parameters is readonly ParameterValue[] => Array.isArray(parameters)

const encoded = (given: ParameterValue): string =>
  typeof given === 'object' && given !== null
    ? `%j${percentEncode(canonical(given) ?? '')}`
    : percentEncode(String(given))

function pairsOf(parameters: Readonly<Record<string, ParameterValue>>): readonly string[] {
  return Object.entries(parameters)
    .filter(([, given]) => given !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, given]) => `${percentEncode(name)}=${encoded(given)}`)
}

const percentEncode = (plain: string): string =>
  plain.replace(/[%:=]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)

/** 144 bits of SHA-256 in base64url: two parameter lists cannot be made to collide deliberately. */
const digest = (tail: string): string => `%~${createHash('sha256').update(tail).digest('base64url').slice(0, 24)}`
