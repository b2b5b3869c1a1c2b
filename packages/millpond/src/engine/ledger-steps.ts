// Steps of bounded size: a change that grows with its argument is sent to the ledger in parts, so that it delays no
// other caller for long.
import type { Change } from '../core/contracts.ts'
import type { Target } from '../core/ledger.ts'
import type { LedgerView } from '../core/ledger-view.ts'

/** The most targets that one step names: a few milliseconds of a shared server. */
export const MAX_STEP = 500
const MIN_STEP = 50
const FIRST_STEP = 125
/**
 * A step that takes longer than this was too large for the server, as it is now; one that takes much less was too
 * small.
 */
const LONG_MS = 100
const SHORT_MS = 40

/**
 * How large a step may be, judged by how long the last ones took, so that a slow or busy server is not asked for more
 * than it can do in time.
 */
export class Pace {
  /** Targets of the next step. */
  most = FIRST_STEP

  took(targets: number, ms: number): void {
    if (ms > LONG_MS) this.most = Math.max(MIN_STEP, Math.min(this.most, targets) >> 1)
    else if (ms < SHORT_MS && targets > this.most >> 1) this.most = Math.min(MAX_STEP, this.most * 2)
  }
}

/** What a step invalidates. */
export type Forgetting = Pick<Change, 'targets' | 'drop'>

/**
 * The first part of a change, and the rest. A key is dropped by the step that names it: one that was dropped before
 * could come back, and be accepted once its target is forgotten. A change that writes or holds stays whole, since all
 * it names shares one position; its callers keep it small.
 */
export function cutStep(change: Change, most: number): readonly [step: Change, rest: Change | undefined] {
  if (change.write.length > 0 || isOfHolds(change) || change.targets.length <= most) return [change, undefined]
  const targets = change.targets.slice(0, most)
  const dropped = countKeys(targets)
  return [
    { ...change, targets, drop: change.drop.slice(0, dropped) },
    { ...change, targets: change.targets.slice(most), drop: change.drop.slice(dropped) },
  ]
}

/** All parts in order. `drop` belongs to the keys among the targets, in their order. */
export function partsOf<F extends Forgetting>({ targets, drop }: F, most: number): Forgetting[] {
  const parts: Forgetting[] = []
  let dropped = 0
  for (let from = 0; from < targets.length || from === 0; from += most) {
    const some = targets.slice(from, from + most)
    const end = from + most >= targets.length ? drop.length : dropped + countKeys(some)
    parts.push({ targets: some, drop: drop.slice(dropped, end) })
    dropped = end
  }
  return parts
}

/**
 * A step that has waited names an old position. If this process knows everything since then, and none of it concerns
 * the entries, the step names the current position instead: so the store need not look through what others, and the
 * burst itself, have moved meanwhile.
 */
export function asOfNow(view: LedgerView, change: Change): Change {
  const { unmovedSince, write, targets, watch } = change
  if (unmovedSince === undefined || unmovedSince.epoch !== view.epoch || unmovedSince.seq >= view.last) return change
  for (let at = 0; at < write.length; at++) {
    const target = targets[at]
    if (target?.kind !== 'key' || view.hasMoved(target.key, watch?.[at] ?? [], unmovedSince.seq)) return change
  }
  return { ...change, unmovedSince: { epoch: view.epoch, seq: view.last } }
}

const isOfHolds = ({ hold, settles }: Change): boolean => hold !== undefined || settles !== undefined

function countKeys(targets: readonly Target[]): number {
  let count = 0
  for (const target of targets) if (target.kind === 'key') count++
  return count
}
