// Miss-ratio curves as one SVG: a small chart per trace, a line per policy, the optimum below them all.
import { type Cell, COLUMNS, type Column } from './measure.ts'

const WIDTH = 320
const HEIGHT = 220
const PER_ROW = 3
const LEFT = 44
const RIGHT = 14
const TOP = 30
const BOTTOM = 36
const HEAD = 56

interface Stroke {
  readonly color: string
  readonly width: number
  readonly dash: string
}

const STROKES: Readonly<Record<Column, Stroke>> = {
  lru: { color: '#8c8c8c', width: 1.4, dash: '' },
  sieve: { color: '#c98a00', width: 1.4, dash: '6 3' },
  's3-fifo': { color: '#0f8a6d', width: 1.4, dash: '2 2' },
  'w-tinylfu': { color: '#7a5bd0', width: 1.4, dash: '8 3 2 3' },
  adaptive: { color: '#d1243c', width: 2.6, dash: '' },
  optimum: { color: '#1f2933', width: 1.2, dash: '1 3' },
}

export function drawCurves(cells: readonly Cell[]): string {
  const traces = [...new Set(cells.map((cell) => cell.trace))]
  const rows = Math.ceil(traces.length / PER_ROW)
  const width = Math.min(traces.length, PER_ROW) * WIDTH
  const height = HEAD + rows * HEIGHT
  const charts = traces.map((trace, i) => {
    const x = (i % PER_ROW) * WIDTH
    const y = HEAD + Math.floor(i / PER_ROW) * HEIGHT
    return `<g transform="translate(${x} ${y})">${chart(trace, cells)}</g>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11" fill="#1f2933">`,
    '<title>Miss ratio by cache size</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    legend(width),
    ...charts,
    '</svg>\n',
  ].join('\n')
}

function legend(width: number): string {
  const step = Math.min(120, (width - LEFT) / COLUMNS.length)
  const items = COLUMNS.map((column, i) => {
    const x = LEFT + i * step
    return `${line(`M${x} 40h22`, column)}<text x="${x + 27}" y="44">${column}</text>`
  })
  return `<text x="${LEFT}" y="22" font-size="14" font-weight="600">Miss ratio in %, by entries held</text>${items.join('')}`
}

function chart(trace: string, cells: readonly Cell[]): string {
  const own = cells.filter((cell) => cell.trace === trace).sort((a, b) => a.entries - b.entries)
  const misses = own.flatMap((cell) => COLUMNS.map((column) => 100 - cell.ratios[column]))
  const step = tickStep(Math.max(...misses) - Math.min(...misses))
  const low = Math.floor(Math.min(...misses) / step) * step
  const high = Math.max(low + step, Math.ceil(Math.max(...misses) / step) * step)
  const first = Math.log(own[0]?.entries ?? 1)
  const span = Math.log(own.at(-1)?.entries ?? 1) - first || 1
  const x = (entries: number): number => LEFT + ((Math.log(entries) - first) / span) * (WIDTH - LEFT - RIGHT)
  const y = (miss: number): number => TOP + ((high - miss) / (high - low)) * (HEIGHT - TOP - BOTTOM)
  const parts = [`<text x="${LEFT}" y="${TOP - 10}" font-weight="600">${escaped(trace)}</text>`]
  for (let tick = low; tick <= high + step / 2; tick += step) {
    parts.push(`<path d="M${LEFT} ${y(tick).toFixed(1)}H${WIDTH - RIGHT}" stroke="#e3e6ea"/>`)
    parts.push(`<text x="${LEFT - 6}" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end" fill="#5c6670">${tick}</text>`)
  }
  for (const cell of own) {
    parts.push(
      `<text x="${x(cell.entries).toFixed(1)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#5c6670">${short(cell.entries)}</text>`,
    )
  }
  for (const column of COLUMNS) {
    const points = own.map((cell) => `${x(cell.entries).toFixed(1)} ${y(100 - cell.ratios[column]).toFixed(1)}`)
    parts.push(line(`M${points.join('L')}`, column))
  }
  return parts.join('\n')
}

function line(path: string, column: Column): string {
  const { color, width, dash } = STROKES[column]
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="${width}" stroke-linejoin="round"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}/>`
}

/** Round steps, some four to a chart. */
function tickStep(range: number): number {
  return [0.5, 1, 2, 5, 10, 20, 25].find((step) => range / step <= 5) ?? 25
}

function short(entries: number): string {
  return entries < 1000 ? String(entries) : `${Number((entries / 1000).toPrecision(2))}k`
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
