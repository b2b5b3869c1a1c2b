// What takes a change of memory back.
import type { MemoryChange } from '../../api/types.ts'

interface Changed {
  readonly error: string | null
  readonly changes: readonly { readonly setting: string; readonly from: unknown }[]
}

/**
 * What was there before, as the processes say. Undefined where nothing was changed, or where they had different
 * settings.
 */
export function undoOf(nodes: readonly Changed[]): MemoryChange | undefined {
  const before = new Map<string, unknown>()
  const answered = nodes.filter(({ error }) => error === null)
  const rows = answered.flatMap(({ changes }) => changes)
  for (const { setting, from } of rows) {
    const name = setting.split('.').at(-1) ?? setting
    if (before.has(name) && before.get(name) !== from) return undefined
    before.set(name, from)
  }
  // A process that does not name a setting had the new one already.
  if (rows.length !== before.size * answered.length) return undefined
  const [entries, megabytes, policy] = [before.get('max_entries'), before.get('max_size_mb'), before.get('policy')]
  const undo = {
    ...(typeof entries === 'number' && { max_entries: entries }),
    ...(typeof megabytes === 'number' && { max_bytes: Math.round(megabytes * MEGABYTE) }),
    ...(typeof policy === 'string' && { policy }),
  }
  return Object.keys(undo).length === 0 ? undefined : undo
}

/** As configurations count them. */
const MEGABYTE = 1024 * 1024
