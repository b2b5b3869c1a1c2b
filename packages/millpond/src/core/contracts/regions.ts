// Regions as an operator sees them: which serve, which are connected, and draining and restoring one.
import type { Duration } from '../duration.ts'

/**
 * `serving`: its stores are read and written. `drained`: neither; reads go to the origin or the loader, and
 * invalidations continue. `filling`: written, and not read yet.
 */
export type RegionState = 'serving' | 'drained' | 'filling'

/** What is known of another region. */
export interface PeerRegion {
  /** Its name. */
  readonly region: string
  /**
   * Milliseconds since all of its invalidations were last known here, for the namespace that lags most; undefined if it
   * is not connected yet.
   */
  readonly lagMs: number | undefined
  /** That is within the maximum lag, so that earlier loads are accepted. */
  readonly isHeard: boolean
  /** The error of the last attempt to reach it; absent if it succeeded. */
  readonly error?: string
}

/** A region as seen by one process. */
export interface RegionView extends PeerRegion {
  /** This process belongs to it. */
  readonly isOwn: boolean
  /** The others read from it what they lack. */
  readonly isOrigin: boolean
  /** Undefined if its stores do not tell. */
  readonly state: RegionState | undefined
  /**
   * Steps of this process's region that it has not applied yet, as it reports, in the namespaces that this process has
   * open. 0 for the own region; undefined if it does not report.
   */
  readonly waiting: number | undefined
  /** The current or last fill by this process; only for the own region. */
  readonly filling?: FillProgress
}

/** The progress of filling a region by this process. */
export interface FillProgress {
  /** The source region. */
  readonly from: string
  /** Keys that were scanned there. */
  readonly keys: number
  /** Entries that were stored here. */
  readonly copied: number
  /** Bytes of their bodies. */
  readonly bytes: number
  /** Everything was copied, and the region serves reads. */
  readonly isDone: boolean
  /** Why it ended before it was done. */
  readonly error?: string
}

/** Which region to drain, and how long to wait. */
export interface DrainRegionOptions {
  /** Default: the own one. */
  readonly region?: string | undefined
  /** How long to wait until the others have applied its invalidations. Default `'10s'`. */
  readonly timeout?: Duration | undefined
  /** Drains it even if no other region serves, so that everything is loaded. Default false. */
  readonly force?: boolean | undefined
}

/** The result of a drain. */
export interface Drained {
  /** The name of the drained region. */
  readonly region: string
  /**
   * Every other region has applied all of its invalidations in the namespaces that this process has open: its processes
   * and stores may be stopped. False if it has none open.
   */
  readonly isSafe: boolean
  /** The number of these namespaces. */
  readonly namespaces: number
  /** The regions that have not, or do not report. */
  readonly behind: readonly string[]
}

/** From where a region is filled, and how fast. */
export interface FillRegionOptions {
  /** The source of the entries. Default: the origin. */
  readonly from?: string | undefined
  /** The most keys that are scanned per second. Default 2,000. */
  readonly keysPerSecond?: number | undefined
  /** Fills it even if no other region serves, so that everything is loaded until it is done. Default false. */
  readonly force?: boolean | undefined
}

/** The regions of a cache with an edge tier. */
export interface Regions {
  /** The region of this process. */
  readonly own: string
  /** The state of each. A region whose stores do not answer has no state; nothing is thrown. */
  list(): Promise<readonly RegionView[]>
  /**
   * Drains a region: from now on its entries are neither read nor written by any of its processes, which use the origin
   * or the loader; invalidations continue. Resolves when every other region has applied its invalidations, or at the
   * timeout. Repeating it is harmless.
   * @throws MillpondError `LAST_REGION` if no other one would serve, unless forced; `OPTION_INVALID` for an unknown
   * region; `TIER_FAILED` if its stores do not answer, or another process is changing its state.
   */
  drain(options?: DrainRegionOptions): Promise<Drained>
  /**
   * Copies the entries of another region to the own one, for the namespaces that this process has open, at a limited
   * rate, and lets it be read when that is done. Meanwhile loaded values are stored here. If it fails, the region's
   * state stays: fill it again, or `serve`.
   * @throws MillpondError `LAST_REGION` if no other one serves, unless forced; `OPTION_INVALID` for an unknown region,
   * or the own one; `TIER_FAILED` if the stores of either do not answer, or cannot be listed.
   */
  fill(options?: FillRegionOptions): Promise<FillProgress>
  /**
   * Lets a region be read and written at once, with its present contents: nothing in it is older than its ledger says.
   * @throws MillpondError `OPTION_INVALID`, `TIER_FAILED`.
   */
  serve(region?: string): Promise<void>
}
