// The results of simulated regions, as an SVG: entries per node, the delay of invalidations, how far regions were
// behind and how old answers were.
import { mean, type RegionsFleet, type RegionsPlan, type RegionsSample } from './regions-fleet.ts'

const WIDTH = 960
const HEIGHT = 800
const LEFT = 64
const PLOT = WIDTH - LEFT - 24
const [BARS, STEPS, LAGS] = [220, 420, 730]
const LIMIT_MS = 5000

export function drawRegions({ sizes, propagation, samples }: RegionsFleet, plan: RegionsPlan): string {
  const x = (second: number): number => LEFT + (second * PLOT) / Math.max(1, samples.length - 1)
  const y = (ms: number): number => LAGS - (Math.min(ms, 6000) * 220) / 6000
  const line = (of: (sample: RegionsSample) => number, colour: string): string =>
    `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${samples.map((sample) => `${x(sample.second).toFixed(1)},${y(of(sample)).toFixed(1)}`).join(' ')}"/>`
  const marks = [
    [plan.cut, 'one is cut off'],
    [plan.heal, 'healed'],
    [plan.join, 'a node joins in each'],
  ] as const
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="13" fill="#222">
<title>Simulated regions: what each node holds, how long invalidations take, how far regions are behind and how old answers are</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${LEFT}" y="24" font-size="15">Copies on each of ${plan.regions * plan.nodes} nodes in ${plan.regions} regions</text>
${bars(sizes)}
<text x="${LEFT}" y="276" font-size="15">From an invalidation's ack to another region's ledger, ms: how many of ${propagation.length}</text>
${histogram(propagation)}
<text x="${LEFT}" y="484" font-size="15">Each second's worst, ms: a region behind another (blue), one that is cut off (grey), an answer behind its source (red)</text>
${[0, 1000, LIMIT_MS].map((ms) => `<line x1="${LEFT}" x2="${LEFT + PLOT}" y1="${y(ms)}" y2="${y(ms)}" stroke="${ms === LIMIT_MS ? '#a33' : '#ddd'}"/><text x="${LEFT - 8}" y="${y(ms) + 4}" text-anchor="end">${ms}</text>`).join('\n')}
${line(({ cutLag }) => cutLag, '#999')}
${line(({ lag }) => lag, '#3b6fb6')}
${line(({ staleness }) => staleness, '#b63b3b')}
${marks.map(([second, name]) => `<line x1="${x(second)}" x2="${x(second)}" y1="500" y2="${LAGS}" stroke="#999" stroke-dasharray="4 4"/><text x="${x(second) + 4}" y="${LAGS + 22}">${name}</text>`).join('\n')}
<text x="${LEFT + PLOT}" y="${LAGS + 44}" text-anchor="end">${samples.length} s</text>
</svg>
`
}

function bars(sizes: readonly (readonly number[])[]): string {
  const most = Math.max(...sizes.flat())
  const each = PLOT / sizes.flat().length
  const drawn = sizes.flatMap((region, at) =>
    region.map((size, node) => {
      const height = (size * 160) / most
      const left = LEFT + (at * region.length + node) * each
      return `<rect x="${left.toFixed(1)}" y="${(BARS - height).toFixed(1)}" width="${(each * 0.8).toFixed(1)}" height="${height.toFixed(1)}" fill="${at % 2 === 0 ? '#3b6fb6' : '#7f9fc8'}"/>`
    }),
  )
  return `${drawn.join('')}<text x="${LEFT}" y="${BARS + 20}">mean ${mean(sizes.flat()).toFixed(0)}, fullest ${most}</text>`
}

function histogram(took: readonly number[]): string {
  const last = took.at(-1) ?? 0
  const wide = Math.max(5, Math.ceil(last / 40))
  const counts = Array.from({ length: Math.ceil((last + 1) / wide) }, () => 0)
  for (const ms of took) counts[Math.floor(ms / wide)] = (counts[Math.floor(ms / wide)] ?? 0) + 1
  const most = Math.max(1, ...counts)
  const each = PLOT / counts.length
  const drawn = counts.map((count, at) => {
    const height = (count * 110) / most
    return `<rect x="${(LEFT + at * each).toFixed(1)}" y="${(STEPS - height).toFixed(1)}" width="${(each * 0.9).toFixed(1)}" height="${height.toFixed(1)}" fill="#2e8b57"/>`
  })
  return `${drawn.join('')}<text x="${LEFT}" y="${STEPS + 20}">0</text><text x="${LEFT + PLOT}" y="${STEPS + 20}" text-anchor="end">${last} ms</text>`
}
