// A ledger whose entries lie apart from it (a ring of nodes, the tiers of a region): they change after the step that
// moves the numbers.
//
// The step judges what may be written and stores nothing: it is given items that are over already. What a store misses
// afterwards leaves a copy that nobody trusts, since the ledger keeps its key targets as for any tier beside its own.
import type { Advanced, Change, CommitItem, LedgerStore, TierItem } from '../core/contracts.ts'

/** Where the entries are. */
export interface ApartEntries {
  write(items: readonly TierItem[]): Promise<unknown>
  /**
   * After a step of the ledger, for which nobody trusts them any more: as far as their stores answer. Resolves with
   * which were there.
   */
  forget(keys: readonly string[]): Promise<readonly boolean[]>
}

/** Who is told of the epoch that a step has met. */
export interface EpochListener {
  note(namespace: string, epoch: string): void
}

const NOTHING = new Uint8Array()

/** The same without its body: judged like any, and kept by nobody. */
const judged = <I extends Omit<TierItem, 'asOf'>>(item: I): I => ({ ...item, body: NOTHING, expiresAt: 0 })

export function apartLedger(inner: LedgerStore, entries: ApartEntries, epochs: EpochListener): LedgerStore {
  inner.coverOtherTiers?.()
  const { unmoved, leaseAll, releaseAll, follow, report, heartbeat, nodes } = inner
  return {
    scope: inner.scope,
    entriesApart: true,
    coverOtherTiers: () => inner.coverOtherTiers?.(),
    async pull(namespace, from) {
      const answer = await inner.pull(namespace, from)
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
      // Valid, and nowhere, like what was evicted.
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
    ...(heartbeat !== undefined && { heartbeat: heartbeat.bind(inner) }),
    ...(nodes !== undefined && { nodes: nodes.bind(inner) }),
  }
}

/**
 * A held key takes no write of any kind, and a step tells of its writes only where it ends holds or names a position:
 * so it ends none.
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
