// Data versions. A scope is a piece of the data ("the deals of organisation 5"): its number increases in the
// transaction of each write that touches it, an answer lists the numbers of what it shows, and the cache uses the same
// words as tags.
import type { Database, Reader, Writer } from './database.ts'

export type Versions = Readonly<Record<string, number>>

/** Increases with every write: the order of all writes. Never a tag. */
export const EVERY_WRITE = '*'

export const scope = {
  organization: (id: number) => `org:${id}`,
  deals: (organizationId: number) => `org:${organizationId}:deals`,
  deal: (id: number) => `deal:${id}`,
  activity: (organizationId: number) => `org:${organizationId}:activity`,
  members: (organizationId: number) => `org:${organizationId}:members`,
  roles: (organizationId: number) => `org:${organizationId}:roles`,
  user: (id: number) => `user:${id}`,
  /** The deals of one owner in one organisation, with their milestones and activities. */
  owner: (organizationId: number, userId: number) => `owner:${organizationId}:${userId}`,
  allDeals: () => 'all:deals',
}

/** The result of a query, and what it depends on. */
export interface Reading<T> {
  readonly data: T
  readonly versions: Versions
  /** Epoch milliseconds of the last change of anything it shows. */
  readonly changedAt: number
}

/** Reads data and the versions of its scopes in one snapshot. A scope that was never changed has version 0. */
export function readAt<T>(
  db: Database,
  scopes: readonly string[],
  query: (tx: Reader) => Promise<T>,
): Promise<Reading<T>> {
  return db.snapshot(async (tx) => {
    const rows = await tx.selectFrom('data_versions').selectAll().where('scope', 'in', scopes).execute()
    const filledAt = await fillTimeOf(db, tx)
    const found = new Map(rows.map((row) => [row.scope, row.version]))
    return {
      data: await query(tx),
      versions: Object.fromEntries([...scopes].sort().map((name) => [name, found.get(name) ?? 0])),
      changedAt: Math.max(filledAt, ...rows.map((row) => row.changed_at)),
    }
  })
}

const fillTimes = new WeakMap<Database, number>()

/** Read once: data is filled before it is first read, or not at all. */
async function fillTimeOf(db: Database, tx: Reader): Promise<number> {
  const known = fillTimes.get(db)
  if (known !== undefined) return known
  const row = await tx.selectFrom('meta').select('value').where('key', '=', 'filled_at').executeTakeFirst()
  if (row === undefined) return 0
  const at = Number(row.value)
  fillTimes.set(db, at)
  return at
}

/** Of those that have changed; any other is 0. */
export async function versionsOf(tx: Reader, scopes: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.selectFrom('data_versions').select(['scope', 'version']).where('scope', 'in', scopes).execute()
  return new Map(rows.map((row) => [row.scope, row.version]))
}

export async function versionOf(tx: Reader, name: string): Promise<number> {
  return (await versionsOf(tx, [name])).get(name) ?? 0
}

/**
 * Increases the scopes' versions. Must be a write's first statement: the row `*` makes writers wait for each other, so
 * that the order of the numbers is the order of the commits.
 */
export async function lockVersions(tx: Writer, at: number): Promise<number> {
  const moved = await move(tx, [EVERY_WRITE], at)
  return moved[EVERY_WRITE] ?? 0
}

export async function move(tx: Writer, scopes: readonly string[], at: number): Promise<Versions> {
  const rows = await tx
    .insertInto('data_versions')
    .values([...new Set(scopes)].sort().map((name) => ({ scope: name, version: 1, changed_at: at })))
    .onConflict((c) =>
      c.column('scope').doUpdateSet((eb) => ({
        version: eb('data_versions.version', '+', 1),
        changed_at: eb.ref('excluded.changed_at'),
      })),
    )
    .returning(['scope', 'version'])
    .execute()
  return Object.fromEntries(rows.map((row) => [row.scope, row.version]))
}
