// The journey of a write: lock, change, move the versions of what was touched, note what the cache must forget, commit.
import type { Database, Writer } from '../db/database.ts'
import { lockVersions, move, type Versions } from '../db/versions.ts'

/** What a write did. */
export interface Changed<T> {
  readonly data: T
  /** The scopes it touched. */
  readonly touched: readonly string[]
}

export interface Committed<T> extends Changed<T> {
  /** The new versions of the touched scopes. */
  readonly versions: Versions
  /** Its place in the order of all writes, from 1. */
  readonly write: number
  /** The note that remains until the cache has forgotten what was touched. */
  readonly noteId: string
}

/** Runs `work` in one transaction. Its note outlives a crash between the commit and the invalidation. */
export async function commit<T>(db: Database, work: (tx: Writer) => Promise<Changed<T>>): Promise<Committed<T>> {
  const at = Date.now()
  const noteId = crypto.randomUUID()
  return db.write(async (tx) => {
    const write = await lockVersions(tx, at)
    const { data, touched } = await work(tx)
    const versions = touched.length > 0 ? await move(tx, touched, at) : {}
    if (touched.length > 0)
      await tx
        .insertInto('pending_invalidations')
        .values({ id: noteId, tags: JSON.stringify(touched) })
        .execute()
    return { data, touched, versions, write, noteId }
  })
}

export interface PendingNote {
  readonly id: string
  readonly tags: readonly string[]
}

/** Notes of writes whose invalidation was never acknowledged. */
export async function pendingNotes(db: Database): Promise<PendingNote[]> {
  const rows = await db.kysely.selectFrom('pending_invalidations').selectAll().execute()
  return rows.map((row) => ({ id: row.id, tags: readTags(row.tags) }))
}

export async function forgetNotes(db: Database, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.kysely.deleteFrom('pending_invalidations').where('id', 'in', ids).execute()
}

function readTags(text: string): string[] {
  const tags: unknown = JSON.parse(text)
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : []
}
