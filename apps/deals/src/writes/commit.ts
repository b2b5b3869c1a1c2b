// The steps of a write: lock, change, increase the versions of what was touched, record what the cache must invalidate,
// commit.
import type { Database, Writer } from '../db/database.ts'
import { lockVersions, move, type Versions } from '../db/versions.ts'
import { Refused } from './refused.ts'

/** The effects of a write. */
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
  /** The note that remains until the cache has been invalidated. */
  readonly noteId: string
}

/**
 * Runs `works` in one transaction, each with its own place in the order of all writes. A refused one is left out
 * without affecting the others; any other failure rolls all of them back. One note for all outlives a crash between the
 * commit and the invalidation.
 */
export async function commitAll<T>(
  db: Database,
  works: readonly ((tx: Writer) => Promise<Changed<T>>)[],
): Promise<(Committed<T> | Refused)[]> {
  const at = Date.now()
  const noteId = crypto.randomUUID()
  const outcomes: (Committed<T> | Refused)[] = []
  const nothing = new Error('nothing was written')
  const write = async (tx: Writer): Promise<void> => {
    let place: number | undefined = await lockVersions(tx, at)
    for (const work of works) {
      place ??= await lockVersions(tx, at)
      const changed = await work(tx).catch(refusal)
      if (changed instanceof Refused) {
        outcomes.push(changed)
        continue
      }
      const versions = changed.touched.length > 0 ? await move(tx, changed.touched, at) : {}
      outcomes.push({ ...changed, versions, write: place, noteId })
      place = undefined
    }
    const done = outcomes.filter((outcome): outcome is Committed<T> => !(outcome instanceof Refused))
    if (done.length === 0) throw nothing // and no place in the order is taken
    const touched = [...new Set(done.flatMap((outcome) => outcome.touched))]
    if (touched.length > 0)
      await tx
        .insertInto('pending_invalidations')
        .values({ id: noteId, tags: JSON.stringify(touched) })
        .execute()
  }
  await db.write(write).catch((error: unknown) => {
    if (error !== nothing) throw error
  })
  return outcomes
}

function refusal(error: unknown): Refused {
  if (error instanceof Refused) return error
  throw error
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
