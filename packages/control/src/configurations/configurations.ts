// Stored configurations: every change is a new version, kept with its author and reason, written in one transaction
// with its audit row.
import { newId } from '../access/tokens.ts'
import { appendAudit, type Caller } from '../audit/audit.ts'
import { notFound, Problem } from '../http/problem.ts'
import type { ConfigurationTable } from '../store/schema.ts'
import type { Store, Writer } from '../store/store.ts'
import { type ConfigurationDocument, type ConfigurationView, configurationDocument, diff } from './document.ts'

export interface Version {
  readonly version: number
  readonly document: ConfigurationDocument
  readonly actor: string
  readonly reason: string | null
  readonly created_at: string
}

export interface Configurations {
  /** Those whose row number is above `after`, oldest first, at most `limit`. */
  list(after: number, limit: number): Promise<readonly { readonly seq: number; readonly view: ConfigurationView }[]>
  /** @throws Problem 404 */
  get(id: string): Promise<ConfigurationView>
  byName(name: string): Promise<ConfigurationView | undefined>
  /** @throws Problem 409 for a name that is taken */
  create(document: ConfigurationDocument, caller: Caller, reason?: string): Promise<ConfigurationView>
  /** @throws Problem 404; 412 when `version` is given and is not the one in force; 409 */
  replace(
    id: string,
    document: ConfigurationDocument,
    caller: Caller,
    versions?: readonly number[],
    reason?: string,
  ): Promise<ConfigurationView>
  remove(id: string, caller: Caller, versions?: readonly number[]): Promise<void>
  versions(id: string): Promise<readonly Version[]>
  /** Puts the document of an earlier version in force again, as a new version. */
  rollback(id: string, to: number, caller: Caller): Promise<ConfigurationView>
  /** Called after each committed change; returns a function that unsubscribes. */
  onChange(listener: (name: string) => void): () => void
}

export function configurations(store: Store): Configurations {
  const listeners = new Set<(name: string) => void>()
  const tell = (name: string): void => {
    for (const listener of listeners) listener(name)
  }

  const replace: Configurations['replace'] = async (id, document, caller, versions, reason) => {
    const view = await store.write(async (tx) => {
      const held = await heldRow(tx, id, versions)
      await refuseTaken(tx, document.name, id)
      const now = await store.now(tx)
      const next = held.version + 1
      await tx
        .updateTable('configurations')
        .set({ name: document.name, document: JSON.stringify(document), version: next, updated_at: now })
        .where('id', '=', id)
        .execute()
      await keepVersion(tx, id, next, document, caller.actor, reason, now)
      const changes = diff(documentOf(held), document)
      await appendAudit(store, tx, {
        ...caller,
        kind: 'change',
        action: 'configuration.update',
        target: document.name,
        detail: { id, version: next, reason, changes },
      })
      return viewOf({
        ...held,
        name: document.name,
        document: JSON.stringify(document),
        version: next,
        updated_at: now,
      })
    })
    tell(view.name)
    return view
  }

  return {
    replace,
    async list(after, limit) {
      const rows = await store.read
        .selectFrom('configurations')
        .selectAll()
        .where('deleted', '=', 0)
        .where('seq', '>', after)
        .orderBy('seq')
        .limit(limit)
        .execute()
      return rows.map((row) => ({ seq: Number(row.seq), view: viewOf(row) }))
    },
    async get(id) {
      const row = await store.read
        .selectFrom('configurations')
        .selectAll()
        .where('id', '=', id)
        .where('deleted', '=', 0)
        .executeTakeFirst()
      if (row === undefined) throw notFound(`configuration ${id}`)
      return viewOf(row)
    },
    async byName(name) {
      const row = await store.read
        .selectFrom('configurations')
        .selectAll()
        .where('name', '=', name)
        .where('deleted', '=', 0)
        .executeTakeFirst()
      return row === undefined ? undefined : viewOf(row)
    },
    async create(document, caller, reason) {
      const view = await store.write(async (tx) => {
        await refuseTaken(tx, document.name)
        const now = await store.now(tx)
        const row = {
          id: newId('cfg'),
          name: document.name,
          document: JSON.stringify(document),
          version: 1,
          created_at: now,
          updated_at: now,
          deleted: 0,
        }
        await tx.insertInto('configurations').values(row).execute()
        await keepVersion(tx, row.id, 1, document, caller.actor, reason, now)
        await appendAudit(store, tx, {
          ...caller,
          kind: 'change',
          action: 'configuration.create',
          target: document.name,
          detail: { id: row.id, reason, document },
        })
        return viewOf(row)
      })
      tell(view.name)
      return view
    },
    async remove(id, caller, versions) {
      const name = await store.write(async (tx) => {
        const held = await heldRow(tx, id, versions)
        await tx.updateTable('configurations').set({ deleted: 1 }).where('id', '=', id).execute()
        await appendAudit(store, tx, {
          ...caller,
          kind: 'change',
          action: 'configuration.delete',
          target: held.name,
          detail: { id, version: held.version },
        })
        return held.name
      })
      tell(name)
    },
    async versions(id) {
      const rows = await store.read
        .selectFrom('configuration_versions')
        .selectAll()
        .where('configuration_id', '=', id)
        .orderBy('version', 'desc')
        .execute()
      if (rows.length === 0) throw notFound(`configuration ${id}`)
      return rows.map(({ version, document, actor, reason, created_at }) => ({
        version,
        document: configurationDocument.parse(JSON.parse(document)),
        actor,
        reason,
        created_at: timeOf(created_at),
      }))
    },
    async rollback(id, to, caller) {
      const row = await store.read
        .selectFrom('configuration_versions')
        .select('document')
        .where('configuration_id', '=', id)
        .where('version', '=', to)
        .executeTakeFirst()
      if (row === undefined) throw notFound(`version ${to} of configuration ${id}`)
      return replace(
        id,
        configurationDocument.parse(JSON.parse(row.document)),
        caller,
        undefined,
        `roll back to version ${to}`,
      )
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export const etagOf = (version: number): string => `"v${version}"`

async function refuseTaken(tx: Writer, name: string, but = ''): Promise<void> {
  const taken = await tx
    .selectFrom('configurations')
    .select('id')
    .where('name', '=', name)
    .where('deleted', '=', 0)
    .where('id', '!=', but)
    .executeTakeFirst()
  if (taken !== undefined)
    throw new Problem(
      409,
      'name_taken',
      `${JSON.stringify(name)} is already the name of ${taken.id}: change that one, or choose another name`,
      {
        errors: [{ pointer: '/name', code: 'name_taken', detail: 'a configuration of this name exists' }],
      },
    )
}

async function keepVersion(
  tx: Writer,
  id: string,
  version: number,
  document: ConfigurationDocument,
  actor: string,
  reason: string | undefined,
  now: number,
): Promise<void> {
  await tx
    .insertInto('configuration_versions')
    .values({
      configuration_id: id,
      version,
      document: JSON.stringify(document),
      actor,
      reason: reason ?? null,
      created_at: now,
    })
    .execute()
}

const documentOf = ({ document }: { readonly document: string }): ConfigurationDocument =>
  configurationDocument.parse(JSON.parse(document))

const timeOf = (ms: number): string => new Date(Number(ms)).toISOString()

function viewOf(row: Omit<ConfigurationTable, 'seq'>): ConfigurationView {
  return {
    id: row.id,
    ...documentOf(row),
    version: row.version,
    created_at: timeOf(row.created_at),
    updated_at: timeOf(row.updated_at),
  }
}

/** @param versions one of which must be in force; undefined: any */
async function heldRow(
  tx: Writer,
  id: string,
  versions: readonly number[] | undefined,
): Promise<Omit<ConfigurationTable, 'seq'>> {
  const held = await tx
    .selectFrom('configurations')
    .selectAll()
    .where('id', '=', id)
    .where('deleted', '=', 0)
    .executeTakeFirst()
  if (held === undefined) throw notFound(`configuration ${id}`)
  if (versions !== undefined && !versions.includes(held.version)) {
    throw new Problem(
      412,
      'version_mismatch',
      `version ${held.version} is in force, not ${versions.join(' or ')}: read it again, then decide`,
      {
        headers: { ETag: etagOf(held.version) },
        extra: { version: held.version },
      },
    )
  }
  return held
}
