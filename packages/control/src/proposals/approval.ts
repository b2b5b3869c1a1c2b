// What an approval carries out: the request that was shown, or nothing if it would now do something else.
import type { Control } from '../control.ts'
import { Problem } from '../http/problem.ts'
import type { Call } from '../http/route.ts'
import { type Act, digestOf, jsonOr } from './act.ts'
import { isInvalidation, type Preview } from './preview.ts'
import type { ProposalRow } from './proposals.ts'

/** From now on an approval of this proposal may run this plan. */
export async function bind({ store }: Control, plan: string, proposal: string): Promise<void> {
  await store.read.updateTable('plans').set({ proposal }).where('id', '=', plan).execute()
}

export interface Sent extends Act {
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * The request that was shown: of an invalidation its plan, of what replaces something the version that was seen.
 * @throws Problem 409 where it differs from what was shown
 */
export async function approved(
  control: Control,
  call: Call<{ digest: string; plan_id?: string | undefined; confirm?: string | undefined }>,
  row: ProposalRow,
  act: Act,
  look: (call: Call, row: ProposalRow) => Promise<Preview>,
): Promise<Sent> {
  const { digest, plan_id, confirm } = call.body
  const changed = (why: string): Problem =>
    new Problem(409, 'changed_since_shown', `${row.id} was not approved: ${why}; look at its plan again`)
  if (isInvalidation(act)) {
    if (digest !== digestOf(act, null)) throw changed('the digest is of another act')
    const plan = await control.store.read
      .selectFrom('plans')
      .select('id')
      .where('id', '=', plan_id ?? '')
      .where('proposal', '=', row.id)
      .executeTakeFirst()
    if (plan === undefined) throw changed(`the plan ${plan_id ?? '(none)'} was not made for it, or has expired`)
    const { reason, max_keys } = act.body as { readonly reason?: string; readonly max_keys?: number }
    return { ...act, body: { plan_id: plan.id, confirm, reason, max_keys } }
  }
  // What is posted replaces nothing: a second dry run would be compared with nothing, and be counted against the rate.
  const { before, version } = act.method === 'POST' ? { before: null, version: undefined } : await look(call, row)
  if (digest !== digestOf(act, before)) throw changed('what it would change is not as it was shown')
  return { ...act, ...(version !== undefined && { headers: { 'if-match': `"v${version}"` } }) }
}

export function refusalOf({ status, text }: { readonly status: number; readonly text: string }): Problem {
  const said = jsonOr(text)
  const { code, detail, errors } = (typeof said === 'object' && said !== null ? said : {}) as Record<string, unknown>
  return new Problem(
    status,
    typeof code === 'string' ? code : 'refused',
    `nothing was done, and the proposal is still waiting: ${typeof detail === 'string' ? detail : `it was answered ${status}`}`,
    Array.isArray(errors) ? { errors } : {},
  )
}
