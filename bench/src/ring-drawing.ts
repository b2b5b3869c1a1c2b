// The results of a simulated fleet, as an SVG: entries per node, placement and reads over time.
import type { Fleet, Sample } from './ring-fleet.ts'

const WIDTH = 960
const LEFT = 56
const PLOT = WIDTH - LEFT - 24

export function drawFleet({ before, after, samples }: Fleet): string {
  const seconds = samples.length
  const x = (second: number): number => LEFT + (second * PLOT) / (seconds - 1)
  const share = (value: number): number => 470 - (value - 0.85) * (160 / 0.15)
  const slowest = Math.max(...samples.map(({ p99 }) => p99), 1)
  const slow = (ms: number): number => 650 - (ms * 110) / slowest
  const line = (of: (sample: Sample) => number, colour: string): string =>
    `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${samples.map((sample) => `${x(sample.second).toFixed(1)},${of(sample).toFixed(1)}`).join(' ')}"/>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} 690" font-family="system-ui, sans-serif" font-size="13" fill="#222">
<title>A simulated fleet: what each node holds, and how placement and reads went while nodes froze, came back and joined</title>
<rect width="${WIDTH}" height="690" fill="#fff"/>
<text x="${LEFT}" y="24" font-size="15">Copies on each of ${before.length} nodes, and on ${after.length} after ten joined</text>
${bars(before, LEFT, 220, '#3b6fb6')}
${bars(after, LEFT + PLOT / 2 + 12, 220, '#b3643b')}
<text x="${LEFT}" y="290" font-size="15">Share of copies that lie with their owners (blue), and of reads that found their entry (green)</text>
${[0.85, 0.9, 0.95, 1].map((value) => `<line x1="${LEFT}" x2="${LEFT + PLOT}" y1="${share(value)}" y2="${share(value)}" stroke="#ddd"/><text x="${LEFT - 8}" y="${share(value) + 4}" text-anchor="end">${value * 100} %</text>`).join('\n')}
${line(({ placed }) => share(placed), '#3b6fb6')}
${line(({ found }) => share(found), '#2e8b57')}
<text x="${LEFT}" y="516" font-size="15">Slowest hundredth of reads, ms</text>
${[0, slowest].map((ms) => `<line x1="${LEFT}" x2="${LEFT + PLOT}" y1="${slow(ms)}" y2="${slow(ms)}" stroke="#ddd"/><text x="${LEFT - 8}" y="${slow(ms) + 4}" text-anchor="end">${ms}</text>`).join('\n')}
${line(({ p99 }) => slow(p99), '#8a4fa3')}
${[10, 30, 45].map((second, at) => `<line x1="${x(second)}" x2="${x(second)}" y1="300" y2="650" stroke="#999" stroke-dasharray="4 4"/><text x="${x(second) + 4}" y="672">${['five freeze', 'they are back, two empty', 'ten join'][at]}</text>`).join('\n')}
</svg>
`
}

function bars(sizes: readonly number[], left: number, bottom: number, colour: string): string {
  const wide = PLOT / 2 - 12
  const most = 520
  const height = (size: number): number => (size * 170) / most
  const mean = sizes.reduce((sum, one) => sum + one, 0) / sizes.length
  const each = wide / sizes.length
  const drawn = sizes.map(
    (size, at) =>
      `<rect x="${(left + at * each).toFixed(1)}" y="${(bottom - height(size)).toFixed(1)}" width="${(each * 0.8).toFixed(1)}" height="${height(size).toFixed(1)}" fill="${colour}"/>`,
  )
  const level = bottom - height(mean)
  return `${drawn.join('')}<line x1="${left}" x2="${left + wide}" y1="${level}" y2="${level}" stroke="#222" stroke-dasharray="3 3"/>
<text x="${left}" y="${bottom + 18}">mean ${mean.toFixed(0)}, fullest ${Math.max(...sizes)}</text>`
}
