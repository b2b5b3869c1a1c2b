// What the host application does to its caches by itself, on record as the person who asked for it: its own acts, and
// the control plane's operations.
import { checkedElsewhere, checkOptions, oneOf, required, type Shape, text } from 'millpond/options'
import type { z } from 'zod'
import { type Principal, SCOPES } from './access/roles.ts'
import { newId } from './access/tokens.ts'
import { type AuditOutcome, appendAudit } from './audit/audit.ts'
import type { Control } from './control.ts'
import { invalid } from './http/problem.ts'
import { runInvalidation } from './operations/invalidation.ts'
import type { OperationView, Who } from './operations/operations.ts'
import { invalidationBody, planInvalidation } from './operations/plan.ts'
import { registeredDocument, runRegistered } from './operations/registered.ts'

/** An act of the host application, as a row of the audit says it. */
export interface HostAct {
  /** Who asked for it: a user's name, an id. */
  readonly actor: string
  /** In a word: `invalidate-cache`. In the audit `host.` stands before it. */
  readonly action: string
  /** To what: a cache, a kind of answers. */
  readonly target: string
  /** More of it, safe for JSON and without secrets. */
  readonly detail?: unknown
  readonly outcome?: AuditOutcome | undefined
  readonly address?: string | undefined
}

/** For whom the host application asks. It has judged already that they may. */
export interface HostAsker {
  /** A user's name, an id: as the operation and the audit name it. */
  readonly actor: string
  readonly address?: string | undefined
}

/** What an invalidation takes, as the body of `invalidations/invalidate_keys/` says it. */
export type HostInvalidation = Omit<z.input<typeof invalidationBody>, 'dry_run' | 'plan_id' | 'confirm'>

/** What is to be warmed, as the body of `warming/warm_registered/` says it. */
export type HostWarming = z.input<typeof registeredDocument>

export interface HostActs {
  /**
   * Puts what the host application did by itself to its caches on record in the audit: who, what, and what came of it.
   * @throws what the store throws
   */
  record(act: HostAct): Promise<void>
  /**
   * Invalidates as the admin API does: planned, run, acknowledged by every node, probed, and on record. Nothing is
   * asked back: whoever asks has been asked by the host.
   * @throws ControlProblem 422 for what names nothing, 404 for a cache that is not there, 502 where no tier could be
   * told
   * @example
   * const { id, state } = await plane.invalidate({ tags: ['deals'], reason: 'price import' }, { actor: 'ana' })
   */
  invalidate(what: HostInvalidation, asker: HostAsker): Promise<OperationView>
  /**
   * Begins to warm what the application registered. Resolves with the operation's id as soon as it runs; `ended` with
   * what it came to.
   * @throws ControlProblem 422 for what nobody registered
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

/** What may be asked, by whom is judged by the host. */
const principalOf = ({ actor }: HostAsker): Principal => ({
  name: actor,
  userId: `host:${actor}`,
  via: 'host',
  role: 'admin',
  scopes: new Set(SCOPES),
  namespaces: undefined,
  maxKeys: undefined,
})

function whoOf(asker: HostAsker, at: string): Who {
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
        ...whoOf({ actor: act.actor, address: act.address }, 'record'),
        kind: 'change',
        target,
        detail,
        outcome,
      } as const
      await store.write((tx) => appendAudit(store, tx, { ...entry, action: `host.${action}` }))
    },
    async invalidate(what, asker) {
      const who = whoOf(asker, 'invalidate')
      const { reason, max_keys, ...named } = parsed(invalidationBody, what)
      const principal = principalOf(asker)
      const plan = await planInvalidation(control, principal, named)
      const run = invalidationBody.parse({ plan_id: plan.id, confirm: plan.guard.confirm, reason, max_keys })
      return runInvalidation(control, principal, who, run)
    },
    async warm(what, asker) {
      const who = whoOf(asker, 'warm')
      const document = parsed(registeredDocument, what)
      return new Promise((resolve, reject) => {
        const ended = runRegistered(control, principalOf(asker), who, document, (id) => resolve({ id, ended }))
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
