// Connects a cache of this process to the control plane: reports once a second, carries out requests, applies settings.
import { type Cache, MillpondError } from 'millpond'
import type { Insight } from 'millpond/insight'
import { createNodes, type NodeStore, type Nodes, type NodesOptions, type NodeWarning } from 'millpond/nodes'
import { checkOptions, fn, type Shape } from 'millpond/options'
import { aCache, aNodeId, aNodeStore, anInsight } from '../given.ts'
import { type Acts, act, actsOf } from './acts.ts'
import { type Application, application as anApplication } from './application.ts'
import { ErasureLog } from './erasure-log.ts'
import { ExperimentRunner } from './experiment.ts'
import { type CacheReport, Figures } from './figures.ts'
import { tallied } from './freshness.ts'
import { ASKED, type Topic } from './requests.ts'
import { settingsFor } from './settings.ts'

/** How a process joins the control plane. */
export interface AttachOptions {
  /** The process's name, preferably stable across restarts. Default: the host's name and the process id. */
  readonly id?: string | undefined
  /**
   * Where it meets the control plane: a tier's `nodes`. Default: the cache's own, with its ledger. A cache of memory
   * alone has none that another process can reach.
   */
  readonly store?: NodeStore | undefined
  /** The application's names for its organisations, cache types and critical paths, as people use them. */
  readonly application?: Application | undefined
  /** The insight that watches this cache, which makes sizing and advice available. It stays the caller's to close. */
  readonly insight?: Insight | undefined
  /** Called with problems that an operator should look at. */
  readonly onWarning?: ((warning: NodeWarning) => void) | undefined
}

const ATTACH: Shape<AttachOptions> = {
  id: aNodeId,
  store: aNodeStore,
  application: anApplication,
  insight: anInsight,
  onWarning: fn('a function that takes a warning'),
}

/** An attached cache. */
export interface Attached {
  /** The name of the cache. */
  readonly cache: string
  /** The connection to the other processes and the control plane. */
  readonly nodes: Nodes
  /** What this process does when the control plane asks. */
  readonly acts: Acts
  /** The figures that this process reports, now. */
  report(): CacheReport
  /** Announces the process and applies the current settings; if the store is unreachable it retries every second. */
  join(): Promise<void>
  /** Leaves: the control plane stops waiting for this process. The cache stays open. */
  close(): Promise<void>
}

/** The name of reports and settings. */
export const REPORT = 'cache'
export const SETTINGS = 'settings'
/** Where the names of caches are listed, so that a control plane that knows only the server finds them. */
const DIRECTORY = 'millpond'
const NAMES = 'caches'
/** The stored configurations, for processes that make a cache from one. */
export const CONFIGURATIONS = 'configurations'
const TRIES = 5
/** The maximum age of figures that others see while this process's own control plane looks each second. */
const LOOKED_MS = 1500
const NOTHING = { user: 0, system: 0 }
/** Cheaper reports than this are made once a second. */
const CHEAP_MS = 10
/** After a more expensive report, figures are not read again for this many times its CPU time, up to this limit. */
const REST_FACTOR = 100
const MOST_REST_MS = 10_000

export const channelOf = (cache: string): string => `millpond-${cache}`.slice(0, 128)

/**
 * Lets a control plane in any process see and steer this cache. In the process of the control plane itself
 * `createControl({ caches: [cache] })` does it.
 * @throws MillpondError `OPTION_INVALID`
 * @example
 * const attached = attach(cache, { id: 'web-1' })
 * await attached.join()
 */
export function attach(cache: Cache, options: AttachOptions = {}): Attached {
  aCache(cache, 'attach')
  checkOptions<AttachOptions>(options, ATTACH, 'attach')
  const { id, store = cache.nodeStore, application, insight, onWarning } = options
  const figures = new Figures(cache, performance.now())
  const name = cache.info().name
  const heard = new ErasureLog(cache)
  const experiment = new ExperimentRunner(cache)
  const acts = actsOf(cache, application, insight, heard, experiment)
  const nodes = createNodes({
    store,
    channel: channelOf(name),
    ...(id !== undefined && { id }),
    ...(onWarning !== undefined && { onWarning }),
  })
  let last: { readonly at: number; readonly ms: number; readonly report: CacheReport } | undefined
  const report = (): CacheReport => {
    const at = performance.now()
    // Figures of very many namespaces are read less often: reporting must not cost more than 1 % of a core.
    const restMs =
      last !== undefined && figures.isLarge && last.ms > CHEAP_MS ? Math.min(MOST_REST_MS, last.ms * REST_FACTOR) : 0
    if (last !== undefined && at - last.at < restMs) return last.report
    const before = figures.isLarge ? process.cpuUsage() : undefined
    const freshness = tallied(insight, name)
    const made = { ...figures.report(), erasures: heard.begun, ...(freshness !== undefined && { freshness }) }
    const { user, system } = before === undefined ? NOTHING : process.cpuUsage(before)
    last = { at, ms: (user + system) / 1000, report: made }
    return made
  }
  // A control plane in this process has just read the figures: they are not read again for the others.
  nodes.report(REPORT, () => (last !== undefined && performance.now() - last.at < LOOKED_MS ? last.report : report()))
  for (const topic of Object.keys(ASKED) as Topic[]) nodes.answer(topic, (body) => act(acts, topic, body))
  const settings = settingsFor(cache)
  nodes.onSettings(SETTINGS, async (document) => {
    await cache.configure(settings(document))
  })
  return {
    cache: name,
    nodes,
    acts,
    report,
    async join() {
      await nodes.join()
      await enter(store, name).catch((error: unknown) => {
        if (!(error instanceof MillpondError)) throw error
        onWarning?.({
          kind: 'unreachable',
          message: `${name} could not be added to the directory of caches`,
          cause: error,
        })
      })
    },
    async close() {
      heard.close()
      experiment.close()
      await nodes.close()
    },
  }
}

async function enter(store: NodeStore, name: string): Promise<void> {
  const directory = openDirectory(store)
  try {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const stored = await directory.getSettings(NAMES)
      const names = textsOf(stored?.document)
      if (names.includes(name)) return
      if (
        (await directory.putSettings(NAMES, [...names, name].sort(), { ifRevision: stored?.revision ?? '' })) !==
        undefined
      )
        return
    }
  } finally {
    await directory.close()
  }
}

/** Every cache that was ever attached where these nodes meet. */
export async function namesIn(directory: Nodes): Promise<readonly string[]> {
  return textsOf((await directory.getSettings(NAMES))?.document)
}

export const openDirectory = (store: Nodes['store'], options: Pick<NodesOptions, 'id' | 'onWarning'> = {}): Nodes =>
  createNodes({ ...options, store, channel: DIRECTORY })

const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((text) => typeof text === 'string') : []
