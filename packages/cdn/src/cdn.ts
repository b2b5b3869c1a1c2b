// The interface of a CDN: what can be asked of all vendors at once, and what they answer.
import type { Duration } from 'millpond/options'
import type { AssetFile } from './assets/options.ts'
import type { UploadReport } from './assets/upload.ts'
import type { Time } from './clock.ts'
import type { Edge, EdgeAbilities, EdgeFigures, EdgeLimit, EdgeState } from './edge.ts'
import type { CdnError } from './errors.ts'
import type { CdnFolderOptions, DescribedFolder, FolderImagesOptions, FolderUploadOptions } from './folders.ts'
import type { OptimizeReport } from './images/optimize.ts'
import type { ImageFormat } from './images/sniff.ts'
import type { EdgeLocation } from './locations.ts'
import type { CdnOutlet, CdnOutletOptions } from './outlet.ts'
import type { Probe, ProbeOptions, ProbeResult } from './probe.ts'
import type { EdgeReport } from './purge.ts'
import type { PurgeTargetLike } from './target.ts'

export interface CdnOptions {
  /** The vendors, each under its own name. */
  readonly edges: readonly Edge[]
  /**
   * Folders that may be uploaded, or whose images may be optimised, by name: callers cannot choose any others. With
   * them `edges` may be empty. Default: none.
   */
  readonly folders?: Readonly<Record<string, CdnFolderOptions>> | undefined
  /** Default: the system's. */
  readonly clock?: Time | undefined
}

/** Which vendors, and which site there. */
export interface EdgeSelection {
  /** Names of edges. Default: all. */
  readonly edges?: readonly string[] | undefined
  /**
   * The distribution, zone or service, in place of each edge's own. If there are several edges, name the edge as well.
   */
  readonly site?: string | undefined
  /** Aborts waiting and sends nothing further; what was requested already still takes effect. */
  readonly signal?: AbortSignal | undefined
}

export interface PurgeOptions extends EdgeSelection {
  /** Mark as stale instead of removing. Default `false`. An error if the vendor does not support it. */
  readonly soft?: boolean | undefined
  /**
   * `accepted`: resolves when every vendor has accepted it. `done`: when the vendors that report it say that it has
   * taken effect everywhere. Default `'accepted'`.
   */
  readonly until?: 'accepted' | 'done' | undefined
  /** How long vendors may delay it (rate limits, failures). Default `'5m'`; `Infinity`: until it is accepted. */
  readonly patience?: Duration | undefined
}

/** The state of a purge. Request it again by its id for its present state. */
export interface PurgeReport {
  /** Identifies the purge for `status`, in this process. */
  readonly id: string
  /** RFC 3339. */
  readonly at: string
  /**
   * When its last request was sent, RFC 3339: an answer that an edge stored before that may be old. Undefined: none was
   * sent yet. For `probe`.
   */
  readonly purgedAt: string | undefined
  /** Whether it marks as stale instead of removing. */
  readonly soft: boolean
  /** How many targets it has. */
  readonly targets: number
  /** No vendor has refused any of it. */
  readonly ok: boolean
  /** The state at each edge. */
  readonly edges: readonly EdgeReport[]
}

/** The answer of each vendor, or why there is none. */
export interface ByEdge<T> {
  /** The name of the edge. */
  readonly edge: string
  /** Its vendor: `cloudfront`, `cloudflare`, `fastly` or another one. */
  readonly vendor: string
  /** The distribution, zone or service; undefined if neither the call nor the edge names one. */
  readonly site: string | undefined
  /** The answer; absent if there is an `error`. */
  readonly found?: T
  /** Why there is no answer. */
  readonly error?: CdnError
}

export interface DescribedEdge {
  /** Used in reports and errors, and to select the edge. */
  readonly name: string
  /** Its vendor: `cloudfront`, `cloudflare`, `fastly` or another one. */
  readonly vendor: string
  /** The distribution, zone or service that is used if a call names none; undefined: calls must name one. */
  readonly site: string | undefined
  /** What can be asked of it. */
  readonly abilities: EdgeAbilities
  /** Its rate limits, which purges keep to. */
  readonly limits: readonly EdgeLimit[]
}

export interface Cdn {
  /** The edges with their abilities and limits. Sends nothing. */
  describe(): readonly DescribedEdge[]
  /**
   * Purges targets at every selected edge, within their rate limits. Resolves when `until` is reached.
   * @throws CdnError `TARGET_INVALID`; and if no vendor has purged anything, the first vendor's error.
   */
  purge(targets: readonly PurgeTargetLike[], options?: PurgeOptions): Promise<PurgeReport>
  /** Paths and URLs at one distribution, zone or service. @throws as `purge` */
  invalidate(
    paths: readonly string[],
    options?: PurgeOptions & {
      readonly distribution?: string | undefined
      readonly zone?: string | undefined
      readonly service?: string | undefined
    },
  ): Promise<PurgeReport>
  /** Milliseconds until all vendors would have accepted such a purge, behind what is already waiting. */
  forecast(targets: readonly PurgeTargetLike[], options?: Pick<PurgeOptions, 'edges' | 'site' | 'soft'>): number
  /** The state of a purge of this process; of the last 200. @throws CdnError `NOT_FOUND` */
  status(id: string): PurgeReport
  /** The latest first. */
  purges(): readonly PurgeReport[]
  /** Requests from the edge, to compare with later. */
  look(urls: readonly string[], options?: ProbeOptions): Promise<readonly ProbeResult[]>
  /**
   * Requests from the edge to check whether the old answer is gone.
   * @param purgedAt epoch milliseconds: `Date.parse(report.purgedAt)`.
   * @param before what `look` found before the purge: without it only age and cache status can tell.
   */
  probe(
    urls: readonly string[],
    purgedAt: number,
    options?: ProbeOptions & { readonly before?: readonly ProbeResult[] | undefined },
  ): Promise<readonly Probe[]>
  /** The last days, including today. Default 7. */
  analytics(options?: EdgeSelection & { readonly days?: number | undefined }): Promise<readonly ByEdge<EdgeFigures>[]>
  /** The locations of edges and their state: as the vendor reports it, and as probes have found it. */
  locations(options?: EdgeSelection): Promise<readonly ByEdge<readonly EdgeLocation[]>[]>
  /** Whether credentials are accepted, and the site exists and serves. */
  health(options?: EdgeSelection): Promise<readonly ByEdge<EdgeState>[]>
  /** The configured folders, as callers may see them. */
  folders(): readonly DescribedFolder[]
  /**
   * Uploads a folder's files. @param assets only these, by their paths within it. Default: all
   * @throws as `uploadAssets` of `@millpond/cdn/assets`; CdnError `NOT_FOUND` for an unknown folder, `CHANGED` if it is
   * being uploaded
   */
  uploadAssets(assets?: readonly AssetFile[], options?: FolderUploadOptions): Promise<UploadReport>
  /**
   * Optimises a folder's images. @param paths only these, within it. Default: all. @param formats besides each image's
   * own. Default: the folder's
   * @throws as `optimizeImages` of `@millpond/cdn/images`; CdnError as `uploadAssets`
   */
  optimizeImages(
    paths?: readonly string[],
    formats?: readonly ImageFormat[],
    options?: FolderImagesOptions,
  ): Promise<OptimizeReport>
  /**
   * Sends the invalidations of a cache to the edge: for `outlets` of `createCache`.
   * @throws MillpondError `OPTION_INVALID`
   */
  outlet(options?: CdnOutletOptions): CdnOutlet
  /** The outlets that were created. */
  outlets(): readonly CdnOutlet[]
  /** Stops sending and watching. */
  close(): void
}
