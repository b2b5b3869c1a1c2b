// `millpond monitor`: the caches live. A full screen on a terminal, else a line at each look; the server is called at
// most once per look.
import { setTimeout as pause } from 'node:timers/promises'
import type { Command, Context } from '../../command.ts'
import type { Client } from '../../connection/client.ts'
import { numberAt, type Row, rowsAt, textAt } from '../../connection/read.ts'
import { type ExitName, Failure } from '../../failure.ts'
import { Screen } from '../../terminal/screen.ts'
import { isDumb } from '../../terminal/streams.ts'
import { text } from '../../terminal/text.ts'
import { clock, count, percent } from '../../terminal/units.ts'
import { prometheus } from '../export.ts'
import { frameOf, pictureOf } from './frame.ts'
import { Samples } from './samples.ts'
import { tail } from './tail.ts'

const USUAL_MS = 1000
/** How many looks pass between looks at alerts and operations. */
const REST_EVERY = 5
const OPERATIONS = 5

export const monitor: Command = {
  name: 'monitor',
  group: 'look',
  summary: 'watch the caches live: rates, tiers, causes of misses, alerts; q quits',
  positionals: [],
  options: ['cache-name', 'contains', 'interval', 'once', 'tail', 'export', 'output'],
  fields: ['caches', 'alerts'],
  example: 'millpond monitor --interval 2',
  scope: 'metrics:read',
  async run(context) {
    const { given, out, streams } = context
    const client = await context.client()
    if (given.text('export') !== undefined) return prometheus(context, client)
    if (given.flag('tail')) return tail(context, client)
    const watched = new Watched(client, given.text('cache-name'))
    if (given.flag('once')) return once(context, watched)
    const isScreen = streams.stdout.isTTY === true && streams.stdin.isTTY === true && !isDumb(streams) && !out.isJson
    return isScreen ? onScreen(context, watched) : asLines(context, watched)
  },
}

/** What is known of the caches, look by look. */
class Watched {
  readonly client: Client
  readonly #cache: string | undefined
  readonly #samples = new Map<string, Samples>()
  #looks = 0
  caches: readonly Row[] = []
  alerts: readonly Row[] = []
  operations: readonly Row[] = []

  constructor(client: Client, cache: string | undefined) {
    this.client = client
    this.#cache = cache
  }

  async look(): Promise<void> {
    const cache_name = this.#cache
    const { body } = await this.client.get('metrics/summary/', { cache_name })
    const now = performance.now()
    this.caches = rowsAt(body, 'caches')
    for (const cache of this.caches) this.samplesOf(cache).add(now, cache)
    if (this.#looks++ % REST_EVERY !== 0) return
    this.alerts = rowsAt((await this.client.get('alerts/', { state: 'firing', cache_name })).body, 'data')
    this.operations = rowsAt((await this.client.get('operations/', { limit: OPERATIONS })).body, 'data')
  }

  samplesOf(cache: Row): Samples {
    const name = textAt(cache, 'cache_name')
    const samples = this.#samples.get(name) ?? new Samples()
    this.#samples.set(name, samples)
    return samples
  }

  alertsOf(cache: Row | undefined): readonly Row[] {
    return this.alerts.filter((alert) => [textAt(cache, 'cache_name'), ''].includes(textAt(alert, 'cache_name')))
  }
}

async function once({ given, out }: Context, watched: Watched): Promise<ExitName> {
  await watched.look()
  const { caches, alerts, operations } = watched
  await out.answer('monitor', { caches, alerts }, () => {
    for (const [at, summary] of caches.entries()) {
      const view = {
        url: watched.client.url,
        summary,
        samples: watched.samplesOf(summary),
        alerts: watched.alertsOf(summary),
        operations: at === caches.length - 1 ? operations : [],
        isPaused: false,
        failure: undefined,
        place: [at, caches.length] as const,
        filter: given.text('contains'),
      }
      for (const line of pictureOf(view, out.columns ?? 120)) out.line(line)
    }
  })
  return 'done'
}

/** Like `vmstat`: a line for each cache and look. */
async function asLines({ given, out, signal }: Context, watched: Watched): Promise<ExitName> {
  const everyMs = given.duration('interval') ?? USUAL_MS
  for (let looks = 0; !signal.aborted && !out.isGone; looks++) {
    await watched.look()
    for (const cache of watched.caches) {
      const samples = watched.samplesOf(cache)
      if (out.isJson) await out.row({ schema: 'millpond.monitor/1', caches: [cache], alerts: watched.alertsOf(cache) })
      else if (looks > 0)
        out.line(
          text`${clock(new Date().toISOString())} ${textAt(cache, 'cache_name')} health ${numberAt(cache, 'health_score') ?? '-'} hits ${count(samples.rate('hits', 0))}/s misses ${count(samples.rate('misses', 0))}/s hit ratio ${percent(samples.hitRatio(0))} loads ${count(samples.rate('loads', 0))}/s alerts ${watched.alertsOf(cache).length}`,
        )
    }
    await pause(everyMs, undefined, { signal }).catch(() => undefined)
  }
  return out.isGone ? 'done' : 'interrupted'
}

async function onScreen(context: Context, watched: Watched): Promise<ExitName> {
  const { given, streams, signal, out } = context
  const everyMs = given.duration('interval') ?? USUAL_MS
  const state = { at: 0, isPaused: false, failure: undefined as string | undefined }
  const end = new AbortController()
  const stop = (): void => end.abort()
  signal.addEventListener('abort', stop, { once: true })
  const draw = (): void => {
    const { columns, rows } = screen.size
    const summary = watched.caches[state.at % Math.max(1, watched.caches.length)]
    const samples = summary === undefined ? new Samples() : watched.samplesOf(summary)
    const place = [state.at % Math.max(1, watched.caches.length), watched.caches.length] as const
    const { operations } = watched
    const view = {
      ...state,
      url: watched.client.url,
      summary,
      samples,
      alerts: watched.alertsOf(summary),
      operations,
      place,
      filter: given.text('contains'),
    }
    screen.draw(frameOf(view, columns, rows))
  }
  const screen = new Screen({
    streams,
    isColoured: out.isColoured,
    onResize: draw,
    onKey(key) {
      if (key === 'q' || key === '\u0003' || key === '\u001b') return stop()
      if (key === 'p' || key === ' ') state.isPaused = !state.isPaused
      if (key === 'n' || key === '\t') state.at++
      draw()
    },
  })
  // A wrong URL or token is reported before switching to the full screen.
  await watched.look()
  screen.open()
  try {
    while (!end.signal.aborted && !out.isGone) {
      draw()
      await pause(everyMs, undefined, { signal: end.signal }).catch(() => undefined)
      if (state.isPaused || end.signal.aborted) continue
      state.failure = await watched.look().then(
        () => undefined,
        (error: unknown) => whyNot(error),
      )
    }
  } finally {
    screen.close()
    signal.removeEventListener('abort', stop)
  }
  return 'done'
}

/** The display recovers when the server comes back; permanent errors end it. */
function whyNot(error: unknown): string {
  if (!(error instanceof Failure) || error.exit === 'forbidden' || error.exit === 'interrupted') throw error
  return error.message
}
