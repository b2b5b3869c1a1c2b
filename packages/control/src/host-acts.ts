// Actions that the host application takes on its caches, recorded for the person who asked: its own actions, and the
// control plane's operations.
import { checkedElsewhere, checkOptions, oneOf, required, type Shape, text } from 'millpond/options'
import type { z } from 'zod'
import { type Principal, SCOPES } from './access/roles.ts'
import { newId } from './access/tokens.ts'
import { type AuditOutcome, appendAudit, type Caller } from './audit/audit.ts'
import type { Control } from './control.ts'
import { invalid } from './http/problem.ts'
import { runInvalidation } from './operations/invalidation.ts'
import { invalidationBody } from './operations/invalidation-body.ts'
import type { OperationView } from './operations/operations.ts'
import { planInvalidation } from './operations/plan.ts'
import { registeredDocument, runRegistered } from './operations/registered.ts'

/** An action of the host application, as an audit row. */
export interface HostAct {
  /** Who asked for it: a user's name, an id. */
  readonly actor: string
  /** One word: `invalidate-cache`. The audit log puts `host.` before it. */
  readonly action: string
  /** Its target: a cache, a kind of response. */
  readonly target: string
  /** Further details, JSON-safe and without secrets. */
  readonly detail?: unknown
  /** Default `ok`. */
  readonly outcome?: AuditOutcome | undefined
  /** The address that it was requested from; absent: unknown. */
  readonly address?: string | undefined
}

/** The person on whose behalf the host application asks. It has already authorised them. */
export interface HostAsker {
  /** A user's name, an id: as the operation and the audit log name it. */
  readonly actor: string
  /** The address that it was requested from; absent: unknown. */
  readonly address?: string | undefined
}

/** What to invalidate, as in the body of `invalidations/invalidate_keys/`. */
export type HostInvalidation = Omit<z.input<typeof invalidationBody>, 'dry_run' | 'plan_id' | 'confirm'>

/** What to warm, as in the body of `warming/warm_registered/`. */
export type HostWarming = z.input<typeof registeredDocument>

export interface HostActs {
  /**
   * Records in the audit log what the host application did to its caches itself: who, what, and the result.
   * @throws the store's errors
   */
  record(act: HostAct): Promise<void>
  /**
   * Invalidates as the admin API does: planned, run, acknowledged by every node, probed, and on record. It asks for no
   * confirmation: the host has done so.
   * @throws ControlProblem 422 for what names nothing, 404 for a cache that is not there, 502 where no tier could be
   * told
   * @example const { id, state } = await plane.invalidate({ tags: ['deals'], reason: 'price import' }, { actor: 'ana'
   * })
   */
  invalidate(what: HostInvalidation, asker: HostAsker): Promise<OperationView>
  /**
   * Starts warming what the application registered. Resolves with the operation's id as soon as it runs; `ended`
   * resolves with the result.
   * @throws ControlProblem 422 for a name that is not registered
   */
  warm(what: HostWarming, asker: HostAsker): Promise<{ readonly id: string; readonly ended: Promise<OperationView> }>
}

const HOST_ACT: Shape<HostAct> = {
  actor: required(text),
  action: required(text),
  target: required(text),
  detail: checkedElsewhere,
  outcome: oneOf('ok', 'refused', 'failed'),
  address: text,
}
const HOST_ASKER: Shape<HostAsker> = { actor: required(text), address: text }

/** Which requests are possible; the host decides who may make them. */
const principalOf = ({ actor }: HostAsker): Principal => ({
  name: actor,
  userId: `host:${actor}`,
  via: 'host',
  role: 'admin',
  scopes: new Set(SCOPES),
  namespaces: undefined,
  maxKeys: undefined,
})

function callerOf(asker: HostAsker, at: string): Caller {
  checkOptions<HostAsker>(asker, HOST_ASKER, at)
  const { actor, address } = asker
  return { actor, via: 'host', address, requestId: newId('req') }
}

export function hostActs(control: Control): HostActs {
  const { store } = control
  return {
    async record(act) {
      checkOptions<HostAct>(act, HOST_ACT, 'record')
      const { action, target, detail, outcome = 'ok' } = act
      const entry = {
        ...callerOf({ actor: act.actor, address: act.address }, 'record'),
        kind: 'change',
        target,
        detail,
        outcome,
      } as const
      await store.write((tx) => appendAudit(store, tx, { ...entry, action: `host.${action}` }))
    },
    async invalidate(what, asker) {
      const caller = callerOf(asker, 'invalidate')
      const { reason, max_keys, ...named } = parsed(invalidationBody, what)
      const principal = principalOf(asker)
      const plan = await planInvalidation(control, principal, named)
      const run = invalidationBody.parse({ plan_id: plan.id, confirm: plan.guard.confirm, reason, max_keys })
      return runInvalidation(control, principal, caller, run)
    },
    async warm(what, asker) {
      const caller = callerOf(asker, 'warm')
      const document = parsed(registeredDocument, what)
      return new Promise((resolve, reject) => {
        const ended = runRegistered(control, principalOf(asker), caller, document, (id) => resolve({ id, ended }))
        ended.catch(reject)
      })
    },
  }
}

/** @throws Problem 422 */
function parsed<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  throw invalid(
    error.issues.map(({ path, code, message }) => ({ pointer: `/${path.join('/')}`, code, detail: message })),
  )
}
