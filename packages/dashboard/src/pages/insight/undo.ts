// The undo of a memory change.
import type { MemoryChange } from '../../api/types.ts'

interface Changed {
  readonly error: string | null
  readonly changes: readonly { readonly setting: string; readonly from: unknown }[]
}

/**
 * The previous settings, as the processes report them. Undefined if nothing was changed, or their settings differed.
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
  // A process that does not report a setting already had the new one.
  if (rows.length !== before.size * answered.length) return undefined
  const [entries, megabytes, policy] = [before.get('max_entries'), before.get('max_size_mb'), before.get('policy')]
  const undo = {
    ...(typeof entries === 'number' && { max_entries: entries }),
    ...(typeof megabytes === 'number' && { max_bytes: Math.round(megabytes * MEGABYTE) }),
    ...(typeof policy === 'string' && { policy }),
  }
  return Object.keys(undo).length === 0 ? undefined : undo
}

/** In the units of configurations. */
const MEGABYTE = 1024 * 1024
