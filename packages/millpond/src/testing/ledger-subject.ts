// What the ledger suite needs of its subject, and helpers that its cases share.
import assert from 'node:assert/strict'
import type { Change, CommitItem, LedgerStore, Snapshot, Tail, Tier } from '../core/contracts.ts'
import type { Line, Position, Target } from '../core/ledger.ts'

/** Settings that a test may use instead of the defaults. */
export interface LedgerTuning {
  /** How many targets and lines are kept; how long they are kept, in milliseconds. */
  readonly targets?: number
  readonly windowMs?: number
  readonly externalTiers?: boolean
}

/** The ledger under test. */
export interface LedgerSubject {
  /** Names the ledger in the title of the suite. */
  readonly name: string
  /** A new tier with an empty ledger. Called once per case; the case closes what it opened. */
  readonly open: (tuning?: LedgerTuning) => Promise<Tier & { readonly ledger: LedgerStore }>
  /**
   * Another handle on the store that `open` returned last, as a second process would have it. Needed unless `peers` is
   * skipped.
   */
  readonly again?: (tuning?: LedgerTuning) => Promise<Tier & { readonly ledger: LedgerStore }>
  /**
   * Destroys the namespace's record behind the ledger's back, as an eviction or a FLUSHALL would. Needed unless
   * `record-lost` is skipped.
   */
  readonly loseRecord?: (namespace: string) => Promise<void>
  /** Ids of cases that this ledger cannot pass, each with the reason. */
  readonly skips?: Readonly<Record<string, string>>
}

export type LedgerTier = Tier & { readonly ledger: LedgerStore }

export const key = (name: string): Target => ({ kind: 'key', key: name })
export const tag = (name: string): Target => ({ kind: 'tag', tag: name })
export const pattern = (text: string): Target => ({ kind: 'pattern', pattern: text })
export const all: Target = { kind: 'all' }

let receipts = 0

/** A change that only advances the number, unless `more` says otherwise. */
export function change(targets: readonly Target[], more: Partial<Change> = {}): Change {
  return { targets, mode: 'delete', reason: 'manual', id: `receipt-${receipts++}`, drop: [], write: [], ...more }
}

export function commitItem(name: string, asOf: Position, body = `loaded ${name}`): CommitItem {
  return { key: name, target: name, body: new TextEncoder().encode(body), expiresAt: Number.POSITIVE_INFINITY, asOf }
}

export async function bodies(tier: Tier, keys: readonly string[]): Promise<(string | undefined)[]> {
  return (await tier.read(keys)).map((stored) => stored && new TextDecoder().decode(stored.body))
}

/** The target's number in a pull's lines, the highest of either mode. */
export function numberOf(answer: { readonly lines: readonly Line[] }, target: Target): number {
  const wanted = JSON.stringify(target)
  return Math.max(
    0,
    ...answer.lines
      .filter((line) => line.targets.some((one) => JSON.stringify(one) === wanted))
      .map((line) => line.seq),
  )
}

export async function using<T>(
  subject: LedgerSubject,
  body: (tier: LedgerTier, ledger: LedgerStore) => Promise<T>,
  tuning?: LedgerTuning,
): Promise<T> {
  const tier = await subject.open(tuning)
  try {
    return await body(tier, tier.ledger)
  } finally {
    await tier.close()
  }
}

export async function usingTwo<T>(
  subject: LedgerSubject,
  body: (one: LedgerTier, two: LedgerTier) => Promise<T>,
  tuning?: LedgerTuning,
): Promise<T> {
  const { again } = subject
  assert.ok(again, 'the subject has no again(): give one, or skip the case with a reason')
  return using(
    subject,
    async (one) => {
      const two = await again(tuning)
      try {
        return await body(one, two)
      } finally {
        await two.close()
      }
    },
    tuning,
  )
}

export function isTail(answer: Snapshot | Tail): asserts answer is Tail {
  assert.equal(answer.kind, 'tail')
}

export function isSnapshot(answer: Snapshot | Tail): asserts answer is Snapshot {
  assert.equal(answer.kind, 'snapshot')
}
