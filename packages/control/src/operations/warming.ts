// Warming as an operation: keys by the loaders that their cache knows, at a given pace, with progress, and cancellable.

import { z } from 'zod'
import type { Principal } from '../access/roles.ts'
import type { Caller } from '../audit/audit.ts'
import type { Control } from '../control.ts'
import { namespacesFor, oneCache } from '../fleet/reach.ts'
import { Problem } from '../http/problem.ts'
import type { EndState, OperationView, Step } from './operations.ts'

const keyText = z.string().min(1).max(16_384)

/** The document of a warming plan. */
export const warmingDocument = z.strictObject({
  name: z.string().min(1).max(200).default('keys'),
  cache_name: z.string().max(128).optional().describe('optional if there is only one cache'),
  namespace: z.string().max(128).optional(),
  keys: z
    .array(z.union([keyText, z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])).min(1)]))
    .min(1)
    .max(10_000),
  concurrency: z.number().int().min(1).max(64).default(8),
  rate_per_second: z.number().positive().max(100_000).optional().describe('default: as fast as the loaders allow'),
  reason: z.string().max(1000).optional(),
})
export type WarmingDocument = z.output<typeof warmingDocument>

/** The length of one request to a node; in between, the operation reports progress and can be cancelled. */
const SLICE_MS = 2000

export async function runWarming(
  control: Control,
  principal: Principal,
  caller: Caller,
  document: WarmingDocument,
  began: (id: string) => void = () => undefined,
): Promise<OperationView> {
  const cache = oneCache(control, principal, document.cache_name)
  const namespaces = namespacesFor(principal, cache, document.namespace)
  const { reason, ...request } = document
  return control.operations.run({ kind: 'warm', prefix: 'op', caches: [cache], request, reason }, caller, (step) => {
    began(step.id)
    return work(control, cache, namespaces, document, step)
  })
}

interface Counts {
  readonly keys: number
  readonly done: number
  readonly loaded: number
  readonly fresh: number
  readonly failed: number
  readonly without_source: number
  readonly errors: readonly string[]
}

async function work(
  control: Control,
  cache: string,
  namespaces: readonly string[] | undefined,
  { keys, concurrency, rate_per_second }: WarmingDocument,
  step: Step,
): Promise<{ state: EndState; result: Counts }> {
  let left: readonly string[] = keys.map((key) => (typeof key === 'string' ? key : JSON.stringify(key)))
  let counts: Counts = { keys: left.length, done: 0, loaded: 0, fresh: 0, failed: 0, without_source: 0, errors: [] }
  while (left.length > 0) {
    const asked = {
      keys: [...left],
      concurrency,
      wait_ms: SLICE_MS,
      ...(namespaces !== undefined && { namespaces: [...namespaces] }),
      ...(rate_per_second !== undefined && { per_second: rate_per_second }),
    }
    // A loader that hangs is ended by its own hard timeout, not by this one.
    const warmed = await control.fleet.one(cache, 'warm', asked, { deadlineMs: SLICE_MS + 30_000 })
    if (warmed.left.length >= left.length)
      throw new Problem(
        502,
        'no_progress',
        `no key of ${cache} could be warmed within ${SLICE_MS} ms: look at its loaders`,
      )
    left = warmed.left
    counts = {
      keys: keys.length,
      done: keys.length - left.length,
      loaded: counts.loaded + warmed.loaded,
      fresh: counts.fresh + warmed.fresh,
      failed: counts.failed + warmed.failed,
      without_source: counts.without_source + warmed.without_source,
      errors: [...new Set([...counts.errors, ...warmed.errors])].slice(0, 20),
    }
    if (left.length === 0) break
    await step.progress(counts)
    if (await step.isCancelled()) return { state: 'cancelled', result: counts }
  }
  return { state: counts.failed + counts.without_source > 0 ? 'partial' : 'completed', result: counts }
}
