// How much of a ledger's history a store keeps, and what is lost if it keeps less.
//
// Three kinds of history, three rules. Log lines serve processes that follow: they are kept for the window, and a
// process that asks for older ones gets a snapshot instead. Key targets protect loads in progress: the step that
// recorded them also dropped the entry from the ledger's own tier, so once every load of that time is over nothing old
// can come back through `commit`, and the record may be dropped; a commit from before that (the commit floor) is
// refused. Tags and patterns name entries that were not dropped: forgetting one means invalidating everything as old as
// it (the floor). If copies are stored in tiers other than the ledger's own (files, Memcached, SQLite beside Redis),
// the step could not drop them: key targets are then kept beyond the window, as far as there is room for them
// (`externalTiers`), and readers treat the commit floor as the floor of such copies (`outerFloor`). Entries in the
// ledger's own tier remain valid.
import { checkOptions, duration, flag, type Shape, whole } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'

export interface RetainOptions {
  /**
   * How many key targets, how many tags and patterns, and how many log lines a namespace keeps. Default 100,000,
   * minimum 8.
   */
  readonly targets?: number | undefined
  /** How long log lines and key targets are kept, and so how old a load may be when it commits. Default `'120s'`. */
  readonly window?: Duration | undefined
  /**
   * Entries of this ledger are also stored in other tiers that outlive a process. Default `false`; a cache that
   * combines such tiers sets it itself (`LedgerStore.coverOtherTiers`).
   */
  readonly externalTiers?: boolean | undefined
}

export interface Retain {
  readonly targets: number
  readonly windowMs: number
  readonly externalTiers: boolean
}

const OPTIONS: Shape<RetainOptions> = {
  targets: whole(8),
  window: duration,
  externalTiers: flag,
}

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`. */
export function resolveRetain(options: RetainOptions | undefined, where: string): Retain {
  const given = options ?? {}
  checkOptions<RetainOptions>(given, OPTIONS, `${where} retain`)
  return {
    targets: given.targets ?? 100_000,
    windowMs: parseDuration(given.window ?? 120_000, `${where} retain.window`),
    externalTiers: given.externalTiers ?? false,
  }
}

/** Above this many, pattern targets become a clear: they are matched one by one on reads. */
export const MAX_PATTERNS = 64
/** A follower further behind than this gets a snapshot: cheaper than that many lines in one step. */
export const MAX_TAIL = 5000
/**
 * At most this many expired holds are turned into targets at a time: each may name hundreds, and the others remain
 * until the next step.
 */
export const MAX_EXPIRED = 8
