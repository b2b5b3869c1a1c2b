// Regions as an operator sees them: who serves, who is heard, and how one is taken out and put back.
import type { Duration } from '../duration.ts'

/**
 * `serving`: its stores are read and written. `drained`: neither; what is asked for comes from the origin, or is
 * loaded, and invalidations go on. `filling`: written, and not read yet.
 */
export type RegionState = 'serving' | 'drained' | 'filling'

/** How much is known of another region. */
export interface PeerRegion {
  readonly region: string
  /**
   * Milliseconds since all that it had invalidated was known here, of the namespace that is the furthest behind;
   * undefined where it is not connected yet.
   */
  readonly lagMs: number | undefined
  /** That is within the longest lag, so that what was loaded before is accepted. */
  readonly isHeard: boolean
  /** Why it could not be heard when it was asked last; absent where it could. */
  readonly error?: string
}

/** A region as one process sees it. */
export interface RegionView extends PeerRegion {
  /** This process belongs to it. */
  readonly isOwn: boolean
  /** The others ask it for what they do not have. */
  readonly isOrigin: boolean
  /** Undefined where its stores do not say. */
  readonly standing: RegionState | undefined
  /**
   * Steps of this process's region that it has not applied yet, as it says itself, in the namespaces that the process
   * has open: what waits for it. 0 for the own region; undefined where it does not say.
   */
  readonly waiting: number | undefined
  /** What this process has begun to fill it with, or did last; of the own region alone. */
  readonly filling?: FillProgress
}

/** How far a region has been filled by this process. */
export interface FillProgress {
  /** The region that it comes from. */
  readonly from: string
  /** Keys that were looked at there. */
  readonly keys: number
  /** Entries that were stored here. */
  readonly copied: number
  /** Bytes of their bodies. */
  readonly bytes: number
  readonly isDone: boolean
  /** Why it ended before it was done. */
  readonly error?: string
}

/** Which region is drained, and how long it is waited for. */
export interface DrainRegionOptions {
  /** Default: the own one. */
  readonly region?: string | undefined
  /** How long to wait until the others have applied what was invalidated there. Default `'10s'`. */
  readonly timeout?: Duration | undefined
  /** Takes it out even where no other region serves, so that everything is loaded. Default false. */
  readonly force?: boolean | undefined
}

/** What a drain came to. */
export interface Drained {
  readonly region: string
  /**
   * Every other region has applied all that was invalidated there in the namespaces that this process has open: its
   * processes and stores may be stopped. False where it has none open.
   */
  readonly isSafe: boolean
  /** How many namespaces that are. */
  readonly namespaces: number
  /** The regions that have not, or do not say. */
  readonly behind: readonly string[]
}

/** Where a region is filled from, and how fast. */
export interface FillRegionOptions {
  /** Where the entries come from. Default: the origin. */
  readonly from?: string | undefined
  /** The most keys that are looked at in a second. Default 2,000. */
  readonly keysPerSecond?: number | undefined
  /** Fills it even where no other region serves, so that everything is loaded until that is done. Default false. */
  readonly force?: boolean | undefined
}

/** The regions of a cache, where it has an edge tier. */
export interface Regions {
  /** The one that this process belongs to. */
  readonly own: string
  /** How each stands. A region whose stores do not answer has no standing; nothing is thrown for it. */
  list(): Promise<readonly RegionView[]>
  /**
   * Takes a region out: its entries are neither read nor written from now on by any of its processes, which go to the
   * origin or the loader; invalidations go on as ever. Resolves when every other region has applied what was
   * invalidated there, or at the timeout. Once more is harmless.
   * @throws MillpondError `LAST_REGION` where no other one would serve, unless that is forced; `OPTION_INVALID` for a
   * region that there is not; `TIER_FAILED` where its stores do not answer, or another process is changing how it
   * stands.
   */
  drain(options?: DrainRegionOptions): Promise<Drained>
  /**
   * Brings the own region what another one holds, of the namespaces that this process has open, at a pace, and lets it
   * be read when that is done. Meanwhile what is loaded here is kept. Where it fails, the region stays as it is: fill
   * it once more, or `serve`.
   * @throws MillpondError `LAST_REGION` where no other one serves, unless that is forced; `OPTION_INVALID` for a region
   * that there is not, or the own one; `TIER_FAILED` where the stores of either do not answer, or cannot be listed.
   */
  fill(options?: FillRegionOptions): Promise<FillProgress>
  /**
   * Lets a region be read and written at once, with what it has: nothing in it is older than its ledger says.
   * @throws MillpondError `OPTION_INVALID`, `TIER_FAILED`.
   */
  serve(region?: string): Promise<void>
}
