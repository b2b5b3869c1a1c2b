// Steps of bounded size: whatever grows with its argument is told to the ledger in parts, so that nobody is held up for
// long.
import type { Change } from '../core/contracts.ts'
import type { Target } from '../core/ledger.ts'
import type { LedgerView } from '../core/ledger-view.ts'

/** Targets that one step names at most: a few milliseconds of a shared server. */
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
 * How much the ledger is given at a time: found out by how long it takes, so that a slow or busy server is not asked
 * for more than it can do in time.
 */
export class Pace {
  /** Targets of the next step. */
  most = FIRST_STEP

  took(targets: number, ms: number): void {
    if (ms > LONG_MS) this.most = Math.max(MIN_STEP, Math.min(this.most, targets) >> 1)
    else if (ms < SHORT_MS && targets > this.most >> 1) this.most = Math.min(MAX_STEP, this.most * 2)
  }
}

/** What a step forgets. */
export type Forgetting = Pick<Change, 'targets' | 'drop'>

/**
 * The first part of a change, and what is left. A key is dropped by the step that names it: one that was dropped before
 * could come back, and be accepted when its target is forgotten. A change that writes or holds stays whole, since what
 * it names shares one position: who makes it keeps it small.
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

/** All parts in their order. `drop` belongs to the keys among the targets, in their order. */
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
 * What has waited names an old position. Where this process has heard of everything since, and nothing of it concerns
 * the entries, the step names where it stands now: so the store need not look through what others, and the burst
 * itself, have moved meanwhile.
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
