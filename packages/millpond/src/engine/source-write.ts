// Writes that a source takes part in. Caches are told before and after: a load that began before the source's commit is void after it, and the value is
// cached only where nobody has moved its key in between. Of two writers whose writes overlap, neither's value stays: nobody but the source knows their order.
import type { Position } from '../core/ledger.ts'
import type { LoadPolicy } from '../core/options.ts'
import type { MoveMark } from './flights.ts'
import { forget } from './forget.ts'
import { ledgerTier, type Space } from './space.ts'
import { type WriteItem, writeUnmoved } from './write.ts'

/** A write on its way to the source. Must be ended. */
export interface SourceWrite {
  readonly keys: readonly string[]
  /** As things stood when it began. */
  readonly since: Position
  readonly marks: readonly MoveMark[]
}

/** An item with what it is stored by. */
export interface SourceItem extends WriteItem {
  readonly policy: LoadPolicy
}

/** `forgets`: what is cached of the keys is void from now on. @throws MillpondError `LEDGER_UNREACHABLE`: the source must not be written. */
export async function beginWrite(space: Space, keys: readonly string[], forgets: boolean): Promise<SourceWrite> {
  let since: Position
  if (forgets) since = (await forget(space, { keys, reason: 'data_changed' })).position
  else {
    await space.ledger.ensure()
    since = space.ledger.view.position
  }
  // Elsewhere the ledger's numbers tell.
  return { keys, since, marks: space.far.length > 0 ? [] : keys.map((key) => space.flights.mark(key)) }
}

/** The source has taken them: caches take them too, or forget them. @throws MillpondError `LEDGER_UNREACHABLE`, `VALUE_UNSUPPORTED`. */
export async function endWrite(space: Space, write: SourceWrite, items: readonly SourceItem[]): Promise<void> {
  try {
    const left = new Set(write.keys)
    const groups = new Map<LoadPolicy, WriteItem[]>()
    for (const { policy, ...item } of items) {
      const mayStore = policy.ttlMs > 0 && (space.far.length === 0 || ledgerTier(space)?.enabled === true)
      const isMoved = write.marks.some((mark) => mark.key === item.key && mark.isMoved)
      if (!mayStore || isMoved) continue
      left.delete(item.key)
      const group = groups.get(policy)
      if (group === undefined) groups.set(policy, [item])
      else group.push(item)
    }
    const work = [...groups].map(([policy, group]) => writeUnmoved(space, group, policy, write.since))
    if (left.size > 0) work.push(forget(space, { keys: [...left], reason: 'data_changed' }).then(() => {}))
    await Promise.all(work)
  } finally {
    release(space, write)
  }
}

/** Nobody knows whether the source has taken them: caches forget the keys. Its own failure is told elsewhere. */
export async function abandonWrite(space: Space, write: SourceWrite): Promise<void> {
  release(space, write)
  await forget(space, { keys: write.keys, reason: 'data_changed' }).catch(() => {})
}

function release({ flights }: Space, { marks }: SourceWrite): void {
  for (const mark of marks) flights.unmark(mark)
}
