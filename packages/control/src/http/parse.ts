// What came from outside against a schema.
import type { z } from 'zod'
import { type Fault, invalid } from './problem.ts'
import { unstorable } from './storable.ts'

/**
 * @param prefix `''` for a body, whose faults are JSON pointers; `?` for a query, whose faults are names
 * @throws Problem 422 that lists every fault
 */
export function parse(schema: z.ZodType, value: unknown, prefix: string): unknown {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap((issue) => faultsOf(issue, prefix, value)))
  const faults = unstorable(parsed.data, prefix, prefix === '' ? '/' : '')
  if (faults.length > 0) throw invalid(faults)
  return parsed.data
}

function faultsOf(issue: z.core.$ZodIssue, prefix: string, value: unknown): Fault[] {
  const at = (path: readonly PropertyKey[]): string =>
    prefix === ''
      ? path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
      : prefix + path.join('.')
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      pointer: at([...issue.path, key]),
      code: 'unknown_field',
      detail: 'there is no such field',
    }))
  const detail = prefix === '?' ? inQuery(issue, value) : issue.message
  return [{ pointer: at(issue.path), code: issue.code, detail }]
}

/** Numbers in a query are texts at first: what is missing, or is not a number, has become NaN when it is checked. */
function inQuery({ code, path, message }: z.core.$ZodIssue, value: unknown): string {
  const [name] = path
  if (code !== 'invalid_type' || name === undefined || typeof value !== 'object' || value === null) return message
  const given: unknown = Reflect.get(value, name)
  if (given === undefined) return 'it is missing'
  return message.includes('expected number') ? `${JSON.stringify(given)} is not a number` : message
}
