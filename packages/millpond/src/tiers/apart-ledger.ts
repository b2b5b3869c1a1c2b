// A ledger whose entries are stored elsewhere (a ring of nodes, the tiers of a region): they change after the step that
// advances the numbers.
//
// The step decides what may be written and stores nothing: it is given items that have already expired. A drop that a
// store misses leaves a copy that is never accepted, since the ledger keeps its key targets as for any other tier.
import type { Advanced, Change, CommitItem, LedgerStore, TierItem } from '../core/contracts.ts'

/** The store of the entries. */
export interface ApartEntries {
  write(items: readonly TierItem[]): Promise<unknown>
  /**
   * Drops entries after a step of the ledger has invalidated them, on the stores that answer. Resolves with which of
   * them existed.
   */
  forget(keys: readonly string[]): Promise<readonly boolean[]>
}

/** Notified of the epoch that a step was made in. */
export interface EpochListener {
  note(namespace: string, epoch: string): void
}

const NOTHING = new Uint8Array()

/** The item without its body, already expired: judged like any, but not stored. */
const judged = <I extends Omit<TierItem, 'asOf'>>(item: I): I => ({ ...item, body: NOTHING, expiresAt: 0 })

export function apartLedger(inner: LedgerStore, entries: ApartEntries, epochs: EpochListener): LedgerStore {
  inner.coverOtherTiers?.()
  const { unmoved, leaseAll, releaseAll, follow, report, leave, heartbeat, nodes } = inner
  return {
    scope: inner.scope,
    entriesApart: true,
    stepsAtOnce: inner.stepsAtOnce,
    coverOtherTiers: () => inner.coverOtherTiers?.(),
    async pull(namespace, from, progress) {
      const answer = await inner.pull(namespace, from, progress)
      epochs.note(namespace, answer.position.epoch)
      return answer
    },
    async advance(namespace, change) {
      const advanced = await inner.advance(namespace, {
        ...asJudged(change),
        drop: [],
        write: change.write.map(judged),
      })
      epochs.note(namespace, advanced.position.epoch)
      return settle(entries, change, advanced)
    },
    async commit(namespace, items) {
      const verdicts = await inner.commit(namespace, items.map(judged))
      const good: CommitItem[] = items.filter((_, at) => verdicts[at] === true)
      // If it fails, the entry is valid but stored nowhere, as if evicted.
      if (good.length > 0) await entries.write(good).catch(() => {})
      return verdicts
    },
    lease: (namespace, key, id, ms) => inner.lease(namespace, key, id, ms),
    release: (namespace, key, id) => inner.release(namespace, key, id),
    ...(unmoved !== undefined && { unmoved: unmoved.bind(inner) }),
    ...(leaseAll !== undefined && { leaseAll: leaseAll.bind(inner) }),
    ...(releaseAll !== undefined && { releaseAll: releaseAll.bind(inner) }),
    ...(follow !== undefined && { follow: follow.bind(inner) }),
    ...(report !== undefined && { report: report.bind(inner) }),
    ...(leave !== undefined && { leave: leave.bind(inner) }),
    ...(heartbeat !== undefined && { heartbeat: heartbeat.bind(inner) }),
    ...(nodes !== undefined && { nodes: nodes.bind(inner) }),
  }
}

/**
 * A held key accepts no write, but a step reports its writes only if it settles holds or names a position: so it
 * settles an empty set of holds.
 */
function asJudged(change: Change): Change {
  const { unmovedSince, settles, write, targets } = change
  if (write.length === 0 || (unmovedSince ?? settles) !== undefined) return change
  return { ...change, settles: { epoch: 'none', seqs: targets.map(() => undefined) } }
}

async function settle(entries: ApartEntries, change: Change, { stored, ...advanced }: Advanced): Promise<Advanced> {
  const { drop, write } = change
  const isAllowed = (at: number): boolean => stored?.[at] ?? true
  const items: TierItem[] = write.flatMap((item, at) => (isAllowed(at) ? [{ ...item, asOf: advanced.position }] : []))
  const refused = write.flatMap(({ key }, at) => (isAllowed(at) ? [] : [key]))
  const [wasThere] = await Promise.all([
    entries.forget(drop),
    refused.length === 0 ? undefined : entries.forget(refused),
    items.length === 0 ? undefined : entries.write(items).catch(() => {}),
  ])
  return {
    position: advanced.position,
    dropped: wasThere.filter(Boolean).length,
    wasThere,
    ...((change.unmovedSince ?? change.settles) !== undefined && { stored }),
  }
}
