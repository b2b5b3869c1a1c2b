// Plans that are kept in the store for a few minutes, and found again by their ids.
import type { Control } from '../control.ts'
import { invalid, notFound } from '../http/problem.ts'

/** How long a plan is kept. */
export const PLAN_MS = 5 * 60_000

/**
 * The document of a plan as JSON.
 *
 * @param what such as `plan`, for the message
 * @throws Problem 404 if there is none with this id and prefix, or if its time is over
 */
export async function keptPlan({ store }: Control, what: string, prefix: string, id: string): Promise<string> {
  const row = id.startsWith(`${prefix}_`)
    ? await store.read
        .selectFrom('plans')
        .select('document')
        .where('id', '=', id)
        .where('expires_at', '>', await store.now())
        .executeTakeFirst()
    : undefined
  if (row === undefined)
    throw notFound(`${what} ${id} any more: a plan is valid for ${PLAN_MS / 60_000} minutes; make a new one`)
  return row.document
}

/** @throws Problem 422 if fields that a plan already has are sent beside its id */
export function refuseBesidePlan(names: readonly string[]): void {
  if (names.length > 0)
    throw invalid(
      names.map((name) => ({
        pointer: `/${name}`,
        code: 'with_plan',
        detail: 'the plan already contains it: leave it out when you send plan_id',
      })),
    )
}
