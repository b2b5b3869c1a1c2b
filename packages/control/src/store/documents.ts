// Settings documents: each has a name and a version, and changes together with its audit row.
import { type AuditEntry, appendAudit } from '../audit/audit.ts'
import { Problem } from '../http/problem.ts'
import type { Store } from './store.ts'

/** Undefined if it was never set. */
export async function readDocument(store: Store, name: string): Promise<unknown> {
  const row = await store.read.selectFrom('documents').select('document').where('name', '=', name).executeTakeFirst()
  if (row === undefined) return undefined
  try {
    return JSON.parse(row.document)
  } catch (error) {
    throw new Problem(500, 'store_damaged', `the document ${name} of the store is not JSON (${error})`)
  }
}

/** Only if it was never set: a concurrent writer wins. @returns whether this one was stored */
export function beginDocument(store: Store, name: string, document: unknown, entry: AuditEntry): Promise<boolean> {
  return store.write(async (tx) => {
    const made = await tx
      .insertInto('documents')
      .values({ name, document: JSON.stringify(document), version: 1, updated_at: await store.now(tx) })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .executeTakeFirst()
    if (made.numInsertedOrUpdatedRows !== 1n) return false
    await appendAudit(store, tx, entry)
    return true
  })
}

export async function putDocument(store: Store, name: string, document: unknown, entry: AuditEntry): Promise<void> {
  await store.write(async (tx) => {
    const now = await store.now(tx)
    const text = JSON.stringify(document)
    await tx
      .insertInto('documents')
      .values({ name, document: text, version: 1, updated_at: now })
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet((eb) => ({ document: text, version: eb('documents.version', '+', 1), updated_at: now })),
      )
      .execute()
    await appendAudit(store, tx, entry)
  })
}
