// Stored alerts: one row per firing, identified by its fingerprint, resolved by hand or automatically, kept until its
// retention ends.
import { newId } from '../access/tokens.ts'
import { appendAudit, type Caller } from '../audit/audit.ts'
import { notFound, Problem } from '../http/problem.ts'
import type { AlertTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

export const SEVERITIES = ['critical', 'high', 'medium'] as const
export type Severity = (typeof SEVERITIES)[number]

export interface Finding {
  readonly rule: string
  readonly cache: string
  /** A tier, a node; empty: the cache as a whole. */
  readonly subject: string
  readonly severity: Severity
  readonly value: number
  readonly threshold: number
  readonly message: string
}

export interface AlertView {
  readonly id: string
  readonly fingerprint: string
  readonly rule: string
  readonly severity: string
  readonly cache_name: string
  readonly state: string
  readonly value: number | null
  readonly threshold: number | null
  readonly message: string
  readonly since: string
  readonly updated_at: string
  readonly resolved_at: string | null
  readonly resolved_by: string | null
  readonly note: string | null
}

export interface AlertFilter {
  readonly state?: 'firing' | 'resolved' | undefined
  readonly cache?: string | undefined
  readonly before?: number | undefined
  readonly limit: number
}

export const fingerprintOf = ({ rule, cache, subject }: Pick<Finding, 'rule' | 'cache' | 'subject'>): string =>
  [rule, cache, subject].join('/')

export class Alerts {
  readonly #store: Store
  readonly #listeners = new Set<Listener>()

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * Called for each alert that is raised, changes its severity or is resolved, with every severity that it has had;
   * returns a function that unsubscribes.
   */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Newest first. */
  async list({
    state,
    cache,
    before,
    limit,
  }: AlertFilter): Promise<readonly { readonly seq: number; readonly view: AlertView }[]> {
    let rows = this.#store.read.selectFrom('alerts').selectAll().orderBy('seq', 'desc').limit(limit)
    if (state !== undefined) rows = rows.where('state', '=', state)
    if (cache !== undefined) rows = rows.where('cache', '=', cache)
    if (before !== undefined) rows = rows.where('seq', '<', before)
    return (await rows.execute()).map((row) => ({ seq: Number(row.seq), view: viewOf(row) }))
  }

  /** @throws Problem 404 */
  async get(id: string): Promise<AlertView> {
    const row = await this.#store.read.selectFrom('alerts').selectAll().where('id', '=', id).executeTakeFirst()
    if (row === undefined) throw notFound(`alert ${id}`)
    return viewOf(row)
  }

  async isFiring(fingerprint: string): Promise<boolean> {
    return (await firing(this.#store.read, fingerprint)) !== undefined
  }

  /**
   * Whether the alert is silenced. Its resolution is still announced if the silence began after the alert was:
   * recipients of the first message wait for the second.
   */
  async isSilent({ rule, cache_name, state, since }: AlertView): Promise<boolean> {
    const now = await this.#store.now()
    const held = silencesOf(this.#store.read, rule, cache_name).where('until', '>', now)
    const named = state === 'resolved' ? held.where('created_at', '<=', Date.parse(since)) : held
    return (await named.executeTakeFirst()) !== undefined
  }

  /**
   * Raises it once; one that already fires takes the new value, and is announced again if its severity has changed or a
   * silence has ended.
   */
  async raise(finding: Finding): Promise<void> {
    const fingerprint = fingerprintOf(finding)
    const { severity, value, threshold, message } = finding
    const told = await this.#store.write(async (tx) => {
      const now = await this.#store.now(tx)
      const held = await firing(tx, fingerprint)
      if (held !== undefined) {
        const isUnsilenced = await hasSilenceEnded(tx, held, now)
        // After the end of that silence, which is announced once.
        const severities = [...new Set([...severitiesOf(held), severity])].join(',')
        const next = { severity, severities, value, threshold, message, updated_at: isUnsilenced ? now + 1 : now }
        await tx.updateTable('alerts').set(next).where('id', '=', held.id).execute()
        return held.severity !== severity || isUnsilenced ? { ...held, ...next } : undefined
      }
      const { subject: _, ...about } = finding
      const row = {
        ...about,
        id: newId('alr'),
        fingerprint,
        severities: severity,
        state: 'firing',
        since: now,
        updated_at: now,
        resolved_at: null,
        resolved_by: null,
        note: null,
      }
      await tx.insertInto('alerts').values(row).execute()
      return row
    })
    if (told !== undefined) this.#tell(told)
  }

  /** Alerts that no longer fire, resolved automatically. */
  async settle(fingerprint: string): Promise<void> {
    const told = await this.#store.write(async (tx) => {
      const now = await this.#store.now(tx)
      const held = await firing(tx, fingerprint)
      if (held === undefined) return undefined
      const next = { state: 'resolved', resolved_at: now, resolved_by: 'itself', updated_at: now }
      await tx.updateTable('alerts').set(next).where('id', '=', held.id).execute()
      return { ...held, ...next }
    })
    if (told !== undefined) this.#tell(told)
  }

  /** By hand: it is raised again only after its cause has gone. @throws Problem 404, 409 */
  async resolve(id: string, note: string | undefined, caller: Caller): Promise<AlertView> {
    const told = await this.#store.write(async (tx) => {
      const held = await tx.selectFrom('alerts').selectAll().where('id', '=', id).executeTakeFirst()
      if (held === undefined) throw notFound(`alert ${id}`)
      if (held.state === 'resolved')
        throw new Problem(409, 'has_ended', `alert ${id} was already resolved by ${held.resolved_by}`)
      const now = await this.#store.now(tx)
      const next = {
        state: 'resolved',
        resolved_at: now,
        resolved_by: caller.actor,
        note: note ?? null,
        updated_at: now,
      }
      await tx.updateTable('alerts').set(next).where('id', '=', id).execute()
      await appendAudit(this.#store, tx, {
        ...caller,
        kind: 'change',
        action: 'alert.resolve',
        target: held.fingerprint,
        detail: { id, note },
      })
      return { ...held, ...next }
    })
    return this.#tell(told)
  }

  #tell(row: Omit<AlertTable, 'seq'>): AlertView {
    const view = viewOf(row)
    for (const listener of this.#listeners) listener(view, severitiesOf(row))
    return view
  }
}

type Listener = (alert: AlertView, severities: readonly string[]) => void

const severitiesOf = ({ severities, severity }: Pick<AlertTable, 'severities' | 'severity'>): readonly string[] =>
  severities?.split(',') ?? [severity]

/** The row of the firing alert, if there is one. */
const firing = (db: Store['read'], fingerprint: string) =>
  db
    .selectFrom('alerts')
    .selectAll()
    .where('fingerprint', '=', fingerprint)
    .where('state', '=', 'firing')
    .executeTakeFirst()

/** Silences, including past ones, of a rule of a cache. */
const silencesOf = (db: Store['read'], rule: string, cache: string | null) =>
  db
    .selectFrom('silences')
    .select('id')
    .where((eb) =>
      eb.and([
        eb.or([eb('rule', 'is', null), eb('rule', '=', rule)]),
        eb.or([eb('cache', 'is', null), eb('cache', '=', cache)]),
      ]),
    )

/** Silences that ended since the last evaluation: recipients who were told nothing are told that it still fires. */
async function hasSilenceEnded(
  db: Store['read'],
  { rule, cache, updated_at }: Pick<AlertTable, 'rule' | 'cache' | 'updated_at'>,
  now: number,
): Promise<boolean> {
  const ended = silencesOf(db, rule, cache).where('until', '>=', Number(updated_at)).where('until', '<=', now)
  return (await ended.executeTakeFirst()) !== undefined
}

const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(Number(ms)).toISOString())

function viewOf({ cache, since, updated_at, resolved_at, ...row }: Omit<AlertTable, 'seq'>): AlertView {
  const { id, fingerprint, rule, severity, state, value, threshold, message, resolved_by, note } = row
  return {
    id,
    fingerprint,
    rule,
    severity,
    cache_name: cache,
    state,
    value,
    threshold,
    message,
    since: timeOf(since) ?? '',
    updated_at: timeOf(updated_at) ?? '',
    resolved_at: timeOf(resolved_at),
    resolved_by,
    note,
  }
}
