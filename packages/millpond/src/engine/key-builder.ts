// Builds keys of the form {version}:{prefix}:{identifier}:{parameters}, as `v1:user_perms:456:123`.
import { createHash } from 'node:crypto'
import { MillpondError, show } from '../core/errors.ts'

/** What `buildKey` makes a key of. */
export interface KeyParts {
  /** Raising it leaves all older entries behind. Default `v1`. */
  readonly version?: string
  readonly prefix: string
  readonly identifier: string | number
  /** Positional (`[30, 'open']`) or named (`{ days: 30 }`, order does not matter). */
  readonly parameters?: readonly ParameterValue[] | Readonly<Record<string, ParameterValue>>
}
export type ParameterValue = string | number | boolean | null | undefined

/** Parameter texts longer than this are replaced by a hash. */
export const MAX_PARAMETER_LENGTH = 120

/**
 * Joins the parts with `:`; a `:` or `%` inside a part is percent-encoded, so that parts cannot run into each other.
 * Long parameters become 24 characters of SHA-256.
 * @example buildKey({ prefix: 'deal_stats', identifier: 123, parameters: [30] }) // 'v1:deal_stats:123:30'
 * @throws MillpondError `KEY_INVALID` for an empty part.
 */
export function buildKey(parts: KeyParts): string {
  const head = [parts.version ?? 'v1', parts.prefix, parts.identifier].map((part) => encode(part, show(parts)))
  const tail = encodeParameters(parts.parameters)
  return tail === '' ? head.join(':') : `${head.join(':')}:${tail.length > MAX_PARAMETER_LENGTH ? digest(tail) : tail}`
}

function encode(part: string | number, shown: string): string {
  const text = String(part)
  if (text === '') throw new MillpondError('KEY_INVALID', `a key part is empty in ${shown}: every part needs at least one character`)
  return percentEncode(text)
}

function encodeParameters(parameters: KeyParts['parameters']): string {
  if (parameters === undefined) return ''
  if (isPositional(parameters)) return parameters.map((value) => percentEncode(String(value))).join(':')
  return Object.keys(parameters)
    .filter((name) => parameters[name] !== undefined)
    .sort()
    .map((name) => `${percentEncode(name)}=${percentEncode(String(parameters[name]))}`)
    .join(':')
}

const isPositional = (parameters: object): parameters is readonly ParameterValue[] => Array.isArray(parameters)

const percentEncode = (text: string): string => text.replace(/[%:=]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)

/** 144 bits of SHA-256 in base64url: nobody can make two parameter lists meet on purpose. */
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 24)
