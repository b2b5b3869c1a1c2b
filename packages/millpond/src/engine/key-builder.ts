// Builds keys of the form {version}:{prefix}:{identifier}:{parameters}, as `v1:user_perms:456:123`.
import { createHash } from 'node:crypto'
import { check, checkOptions, listOf, record, required, type Shape, text } from '../core/checks.ts'

/** The parts of a key of `buildKey`. */
export interface KeyParts {
  /** Increasing it abandons all older entries. Default `v1`. */
  readonly version?: string | undefined
  readonly prefix: string
  readonly identifier: string | number
  /** Positional (`[30, 'open']`) or named (`{ days: 30 }`, order does not matter). */
  readonly parameters?: readonly ParameterValue[] | Readonly<Record<string, ParameterValue>> | undefined
}
export type ParameterValue = string | number | boolean | null | undefined

/** Longer parameter texts are replaced by a hash. */
export const MAX_PARAMETER_LENGTH = 120

const isValue = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  Number.isFinite(value)
const value = check(
  (given): given is ParameterValue => isValue(given),
  'a string, a finite number, true, false or null',
)
const listed = listOf(value)
const named = record<Readonly<Record<string, ParameterValue>>>('a list of values, or values by name')
const PARTS: Shape<KeyParts> = {
  version: text,
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
 * Values count as their strings: 1 and `'1'` make the same key. Long parameters become `%~` and 24 characters of
 * SHA-256, which no parameter that is written out looks like.
 * @example buildKey({ prefix: 'deal_stats', identifier: 123, parameters: [30] }) // 'v1:deal_stats:123:30'
 * @throws MillpondError `OPTION_INVALID` for an empty part, and for what has no text of its own: objects, NaN.
 */
export function buildKey(parts: KeyParts): string {
  checkOptions<KeyParts>(parts, PARTS, 'buildKey')
  const { version = 'v1', prefix, identifier, parameters } = parts
  const head = [version, prefix, identifier].map((part) => percentEncode(String(part))).join(':')
  const all = parameters === undefined ? [] : isPositional(parameters) ? parameters.map(encoded) : pairsOf(parameters)
  if (all.length === 0) return head
  const tail = all.join(':')
  return `${head}:${tail.length > MAX_PARAMETER_LENGTH ? digest(tail) : tail}`
}

const isPositional = (parameters: object): parameters is readonly ParameterValue[] => Array.isArray(parameters)

const encoded = (given: ParameterValue): string => percentEncode(String(given))

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
