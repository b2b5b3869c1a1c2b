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
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap((issue) => faultsOf(issue, prefix)))
  const faults = unstorable(parsed.data, prefix, prefix === '' ? '/' : '')
  if (faults.length > 0) throw invalid(faults)
  return parsed.data
}

function faultsOf(issue: z.core.$ZodIssue, prefix: string): Fault[] {
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
  return [{ pointer: at(issue.path), code: issue.code, detail: issue.message }]
}
