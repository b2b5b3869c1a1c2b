// Several vendors behind one interface: a purge goes to each, and failures of one are reported beside the successes of
// the others.
import { setMaxListeners } from 'node:events'
import { checkOptions } from 'millpond/options'
import type { Cdn, CdnOptions, EdgeSelection, PurgeOptions } from './cdn.ts'
import {
  FORECAST,
  type ForecastOptions,
  INVALIDATE,
  type InvalidateOptions,
  OPTIONS,
  PURGE_OPTIONS,
  WHERE,
} from './cdn-checks.ts'
import { systemTime } from './clock.ts'
import type { Edge } from './edge.ts'
import { CdnError } from './errors.ts'
import { Folders } from './folders.ts'
import { type EdgeLocation, withProbes } from './locations.ts'
import { type CdnOutlet, type CdnOutletOptions, cdnOutlet, OUTLET } from './outlet.ts'
import { judge, LOOK, lookAt, type ProbeOptions } from './probe.ts'
import { Purges } from './purges.ts'
import { SelectedEdges } from './selected-edges.ts'
import { targetsOf } from './target.ts'

const MAX_DAYS = 90

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
  const selected = new SelectedEdges(edges, time)
  const purges = new Purges(selected, time)
  const outlets: CdnOutlet[] = []
  const closing = new AbortController()
  setMaxListeners(0, closing.signal) // each edge of each outlet adds a listener
  /** By the location's code: the results of probes. */
  const met = new Map<string, NonNullable<EdgeLocation['met']>>()

  const look: Cdn['look'] = async (urls, how = {}) => {
    checkOptions<ProbeOptions>(how, LOOK, 'look')
    const looks = await Promise.all(urls.map((url) => lookAt(url, time, how)))
    for (const { location, at, ms, status } of looks)
      if (location !== undefined) met.set(location, { at, ms, ok: status !== undefined && status < 500 })
    return looks
  }

  const purge: Cdn['purge'] = async (given, how = {}) => {
    checkOptions<PurgeOptions>(how, PURGE_OPTIONS, 'purge')
    selected.checkSome()
    return purges.run(given, how)
  }

  return {
    describe: () =>
      edges.map(({ name, vendor, site, abilities, limits }) => ({ name, vendor, site, abilities, limits })),
    purge,
    async invalidate(paths, given = {}) {
      checkOptions<InvalidateOptions>(given, INVALIDATE, 'invalidate')
      const { distribution, zone, service, ...how } = given
      const [vendor, site] = vendorOf({ distribution, zone, service })
      if (vendor === undefined) return purge(paths, how)
      const names = edges.filter((edge) => edge.vendor === vendor).map(({ name }) => name)
      if (names.length === 0)
        throw new CdnError(
          'TARGET_INVALID',
          `${JSON.stringify(site)} belongs to ${vendor}, which is not among the edges: those are ${selected.names}`,
        )
      return purge(paths, { edges: names, ...how, ...(site === undefined ? {} : { site }) })
    },
    forecast(given, how = {}) {
      checkOptions<ForecastOptions>(how, FORECAST, 'forecast')
      selected.checkSome()
      const order = { site: how.site, soft: how.soft ?? false }
      return Math.max(0, ...selected.of(how).map((purger) => purger.forecast(targetsOf(given), order)))
    },
    status: (id) => purges.report(id),
    purges: () => purges.list(),
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
      return selected.ask(where, (edge) => figuresOf(edge, days, where))
    },
    async locations(where = {}) {
      checkOptions<EdgeSelection>(where, WHERE, 'locations')
      return selected.ask(where, async (edge) => withProbes(await edge.locations?.(where), met))
    },
    async health(where = {}) {
      checkOptions<EdgeSelection>(where, WHERE, 'health')
      return selected.ask(where, (edge) => edge.state(where))
    },
    outlet(how = {}) {
      checkOptions<CdnOutletOptions>(how, OUTLET, 'outlet')
      selected.checkSome()
      const made = cdnOutlet(how, {
        purgers: selected.of({ edges: how.edges }),
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
      selected.close()
    },
  }
}

/** Whose site it is. */
function vendorOf({
  distribution,
  zone,
  service,
}: Pick<InvalidateOptions, 'distribution' | 'zone' | 'service'>): [vendor?: string, site?: string] {
  if (distribution !== undefined) return ['cloudfront', distribution]
  if (zone !== undefined) return ['cloudflare', zone]
  if (service !== undefined) return ['fastly', service]
  return []
}

async function figuresOf(edge: Edge, days: number, where: EdgeSelection) {
  if (edge.figures !== undefined) return edge.figures(days, where)
  throw new CdnError('UNSUPPORTED', `${edge.vendor} provides no figures here: see its own pages`, {
    vendor: edge.vendor,
  })
}
