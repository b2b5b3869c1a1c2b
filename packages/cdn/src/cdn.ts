// Several vendors behind one interface: a purge goes to each, and failures of one are reported beside the successes of
// the others.
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import {
  check,
  checkOptions,
  type Duration,
  duration,
  flag,
  listOf,
  parseDuration,
  required,
  type Shape,
} from 'millpond/options'
import type { AssetFile } from './assets/options.ts'
import type { UploadReport } from './assets/upload.ts'
import { systemTime, type Time } from './clock.ts'
import type { Edge, EdgeAbilities, EdgeFigures, EdgeLimit, EdgeState } from './edge.ts'
import { CdnError } from './errors.ts'
import {
  type CdnFolderOptions,
  type DescribedFolder,
  FOLDERS,
  type FolderImagesOptions,
  Folders,
  type FolderUploadOptions,
} from './folders.ts'
import type { OptimizeReport } from './images/optimize.ts'
import type { ImageFormat } from './images/sniff.ts'
import type { EdgeLocation } from './locations.ts'
import { type CdnOutlet, type CdnOutletOptions, cdnOutlet, OUTLET } from './outlet.ts'
import { judge, LOOK, lookAt, type Probe, type ProbeOptions, type ProbeResult } from './probe.ts'
import { EdgePurger, type EdgeReport, type EdgeWork } from './purge.ts'
import { type PurgeTargetLike, targetsOf } from './target.ts'

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

const isEdge = (value: unknown): value is Edge =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  'send' in value &&
  'plan' in value &&
  'limits' in value
const OPTIONS: Shape<CdnOptions> = {
  edges: required(listOf((value, at) => check(isEdge, 'an edge, such as cloudflare()')(value, at), 'a list of edges')),
  folders: FOLDERS,
  clock: check((value): value is Time => typeof value === 'object' && value !== null && 'after' in value, 'a clock'),
}

const KEPT = 200
/** Consecutive failures of a vendor before a purge is given up. */
const ATTEMPTS = 5
const MAX_DAYS = 90

interface Purge {
  readonly id: string
  readonly at: string
  readonly soft: boolean
  readonly targets: number
  readonly works: readonly EdgeWork[]
}

/**
 * One interface to all edges: purges them, reads their metrics, and uploads files and images to their origins.
 * @throws MillpondError `OPTION_INVALID`
 */
export function createCdn(options: CdnOptions): Cdn {
  checkOptions<CdnOptions>(options, OPTIONS, 'createCdn')
  const { edges, clock: time = systemTime } = options
  const folders = new Folders(options.folders ?? {})
  if (edges.length === 0 && folders.describe().length === 0)
    throw new CdnError(
      'TARGET_INVALID',
      'createCdn: edges is empty: give at least one, such as cloudflare(), or folders',
    )
  const purgers = new Map<string, EdgePurger>()
  for (const edge of edges) {
    if (purgers.has(edge.name))
      throw new CdnError(
        'TARGET_INVALID',
        `createCdn: two edges are called ${JSON.stringify(edge.name)}: give each its own name`,
      )
    purgers.set(edge.name, new EdgePurger(edge, time))
  }
  const purges = new Map<string, Purge>()
  const outlets: CdnOutlet[] = []
  const closing = new AbortController()
  setMaxListeners(0, closing.signal) // each edge of each outlet adds a listener
  /** By vendor and location code: the results of probes. */
  const met = new Map<string, NonNullable<EdgeLocation['met']>>()

  const purgersOf = ({ edges: names, site }: Pick<EdgeSelection, 'edges' | 'site'>): readonly EdgePurger[] => {
    if (names?.length === 0) throw new CdnError('TARGET_INVALID', 'edges is empty: leave it out for all edges')
    const chosen = (names ?? [...purgers.keys()]).map((name) => {
      const purger = purgers.get(name)
      if (purger === undefined)
        throw new CdnError(
          'TARGET_INVALID',
          `there is no edge called ${JSON.stringify(name)}: there are ${[...purgers.keys()].join(', ')}`,
        )
      return purger
    })
    if (site !== undefined && chosen.length > 1)
      throw new CdnError(
        'TARGET_INVALID',
        `${JSON.stringify(site)} needs an edge, since there are several: name the edge too`,
      )
    return chosen
  }

  /** For uploads and images. */
  const someEdge = (): void => {
    if (edges.length === 0)
      throw new CdnError('TARGET_INVALID', 'there is no edge: give createCdn({ edges: [cloudflare()] })')
  }

  const asked = async <T>(where: EdgeSelection, ask: (edge: Edge) => Promise<T>): Promise<readonly ByEdge<T>[]> =>
    Promise.all(
      purgersOf(where).map(async ({ edge }): Promise<ByEdge<T>> => {
        const own = { edge: edge.name, vendor: edge.vendor, site: where.site ?? edge.site }
        try {
          return { ...own, found: await ask(edge) }
        } catch (error) {
          if (error instanceof CdnError) return { ...own, error }
          throw error
        }
      }),
    )

  const look: Cdn['look'] = async (urls, how = {}) => {
    checkOptions<ProbeOptions>(how, LOOK, 'look')
    const looks = await Promise.all(urls.map((url) => lookAt(url, time, how)))
    for (const { location, at, ms, status } of looks)
      if (location !== undefined) met.set(location, { at, ms, ok: status !== undefined && status < 500 })
    return looks
  }

  const purge: Cdn['purge'] = async (given, how = {}) => {
    checkOptions<PurgeOptions>(how, PURGE_OPTIONS, 'purge')
    someEdge()
    const { site, soft = false, until = 'accepted', patience = '5m', signal } = how
    const targets = targetsOf(given)
    const order = {
      site,
      soft,
      signal,
      patience: {
        attempts: patience === Number.POSITIVE_INFINITY ? patience : ATTEMPTS,
        ms: parseDuration(patience, 'patience'),
      },
    }
    const works = purgersOf(how).map((purger) => purger.purge(targets, order))
    const begun: Purge = {
      id: `pur_${randomUUID()}`,
      at: new Date(time.now()).toISOString(),
      soft,
      targets: targets.length,
      works,
    }
    purges.set(begun.id, begun)
    for (const id of purges.keys()) {
      if (purges.size <= KEPT) break
      purges.delete(id)
    }
    await Promise.all(works.map((work) => (until === 'done' ? work.done : work.accepted)))
    const report = reportOf(begun)
    const failures = report.edges.flatMap((edge) => edge.failures)
    const [first] = failures
    if (first !== undefined && report.edges.every(({ purged }) => purged === 0)) {
      if (failures.length === 1) throw first.error
      const { code, vendor, status, retryAfterMs } = first.error
      throw new CdnError(
        code,
        `nothing is purged: ${failures.map(({ error }) => error.message.replace(/^\[millpond\] /, '')).join('; ')}`,
        { vendor, status, retryAfterMs },
      )
    }
    return report
  }

  return {
    describe: () =>
      edges.map(({ name, vendor, site, abilities, limits }) => ({ name, vendor, site, abilities, limits })),
    purge,
    async invalidate(paths, given = {}) {
      checkOptions<InvalidateOptions>(given, INVALIDATE, 'invalidate')
      const { distribution, zone, service, ...how } = given
      const [vendor, site] =
        distribution !== undefined
          ? ['cloudfront', distribution]
          : zone !== undefined
            ? ['cloudflare', zone]
            : service !== undefined
              ? ['fastly', service]
              : []
      if (vendor === undefined) return purge(paths, how)
      const names = edges.filter((edge) => edge.vendor === vendor).map(({ name }) => name)
      if (names.length === 0)
        throw new CdnError(
          'TARGET_INVALID',
          `${JSON.stringify(site)} belongs to ${vendor}, which is not among the edges: those are ${[...purgers.keys()].join(', ')}`,
        )
      return purge(paths, { edges: names, ...how, ...(site === undefined ? {} : { site }) })
    },
    forecast(given, how = {}) {
      checkOptions<Forecast>(how, FORECAST, 'forecast')
      someEdge()
      return Math.max(
        0,
        ...purgersOf(how).map((purger) =>
          purger.forecast(targetsOf(given), { site: how.site, soft: how.soft ?? false }),
        ),
      )
    },
    status(id) {
      const found = purges.get(id)
      if (found === undefined)
        throw new CdnError(
          'NOT_FOUND',
          `there is no purge ${JSON.stringify(id)}: the last ${KEPT} of this process are kept`,
        )
      return reportOf(found)
    },
    purges: () => [...purges.values()].reverse().map(reportOf),
    look,
    async probe(urls, purgedAt, { before = [], ...how } = {}) {
      if (!Number.isFinite(purgedAt))
        throw new CdnError('TARGET_INVALID', `purgedAt: ${purgedAt} is not a time: give epoch milliseconds`)
      const looks = await look(urls, how)
      return looks.map((one) =>
        judge(
          one,
          before.find(({ url }) => url === one.url),
          purgedAt,
        ),
      )
    },
    async analytics({ days = 7, ...where } = {}) {
      checkOptions<EdgeSelection>(where, WHERE, 'analytics')
      if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS)
        throw new CdnError('TARGET_INVALID', `days: ${days} is not a whole number from 1 to ${MAX_DAYS}`)
      return asked(where, (edge) => {
        if (edge.figures === undefined)
          throw new CdnError('UNSUPPORTED', `${edge.vendor} provides no figures here: see its own pages`, {
            vendor: edge.vendor,
          })
        return edge.figures(days, where)
      })
    },
    async locations(where = {}) {
      checkOptions<EdgeSelection>(where, WHERE, 'locations')
      return asked(where, async (edge): Promise<readonly EdgeLocation[]> => {
        const listed = (await edge.locations?.(where)) ?? []
        if (edge.locations === undefined)
          return [...met].map(([code, one]) => ({
            code,
            name: code,
            region: undefined,
            state: one.ok ? 'ok' : 'degraded',
            met: one,
          }))
        return listed.map((one): EdgeLocation => {
          const seen = met.get(one.code)
          if (seen === undefined) return one
          return { ...one, state: one.state !== 'unknown' ? one.state : seen.ok ? 'ok' : 'degraded', met: seen }
        })
      })
    },
    async health(where = {}) {
      checkOptions<EdgeSelection>(where, WHERE, 'health')
      return asked(where, (edge) => edge.state(where))
    },
    outlet(how = {}) {
      checkOptions<CdnOutletOptions>(how, OUTLET, 'outlet')
      someEdge()
      const made = cdnOutlet(how, {
        purgers: purgersOf({ edges: how.edges }),
        time,
        look: (urls) => look(urls),
        closing: closing.signal,
      })
      outlets.push(made)
      return made
    },
    folders: () => folders.describe(),
    uploadAssets: (assets, how = {}) => folders.upload(assets, how),
    optimizeImages: (paths, formats, how = {}) => folders.optimize(paths, formats, how),
    outlets: () => outlets,
    close() {
      closing.abort()
      for (const purger of purgers.values()) purger.close()
    },
  }
}

const siteId = check(
  (value): value is string => typeof value === 'string' && value !== '',
  'the id of a distribution, zone or service',
)
const WHERE: Shape<EdgeSelection> = {
  edges: listOf(
    (value, at) => check((one): one is string => typeof one === 'string', 'the name of an edge')(value, at),
    'names of edges',
  ),
  site: siteId,
  signal: check((value): value is AbortSignal => value instanceof AbortSignal, 'an AbortSignal'),
}
const PURGE_OPTIONS: Shape<PurgeOptions> = {
  ...WHERE,
  soft: flag,
  until: check(
    (value): value is 'accepted' | 'done' => value === 'accepted' || value === 'done',
    "'accepted' or 'done'",
  ),
  patience: duration,
}
type InvalidateOptions = NonNullable<Parameters<Cdn['invalidate']>[1]>
const INVALIDATE: Shape<InvalidateOptions> = { ...PURGE_OPTIONS, distribution: siteId, zone: siteId, service: siteId }
type Forecast = NonNullable<Parameters<Cdn['forecast']>[1]>
const FORECAST: Shape<Forecast> = { edges: WHERE.edges, site: siteId, soft: flag }

function reportOf({ id, at, soft, targets, works }: Purge): PurgeReport {
  const edges = works.map((work) => work.report())
  const sent = works.map(({ sentAt }) => sentAt).filter((one) => one !== undefined)
  const purgedAt = sent.length === 0 ? undefined : new Date(Math.max(...sent)).toISOString()
  return { id, at, purgedAt, soft, targets, ok: edges.every(({ failures }) => failures.length === 0), edges }
}
