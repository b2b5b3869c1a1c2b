// Stored warming plans with a schedule, by the library's timetables. The control plane that holds the lease of the
// clock runs each when it is due; runs that were missed are made up for once.
import { MillpondError } from 'millpond'
import { type Timetable, type TimetableOptions, timetable } from 'millpond/jobs'
import { z } from 'zod'
import { isRole, type Principal, ROLE_SCOPES } from '../access/roles.ts'
import { reasonOf } from '../agent/reason.ts'
import type { Control } from '../control.ts'
import { invalid, Problem } from '../http/problem.ts'
import { runWarming, warmingDocument } from './warming.ts'

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

export const warmingSchedule = z.strictObject({
  every: z.string().max(40).optional().describe("time from the start of one run to the start of the next: '4h'"),
  cron: z.string().max(200).optional().describe("or a cron expression: '0 3 * * *'"),
  timezone: z.string().max(64).optional().describe('for cron and windows; default UTC'),
  windows: z
    .array(
      z.strictObject({ from: z.string().max(5), to: z.string().max(5), days: z.array(z.enum(DAYS)).min(1).optional() }),
    )
    .min(1)
    .max(20)
    .optional()
    .describe('run only within these hours, such as { from: "22:00", to: "06:00" }'),
})
export type WarmingSchedule = z.output<typeof warmingSchedule>

/** The stored document: a plan, and its schedule if it runs automatically. */
export const keptWarming = warmingDocument.extend({ schedule: warmingSchedule.optional() })
/** The owner of a plan: it runs with the owner's limits, as long as they have access. */
export const warmingOwner = z.object({
  user_id: z.string(),
  role: z.string(),
  namespaces: z.array(z.string()).nullable(),
})

export const ownerOf = ({ userId, role, namespaces }: Principal): string =>
  JSON.stringify({
    user_id: userId,
    role,
    namespaces: namespaces === undefined ? null : [...namespaces],
  } satisfies z.output<typeof warmingOwner>)

/** @throws Problem 422 for a schedule that is invalid, or never comes due */
export function timetableOf(schedule: WarmingSchedule, now: number): Timetable {
  try {
    return timetable(schedule as TimetableOptions, 'schedule', now) // it checks durations itself
  } catch (error) {
    if (error instanceof MillpondError)
      throw invalid([{ pointer: '/schedule', code: 'schedule', detail: reasonOf(error) }])
    throw error
  }
}

/** The next run of a plan: counted from its last run, or from when it was stored. */
export function nextRun(schedule: WarmingSchedule, lastAt: number): number | undefined {
  return timetableOf(schedule, lastAt).next(lastAt, lastAt)
}

export class ScheduledWarming {
  readonly #running = new Set<string>()

  /** Starts what is due, without waiting for it. */
  async look(control: Control, onError: (error: unknown) => void): Promise<void> {
    const now = await control.store.now()
    const rows = await control.store.read
      .selectFrom('warming_plans')
      .selectAll()
      .where('deleted', '=', 0)
      .where('owner', 'is not', null)
      .execute()
    for (const row of rows) {
      const { schedule, ...document } = keptWarming.parse(JSON.parse(row.document))
      if (schedule === undefined || this.#running.has(row.id)) continue
      const last = row.last_run_at === null ? null : Number(row.last_run_at)
      const due = nextRun(schedule, last ?? Number(row.created_at))
      if (due === undefined || due > now || timetableOf(schedule, now).opensAt(now) > now) continue
      const owner = await principalOf(control, document.name, row.owner)
      if (owner === undefined || !(await isTaken(control, row.id, last, now))) continue
      this.#running.add(row.id)
      const caller = { actor: owner.name, via: owner.via, requestId: row.id }
      runWarming(control, owner, caller, { ...document, reason: document.reason ?? 'by its schedule' })
        // A cache that is missing now is reported by the next run; an operation's failure is recorded.
        .catch((error: unknown) => (error instanceof Problem ? undefined : onError(error)))
        .finally(() => this.#running.delete(row.id))
    }
  }
}

/** If several control planes look at once, one of them runs it. */
async function isTaken(control: Control, id: string, last: number | null, now: number): Promise<boolean> {
  const taken = await control.store.read
    .updateTable('warming_plans')
    .set({ last_run_at: now })
    .where('id', '=', id)
    .where('deleted', '=', 0)
    .where('last_run_at', last === null ? 'is' : '=', last)
    .executeTakeFirst()
  return taken.numUpdatedRows > 0n
}

/** Undefined if the owner no longer has access. */
async function principalOf(control: Control, plan: string, text: string | null): Promise<Principal | undefined> {
  const { user_id, role: then, namespaces } = warmingOwner.parse(JSON.parse(text ?? 'null'))
  const user = await control.store.read
    .selectFrom('users')
    .select(['role', 'disabled'])
    .where('id', '=', user_id)
    .executeTakeFirst()
  // Users that the host application signs in have no row.
  const role = user?.role ?? then
  if (user?.disabled === 1 || !isRole(role) || !ROLE_SCOPES[role].includes('warm')) return undefined
  return {
    name: `schedule:${plan}`,
    userId: user_id,
    via: 'schedule',
    role,
    scopes: new Set(['warm']),
    namespaces: namespaces ?? undefined,
    maxKeys: undefined,
  }
}
