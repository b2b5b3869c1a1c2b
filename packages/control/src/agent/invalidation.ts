// A node's part in an invalidation: its plan, the run, whether this process has applied it, and whether older entries
// are still served.
import type { Cache, DryRun, Receipt } from 'millpond'
import { type Criteria, resolveCriteria } from 'millpond/invalidate'
import type { Answered, NodePlan, NodeReceipt } from './answers.ts'
import { planOfKeys } from './key-namespaces.ts'
import type { Asked, AskedCriteria } from './requests.ts'
import { chosen, keyOf, spaceOf } from './spaces.ts'
import { entriesOf, goOn, type Walk } from './walks.ts'

/** For the walk; an exact count takes as long again, and is not begun if the walk did not finish. */
const PLAN_MS = 2500
/** How many keys of a plan are kept: for the sample that is shown and probed, and for the undo. */
export const HOTTEST = 500
const LOOK_EVERY_MS = 10

const criteriaOf = ({ keys, tags, patterns, model, id, all }: AskedCriteria): Criteria => ({
  ...(keys !== undefined && { keys: keys.map(keyOf) }),
  ...(tags !== undefined && { tags }),
  ...(patterns !== undefined && { patterns }),
  ...(model !== undefined && { model }),
  ...(id !== undefined && { id }),
  ...(all !== undefined && { all }),
})

export async function plan(
  cache: Cache,
  { namespaces, criteria, scan }: Asked<'plan'>,
  budgetMs = PLAN_MS,
): Promise<NodePlan> {
  const asked = criteriaOf(criteria)
  const open = chosen(cache, namespaces)
  const { keys, ...others } = criteria
  if (keys !== undefined && Object.values(others).every((value) => value === undefined))
    return planOfKeys(cache, open, keys)
  const { selects, tags: cascade } = resolveCriteria(withRelations(cache, asked), { now: Date.now() })
  const found = new Map<string, number>()
  const hottest: { namespace: string; key: string; hits: number }[] = []
  let [entries, bytes, reads] = [0, 0, 0]
  const walk: Walk = { entries: entriesOf(cache, open), scanned: 0 }
  const isWhole = await goOn(walk, budgetMs, (entry) => {
    if (!selects(entry)) return true
    entries++
    bytes += entry.bytes
    reads += entry.hits / Math.max(1, entry.ageMs / 1000)
    found.set(entry.namespace, (found.get(entry.namespace) ?? 0) + 1)
    hottest.push({ namespace: entry.namespace, key: entry.key, hits: entry.hits })
    if (hottest.length > 4 * HOTTEST) keepHottest(hottest)
    return true
  })
  keepHottest(hottest)
  const isMemoryAlone = cache.describe().tiers.every(({ name, enabled }) => name === 'memory' || !enabled)
  const base = { bytes, reads_per_second: Math.round(reads * 100) / 100, hottest }
  if (!scan && !(isMemoryAlone && isWhole))
    return {
      ...base,
      entries,
      namespaces: Object.fromEntries(found),
      cascade,
      is_exact: false,
      ...(!isWhole && { is_cut: true }),
    }
  const tried = await Promise.all(open.map((name) => spaceOf(cache, name).invalidate(asked, { dryRun: true })))
  return { ...base, ...summed(open, tried), is_exact: isWhole && tried.every(({ isExact }) => isExact) }
}

/** What the cache declares to be invalidated together with a model. */
function withRelations(cache: Cache, asked: Criteria): Criteria {
  const { model, id, tags = [] } = asked
  if (model === undefined) return asked
  const change = cache.changes.transaction()
  for (const kind of ['save', 'delete'] as const) change.modelChanged(model, id, kind)
  return { ...asked, tags: [...tags, ...change.tags()] }
}

function keepHottest(hottest: { readonly hits: number }[]): void {
  hottest.sort((a, b) => b.hits - a.hits)
  hottest.length = Math.min(hottest.length, HOTTEST)
}

function summed(
  open: readonly string[],
  tried: readonly DryRun[],
): Pick<NodePlan, 'entries' | 'namespaces' | 'cascade'> {
  const counts = open.flatMap((name, at): [string, number][] =>
    tried[at]?.wouldRemove ? [[name, tried[at].wouldRemove]] : [],
  )
  return {
    entries: counts.reduce((all, [, count]) => all + count, 0),
    namespaces: Object.fromEntries(counts),
    cascade: [...new Set(tried.flatMap(({ tags }) => tags))],
  }
}

export async function invalidate(
  cache: Cache,
  { namespaces, criteria, mode }: Asked<'invalidate'>,
): Promise<Answered['invalidate']> {
  const asked = criteriaOf(criteria)
  const began = performance.now()
  const receipts = await Promise.all(
    chosen(cache, namespaces).map(async (name) =>
      receiptOf(name, await spaceOf(cache, name).invalidate(asked, { mode })),
    ),
  )
  return { receipts, ms: performance.now() - began }
}

const receiptOf = (
  namespace: string,
  { id, position, removed, isExact, isApplied, ms, tiers, outlets }: Receipt,
): NodeReceipt => ({
  namespace,
  receipt: id,
  position,
  removed,
  is_exact: isExact,
  is_applied: isApplied,
  ms: Math.round(ms * 10) / 10,
  tiers,
  outlets,
})

/** Waits until this process has applied the positions. A namespace that is not open here has nothing to invalidate. */
export async function acked(cache: Cache, { positions, wait_ms }: Asked<'acked'>): Promise<Answered['acked']> {
  const until = performance.now() + wait_ms
  for (;;) {
    const open = chosen(cache, Object.keys(positions))
    const behind = open.filter((name) => {
      const wanted = positions[name]
      const { epoch, position } = spaceOf(cache, name).stats().ledger
      // Another epoch: everything from before it is invalid.
      return wanted !== undefined && epoch === wanted.epoch && position < wanted.seq
    })
    if (behind.length === 0 || performance.now() >= until) return { ok: behind.length === 0, behind }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

/** Whether an entry older than the invalidation is still fresh. */
export async function probe(cache: Cache, { keys }: Asked<'probe'>): Promise<Answered['probe']> {
  const old: string[] = []
  const open = new Set(chosen(cache, undefined))
  for (const { namespace, key, seq, epoch } of keys) {
    if (!open.has(namespace)) continue
    const { tiers } = await spaceOf(cache, namespace).explain(keyOf(key))
    if (
      tiers.some(({ state, asOf }) => state === 'fresh' && asOf !== undefined && asOf.epoch === epoch && asOf.seq < seq)
    )
      old.push(key)
  }
  return { checked: keys.length, old }
}
