// Cache actions by people, run as operations of its control plane: planned, acknowledged by every process, probed, and
// recorded in the caller's name.
import { type ControlPlane, ControlProblem, type HostInvalidation, type OperationView } from '@millpond/control'
import { z } from 'zod'
import type { Database } from '../db/database.ts'
import { scope } from '../db/versions.ts'
import { groupTag, KIND_NAMES, type KindName } from './kinds.ts'
import type { LayerName } from './layer.ts'
import { asked, asResponse } from './strategic.ts'

/** A kind of answers, a layer, or everything. */
export type CacheType = 'all' | LayerName | KindName

export interface Meant {
  readonly type: CacheType
  /** Null: every organisation. */
  readonly organizationId: number | null
  /** With an organisation: what the user is shown there; else what is made of the user's data. */
  readonly userId?: number | undefined
}

/** The caller's name, as people and the audit log know it. */
export interface Asker {
  readonly actor: string
  readonly address?: string | undefined
}

/** The result of an invalidation. */
export interface Invalidated {
  readonly operation: string
  /** `partial`: a process or a tier has not applied it yet, and is retried. */
  readonly state: string
  readonly tags: readonly string[]
  readonly duration_ms: number
  readonly receipts: readonly LayerReceipt[]
  /** Whether each process has applied it. */
  readonly nodes: readonly { readonly id: string; readonly status: string }[]
  /** Keys that were probed afterwards, and those of them that were still old. */
  readonly probe: { readonly checked: number; readonly old: readonly string[] }
}

interface LayerReceipt {
  readonly layer: string
  /** As the log and `explain` name it. */
  readonly id: string
  readonly ms: number
  readonly tiers: readonly { readonly name: string; readonly ok: boolean }[]
}

/** Warming, as its caller follows it. */
export interface WarmJob {
  readonly job: string
  readonly state: 'running' | 'done' | 'failed'
  readonly error?: string
  readonly organizations?: number
  readonly warmed?: number
  /** Already fresh. */
  readonly fresh?: number
  readonly failed?: number
  readonly duration_ms?: number
}

export interface Steering {
  /** @throws ControlProblem 502 if no tier could be told */
  invalidate(meant: Meant, asker: Asker): Promise<Invalidated>
  /** Resolves as soon as it runs; `ended` when it has ended. */
  warm(meant: Omit<Meant, 'userId'>, asker: Asker): Promise<{ readonly id: string; readonly ended: Promise<WarmJob> }>
  /** One of this organisation, or of any (null). Undefined: there is none. */
  job(id: string, organizationId: number | null): Promise<WarmJob | undefined>
}

export interface SteeringParts {
  readonly plane: Pick<ControlPlane, 'invalidate' | 'warm' | 'control'>
  readonly db: Database
}

export function createSteering({ plane, db }: SteeringParts): Steering {
  return {
    invalidate: async (meant, asker) =>
      invalidatedOf(
        await plane.invalidate({ ...criteriaOf(meant), reason: reasonOf('invalidate-cache', meant) }, asker),
      ),
    warm: async (meant, asker) => {
      const { type, organizationId } = meant
      const { id, ended } = await plane.warm(
        {
          cache_type: type,
          ...(organizationId !== null && { organization: String(organizationId) }),
          reason: reasonOf('warm-cache', meant),
        },
        asker,
      )
      return { id, ended: ended.then((view) => jobOf(db, view)) }
    },
    job: async (id, organizationId) => {
      const view = await plane.control.operations.get(id).catch((error: unknown) => {
        if (error instanceof ControlProblem && error.status === 404) return undefined
        throw error
      })
      if (view?.kind !== 'warm') return undefined
      return organizationId === null || organizationOf(view) === String(organizationId) ? jobOf(db, view) : undefined
    },
  }
}

function reasonOf(route: string, { type, organizationId, userId }: Meant): string {
  const where = organizationId === null ? '' : ` of organisation ${organizationId}`
  return `${route}: ${userId === undefined ? type : `user ${userId}`}${where}`
}

function criteriaOf({ type, organizationId, userId }: Meant): HostInvalidation {
  if (userId !== undefined) {
    if (organizationId === null) return { tags: [scope.user(userId)] }
    const questions = [asked.permissions(userId, organizationId), asked.dashboard(userId, organizationId)]
    return { keys: questions.flatMap((question) => [question.key, asResponse(question).key]) }
  }
  if (type === 'all')
    return { tags: organizationId === null ? KIND_NAMES.map(groupTag.kind) : [groupTag.organization(organizationId)] }
  return { cache_type: type, ...(organizationId !== null && { organization: String(organizationId) }) }
}

const count = z.number().catch(0)
const outcome = z.object({
  caches: z.record(
    z.string(),
    z.object({
      receipts: z.array(
        z.object({
          namespace: z.string(),
          receipt: z.string(),
          ms: count,
          tiers: z.array(z.object({ name: z.string(), ok: z.boolean() })),
        }),
      ),
      nodes: z.array(z.object({ id: z.string(), status: z.string() })),
      probe: z.object({ checked: z.number(), old: z.array(z.string()) }),
      ms: z.number(),
    }),
  ),
})
const request = z.object({ criteria: z.object({ tags: z.array(z.string()).default([]) }) })

/** Of the layers only: other contents of the cache do not belong to them. */
const LAYERS: readonly string[] = ['strategic', 'response'] satisfies readonly LayerName[]

function invalidatedOf({ id, state, result, request: given }: OperationView): Invalidated {
  const [done] = Object.values(outcome.parse(result).caches)
  return {
    operation: id,
    state,
    tags: request.parse(given).criteria.tags,
    duration_ms: done?.ms ?? 0,
    receipts: (done?.receipts ?? [])
      .filter(({ namespace }) => LAYERS.includes(namespace))
      .sort((a, b) => LAYERS.indexOf(a.namespace) - LAYERS.indexOf(b.namespace))
      .map(({ namespace, receipt, ms, tiers }) => ({ layer: namespace, id: receipt, ms, tiers })),
    nodes: done?.nodes ?? [],
    probe: done?.probe ?? { checked: 0, old: [] },
  }
}

const warmed = z.object({ loaded: count, fresh: count, empty: count, failed: count })
const failure = z.object({ error: z.string() })
const warmRequest = z.object({ organization: z.string().optional() })

const organizationOf = ({ request: given }: OperationView): string | undefined => warmRequest.parse(given).organization

async function jobOf(db: Database, view: OperationView): Promise<WarmJob> {
  const { id, state, result, created_at, ended_at } = view
  if (state === 'running' || state === 'cancelling') return { job: id, state: 'running' }
  const why = failure.safeParse(result).data?.error
  if (state !== 'completed' && state !== 'partial') return { job: id, state: 'failed', error: why ?? `it was ${state}` }
  const { loaded, fresh, empty, failed } = warmed.parse(result)
  return {
    job: id,
    state: 'done',
    organizations: organizationOf(view) === undefined ? await countOrganizations(db) : 1,
    warmed: loaded + empty,
    fresh,
    failed,
    duration_ms: Date.parse(ended_at ?? created_at) - Date.parse(created_at),
  }
}

async function countOrganizations(db: Database): Promise<number> {
  const { rows } = await db.kysely
    .selectFrom('organizations')
    .select((eb) => eb.fn.countAll<number>().as('rows'))
    .executeTakeFirstOrThrow()
  return Number(rows)
}
