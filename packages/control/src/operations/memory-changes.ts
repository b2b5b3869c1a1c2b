// What has changed the memory of a cache, from the audit log and from operations; and what undoes one of these changes,
// unless that would overwrite a later one.
import { z } from 'zod'
import type { Asked } from '../agent/requests.ts'
import type { Store } from '../store/store.ts'
import type { OperationView } from './operations.ts'

type MemoryChange = Asked<'tune'>

/** What changes the memory of a cache, as the audit log names it. */
const CHANGES = ['optimize', 'experiment', 'configuration.create', 'configuration.update', 'configuration.delete']
/** In the units of configurations. */
const MEGABYTE = 1024 * 1024

export interface Changed {
  /** Of the operation that did it; undefined for a stored configuration. */
  readonly id: string | undefined
  readonly by: string
  readonly at: string
  /** Whether it changed one of these fields of memory; always true where the log does not tell what was changed. */
  isAbout(fields: readonly string[]): boolean
}

/**
 * The changes of a cache from an instant on, oldest first. What was only planned (`dry_run`) and what failed in every
 * process is left out; an operation without an end is not, since its processes may have done it.
 */
export async function changesOf({ read }: Store, cache: string, fromMs: number): Promise<readonly Changed[]> {
  const rows = await read
    .selectFrom('audit')
    .select(['kind', 'actor', 'at', 'action', 'detail', 'outcome'])
    .where('action', 'in', CHANGES)
    .where('kind', 'in', ['change', 'intent', 'result'])
    .where('target', '=', cache)
    .where('at', '>=', fromMs)
    .orderBy('seq')
    .execute()
  const told = rows.map((row) => ({ ...row, id: ofOperation.safeParse(JSON.parse(row.detail)).data?.id }))
  const failed = new Set(told.flatMap(({ kind, outcome, id }) => (kind === 'result' && outcome !== 'ok' ? [id] : [])))
  return told
    .filter(({ kind, outcome, id }) => kind !== 'result' && outcome === 'ok' && (id === undefined || !failed.has(id)))
    .map(({ id, actor, at, action, detail }) => {
      const changed = changedBy(action, JSON.parse(detail))
      return {
        id,
        by: actor,
        at: new Date(Number(at)).toISOString(),
        isAbout: (fields) => changed === undefined || fields.some((field) => changed.includes(field)),
      }
    })
}

const ofOperation = z.object({ id: z.string() })
const ofRequest = z.object({ request: z.object({ change: z.record(z.string(), z.unknown()) }) })
/** A stored configuration is sent as a whole, so that each of its fields sets the size of memory again. */
const SIZES = ['max_entries', 'max_bytes']

/** Undefined: that may be anything. */
function changedBy(action: string, detail: unknown): readonly string[] | undefined {
  if (action.startsWith('configuration.')) return SIZES
  const { data } = ofRequest.safeParse(detail)
  return data === undefined ? undefined : Object.keys(data.request.change)
}

const changed = z.object({
  nodes: z.array(
    z.object({
      error: z.string().nullable(),
      changes: z.array(z.object({ setting: z.string(), from: z.unknown() })),
    }),
  ),
})

/**
 * The settings before an operation, as the processes report them. Undefined if nothing was changed, or if the settings
 * of the processes differed.
 */
export function undoOf({ result }: Pick<OperationView, 'result'>): MemoryChange | undefined {
  const answered = (changed.safeParse(result).data?.nodes ?? []).filter(({ error }) => error === null)
  const rows = answered.flatMap(({ changes }) => changes)
  const before = new Map<string, unknown>()
  for (const { setting, from } of rows) {
    const name = setting.split('.').at(-1) ?? setting
    if (before.has(name) && before.get(name) !== from) return undefined
    before.set(name, from)
  }
  // A process that does not report a setting already had the new one.
  if (rows.length === 0 || rows.length !== before.size * answered.length) return undefined
  const [entries, megabytes, policy] = [before.get('max_entries'), before.get('max_size_mb'), before.get('policy')]
  const undo = {
    ...(typeof entries === 'number' && { max_entries: entries }),
    ...(typeof megabytes === 'number' && { max_bytes: Math.round(megabytes * MEGABYTE) }),
    ...(typeof policy === 'string' && { policy: policy as NonNullable<MemoryChange['policy']> }),
  }
  return Object.keys(undo).length === before.size ? undo : undefined
}

/** The first later change of the fields that an operation has changed: by whom, and when. */
export async function changedSince(
  store: Store,
  view: OperationView,
): Promise<{ readonly by: string; readonly at: string } | undefined> {
  const fields = Object.keys(asked.safeParse(view.request).data?.change ?? {})
  const changes = await changesOf(store, view.caches[0] ?? '', Date.parse(view.created_at))
  // What it was begun after in the same millisecond is listed before it.
  const own = changes.findIndex(({ id }) => id === view.id)
  return changes.slice(own + 1).find((change) => change.isAbout(fields))
}

const asked = z.object({ change: z.record(z.string(), z.unknown()) })
