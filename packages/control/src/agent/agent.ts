// A cache of this process as the control plane sees it: reports each second, acts when asked, takes settings.
import { type Cache, MillpondError } from 'millpond'
import type { Insight } from 'millpond/insight'
import { createNodes, type Nodes, type NodesOptions, type NodeWarning } from 'millpond/nodes'
import { checkOptions, fn, type Shape } from 'millpond/options'
import { aCache, aNodeId, anInsight } from '../given.ts'
import { type Acts, act, actsOf } from './acts.ts'
import { type Application, application as anApplication } from './application.ts'
import { LedExperiment } from './experiment.ts'
import { type CacheReport, Figures } from './figures.ts'
import { HeardErasures } from './heard-erasures.ts'
import { settingsFor } from './settings.ts'
import { ASKED, type Topic } from './words.ts'

/** How a process joins the control plane. */
export interface AttachOptions {
  /** The process's name, best the same after a restart. Default: the host's name and the process id. */
  readonly id?: string | undefined
  /** What the application calls its organisations, cache types and critical paths: people name these. */
  readonly application?: Application | undefined
  /** What watches this cache: then sizing and advice can be asked for. It stays the caller's to close. */
  readonly insight?: Insight | undefined
  /** Told of what needs a look. */
  readonly onWarning?: ((warning: NodeWarning) => void) | undefined
}

const ATTACH: Shape<AttachOptions> = {
  id: aNodeId,
  application: anApplication,
  insight: anInsight,
  onWarning: fn('a function that takes a warning'),
}

/** A cache that is attached. */
export interface Attached {
  readonly cache: string
  readonly nodes: Nodes
  readonly acts: Acts
  report(): CacheReport
  /** Says that it is there, and takes the settings that stand; where the store is away it tries again each second. */
  join(): Promise<void>
  /** Leaves: nobody waits for this process any more. The cache stays open. */
  close(): Promise<void>
}

/** The report's and the settings' name. */
export const REPORT = 'cache'
export const SETTINGS = 'settings'
/** Where the names of caches are, so that a control plane that knows only the server finds them. */
const DIRECTORY = 'millpond'
const NAMES = 'caches'
/** The stored configurations that are for whoever makes a cache of one. */
export const CONFIGURATIONS = 'configurations'
const TRIES = 5
/** Others see figures of so long ago at the most, where this process's own control plane looks each second. */
const LOOKED_MS = 1500
const NOTHING = { user: 0, system: 0 }
/** Once a second is not too often for what takes less. */
const CHEAP_MS = 10
/**
 * After another report nothing is read for so many times as long as it took of the processor, and no longer than this.
 */
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
  const { id, application, insight, onWarning } = options
  const figures = new Figures(cache, performance.now())
  const name = cache.info().name
  const heard = new HeardErasures(cache)
  const experiment = new LedExperiment(cache)
  const acts = actsOf(cache, application, insight, heard, experiment)
  const nodes = createNodes({
    store: cache.nodeStore,
    channel: channelOf(name),
    ...(id !== undefined && { id }),
    ...(onWarning !== undefined && { onWarning }),
  })
  let last: { readonly at: number; readonly ms: number; readonly report: CacheReport } | undefined
  const report = (): CacheReport => {
    const at = performance.now()
    // Where very many namespaces are asked at once, figures are read less often: to look must not cost more than a
    // hundredth.
    const restMs =
      last !== undefined && figures.isLarge && last.ms > CHEAP_MS ? Math.min(MOST_REST_MS, last.ms * REST_FACTOR) : 0
    if (last !== undefined && at - last.at < restMs) return last.report
    const before = figures.isLarge ? process.cpuUsage() : undefined
    const made = { ...figures.report(), erasures: heard.begun }
    const { user, system } = before === undefined ? NOTHING : process.cpuUsage(before)
    last = { at, ms: (user + system) / 1000, report: made }
    return made
  }
  // A control plane in this process has looked already, a moment ago: figures are not read a second time for the
  // others.
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
      await enter(cache, name).catch((error: unknown) => {
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

async function enter(cache: Cache, name: string): Promise<void> {
  const directory = openDirectory(cache.nodeStore)
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

/** The caches that have ever been attached where these nodes meet. */
export async function namesIn(directory: Nodes): Promise<readonly string[]> {
  return textsOf((await directory.getSettings(NAMES))?.document)
}

export const openDirectory = (store: Nodes['store'], options: Pick<NodesOptions, 'id' | 'onWarning'> = {}): Nodes =>
  createNodes({ ...options, store, channel: DIRECTORY })

const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((text) => typeof text === 'string') : []
