// A refusal for want of a permission: recorded in the audit log, then answered.
import type { Principal } from '../access/roles.ts'
import { appendAudit, type Caller } from '../audit/audit.ts'
import type { Store } from '../store/store.ts'
import { Problem } from './problem.ts'

/** Records that the caller was refused the action on the target, then throws the problem. */
export async function refuse(
  store: Store,
  caller: Caller,
  of: { readonly action: string; readonly target: string },
  problem: Problem,
): Promise<never> {
  await store.write((tx) => appendAudit(store, tx, { ...caller, kind: 'access', ...of, outcome: 'refused' }))
  throw problem
}

/** 403: the caller lacks a permission. */
export const lacks = ({ role }: Principal, permission: string): Problem =>
  new Problem(
    403,
    'forbidden',
    `this needs the permission ${permission}, which the role ${role} or this token does not have`,
  )
