// The JSON body of an invalidation by webhook: snake_case, units in the names.
import type { Key, KeyPart } from '../core/key.ts'
import type { Criteria } from './criteria.ts'

/** Each name with its type check; `resolveCriteria` validates the values. */
const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  key: isKey,
  keys: (value) => Array.isArray(value) && value.every(isKey),
  tag: isText,
  tags: (value) => Array.isArray(value) && value.every(isText),
  pattern: isText,
  patterns: (value) => Array.isArray(value) && value.every(isText),
  model: isText,
  id: (value) => isText(value) || typeof value === 'number',
  older_than_seconds: (value) => typeof value === 'number' && value >= 0,
  created_before: (value) => isText(value) || typeof value === 'number',
  all: (value) => typeof value === 'boolean',
}

interface Wire {
  readonly key?: Key
  readonly keys?: readonly Key[]
  readonly older_than_seconds?: number
  readonly created_before?: string | number
  readonly [name: string]: unknown
}

/** The criteria, or what is wrong with the body. */
export function criteriaOf(body: Uint8Array): Criteria | string {
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return 'The body is not JSON in UTF-8.'
  }
  return isWire(parsed) ? fromWire(parsed) : faultOf(parsed)
}

function fromWire({ older_than_seconds, created_before, ...rest }: Wire): Criteria {
  return {
    ...rest,
    ...(older_than_seconds === undefined ? {} : { olderThan: older_than_seconds * 1000 }),
    ...(created_before === undefined ? {} : { createdBefore: created_before }),
  }
}

function isWire(parsed: unknown): parsed is Wire {
  return (
    typeof parsed === 'object' &&
    parsed !== null &&
    !Array.isArray(parsed) &&
    Object.entries(parsed).every(([name, value]) => fieldCheck(name)?.(value))
  )
}

function faultOf(parsed: unknown): string {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'The body is not a JSON object.'
  for (const [name, value] of Object.entries(parsed)) {
    const check = fieldCheck(name)
    if (check === undefined)
      return `There is no field ${JSON.stringify(name.slice(0, 40))}; the fields are ${Object.keys(FIELDS).join(', ')}.`
    if (!check(value)) return `The field ${name} has a value in the wrong format.`
  }
  return 'The body is not valid.'
}

const fieldCheck = (name: string): ((value: unknown) => boolean) | undefined =>
  Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isKey(value: unknown): value is Key {
  return isText(value) || (Array.isArray(value) && value.every(isKeyPart))
}

function isKeyPart(value: unknown): value is KeyPart {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}
