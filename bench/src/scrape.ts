// `npm run bench -- --rows scrape`: the text of one scrape of 9,000 series, beside prom-client where that is installed
// (`npm install --no-save prom-client`), and beside what no exporter can do without.
import { createCache, memory } from 'millpond'
import { cacheCollector, createRegistry, prometheusText } from 'millpond/observe'
import { type Cost, interleaved, type Way } from './interleaved.ts'
import { printTable } from './table.ts'

const SERIES = 9_000
const NAMESPACES = 34
/** At most this share of prom-client's CPU time, reading the figures of the caches included. */
export const SCRAPE_GOAL = 0.5
/** A name that the compiler does not look for: it is no dependency. */
const PEER: string = 'prom-client'

export interface ScrapeFigures {
  readonly series: number
  readonly peer: string | undefined
  readonly costs: readonly Cost[]
}

interface Line {
  readonly head: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export async function measureScrape(rounds: number): Promise<ScrapeFigures> {
  const cache = createCache({ name: 'bench', tiers: [memory({ maxEntries: 10_000 })] })
  try {
    const registry = createRegistry({ maxSeries: 2 * SERIES })
    // As many copies as it takes: of one cache 50 namespaces are distinguished.
    for (let at = 1; at < NAMESPACES; at++) await cache.namespace(`space-${at}`).set('key', at)
    const snapshot = [...cache.info().namespaces]
    const text = (copies: number): string[] => {
      const own = createRegistry({ maxSeries: 2 * SERIES })
      own.collect(cacheCollector(() => copied(snapshot, copies)))
      return prometheusText(own).split('\n')
    }
    let copies = 1
    while (linesOf(text(copies)).length < SERIES) copies++
    registry.collect(cacheCollector(() => copied([...cache.info().namespaces], copies)))
    const lines = linesOf(prometheusText(registry).split('\n'))
    const peer = await peerOf(lines)
    const ways: Way[] = [
      ...(peer === undefined ? [] : [{ name: `prom-client (${peer.version})`, run: peer.run }]),
      { name: 'millpond', run: () => prometheusText(registry) },
      { name: 'names and labels at hand, numbers into text', run: () => floor(lines) },
    ]
    return { series: lines.length, peer: peer?.version, costs: await interleaved(ways, rounds) }
  } finally {
    await cache.close()
  }
}

export async function benchScrape(rounds: number, progress: (line: string) => void, isJson: boolean): Promise<void> {
  progress(`scrape: ${SERIES.toLocaleString('en')} series, ${rounds} rounds`)
  const figures = await measureScrape(rounds)
  if (isJson) {
    console.log(JSON.stringify(figures))
    return
  }
  const { series, peer, costs } = figures
  printTable([
    [`a scrape of ${series.toLocaleString('en')} series`, 'CPU ms', `over ${costs[0]?.name ?? ''}`],
    ...costs.map(({ name, us, ratio }) => [
      name,
      (us.median / 1000).toFixed(1),
      `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`,
    ]),
  ])
  if (peer === undefined) console.log('\nprom-client is not installed: npm install --no-save prom-client')
  else {
    const ours = costs.find(({ name }) => name === 'millpond')?.ratio.median ?? Number.NaN
    console.log(`\ngoal: at most ${SCRAPE_GOAL} of prom-client: ${ours <= SCRAPE_GOAL ? 'met' : 'missed'}`)
  }
}

/** The same figures under other names of caches. */
function copied<S extends { readonly cache: string }>(snapshot: readonly S[], copies: number): S[] {
  return Array.from({ length: copies }, (_, at) => snapshot.map((stats) => ({ ...stats, cache: `bench-${at}` }))).flat()
}

function linesOf(text: readonly string[]): Line[] {
  return text.flatMap((line) => {
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (name === undefined || value === undefined) return []
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', text = '']) => [label, text] as const)
    const head = line.slice(0, line.length - value.length)
    return [{ head, name, labels: Object.fromEntries(pairs), value: Number(value) }]
  })
}

function floor(lines: readonly Line[]): string {
  let text = ''
  for (const { head, value } of lines) text += `${head}${value}\n`
  return text
}

interface PromClient {
  readonly Registry: new () => { metrics(): Promise<string> }
  readonly Gauge: new (options: object) => { set(labels: object, value: number): void }
}

/** Every line is a gauge there, buckets of histograms too: the cheapest that it has. */
async function peerOf(lines: readonly Line[]): Promise<{ version: string; run: () => Promise<string> } | undefined> {
  const { default: client }: { default: PromClient } = await import(PEER).catch(() => ({ default: undefined }))
  if (client === undefined) return undefined
  const { default: manifest }: { default: { version: string } } = await import(`${PEER}/package.json`, {
    with: { type: 'json' },
  })
  const registry = new client.Registry()
  const gauges = new Map<string, { set(labels: object, value: number): void }>()
  for (const { name, labels, value } of lines) {
    // `le` is reserved for its own histograms.
    const { le, ...rest } = labels
    const own = le === undefined ? rest : { ...rest, bound: le }
    const gauge =
      gauges.get(name) ?? new client.Gauge({ name, help: name, labelNames: Object.keys(own), registers: [registry] })
    gauges.set(name, gauge)
    gauge.set(own, value)
  }
  return { version: manifest.version, run: () => registry.metrics() }
}
