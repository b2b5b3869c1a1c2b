// How much of a ledger's history a store keeps, and what is given up when it keeps less.
//
// Three kinds of history, three rules. Log lines serve processes that follow: they are kept for the window, and whoever
// asks for older ones gets a snapshot instead. Key targets serve loads that are under way: the step that recorded them
// also dropped the entry from the ledger's own tier, so once every load of that time is over nothing old can come back
// through `commit`, and the record may go; a commit from before that (the commit floor) is refused. Tags and patterns
// name entries that nobody has dropped: forgetting one means invalidating everything as old as it (the floor). Where
// copies lie in tiers beside the ledger's own (files, Memcached, SQLite beside Redis), the step could not drop them:
// key targets are then kept beyond the window, while there is room for them (`externalTiers`), and the commit floor is
// told to readers as the floor of such copies (`outerFloor`). What lies in the ledger's own tier stays as good as it
// was.
import { checkOptions, duration, flag, type Shape, whole } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'

export interface RetainOptions {
  /**
   * How many key targets, how many tags and patterns, and how many log lines a namespace keeps. Default 100,000, least
   * 8.
   */
  readonly targets?: number | undefined
  /** How long log lines and key targets are kept, and so how old a load may be when it commits. Default `'120s'`. */
  readonly window?: Duration | undefined
  /**
   * Entries of this ledger also lie in tiers beside its own that outlive a process. Default `false`; a cache that puts
   * such tiers together says so itself (`LedgerStore.coverOtherTiers`).
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

/** More pattern targets than this become a clear: they are matched one by one on reads. */
export const MAX_PATTERNS = 64
/** A follower that is further behind than this gets a snapshot: cheaper than so many lines, in one step. */
export const MAX_TAIL = 5000
/**
 * Holds that have run out are turned into targets so many at a time: each may name hundreds, and the others stand until
 * the next step.
 */
export const MAX_EXPIRED = 8
