// `npm run bench:hit-ratio -- DIR`: the hit ratio of each policy on recorded traffic, compared with the clairvoyant
// optimum.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { policyByName } from 'millpond/memory'
import { judgeColumns, measureReferences } from './hit-ratio/columns.ts'
import { drawCurves } from './hit-ratio/curves.ts'
import { measureLoadTimes } from './hit-ratio/load-times.ts'
import {
  type Cell,
  COLUMNS,
  type Column,
  mean,
  measure,
  POLICIES,
  seeds,
  spreadOf,
  worstAgainstLru,
} from './hit-ratio/measure.ts'
import { playSized, uniqueBytes } from './hit-ratio/sized.ts'
import { type Trace, traceFiles } from './hit-ratio/trace.ts'
import { formatTable } from './table.ts'

const HELP = `usage: npm run bench:hit-ratio -- DIR [options]
  DIR             a folder of traces NAME.gz, or one file: gzip text, a request per line, "key" or "key size time"
  --only a,b      these traces
  --parts 0.5,1,2,5,10   sizes in percent of a trace's unique keys
  --entries 1000,5000    sizes in entries instead
  --seeds N       seeds of the hashes, over which cells tell mean and half the range (default 5); more takes longer
  --bytes         a budget in parts of the unique bytes, for the traces that tell sizes: hits / bytes hit
  --load-times    what it does to tell the policy how long loads take: pure noise, and times that are the keys' own
  --columns       whether each known policy hits as often as its reference does; exit code 1 when one does not
  --brief         a line per trace: the mean over the sizes
  --json          print the cells as JSON, nothing else
  --svg FILE      draw the miss-ratio curves`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    parts: { type: 'string', default: '0.5,1,2,5,10' },
    entries: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    bytes: { type: 'boolean', default: false },
    columns: { type: 'boolean', default: false },
    'load-times': { type: 'boolean', default: false },
    brief: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    svg: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const [folder] = positionals
if (values.help) console.log(HELP)
else if (folder === undefined) {
  console.error(HELP)
  process.exitCode = 2
} else bench(folder)

function bench(path: string): void {
  const wanted = values.only?.split(',')
  const files = traceFiles(path).filter(({ name }) => wanted === undefined || wanted.includes(name))
  if (files.length === 0) {
    console.error(`no trace *.gz in ${path}${wanted === undefined ? '' : ` named ${wanted.join(' or ')}`}`)
    process.exitCode = 1
    return
  }
  if (values.columns) {
    compare(files)
    return
  }
  if (values['load-times']) {
    console.log(formatTable(measureLoadTimes(files, numbers(values.parts))))
    return
  }
  if (values.bytes) {
    console.log(
      formatTable([
        ['hits / bytes hit in %, trace @ MB', ...POLICIES],
        ...files.flatMap((file) => sizedLines(file.read())),
      ]),
    )
    return
  }
  const [count = 5] = numbers(values.seeds)
  const drawn = seeds(Math.ceil(count))
  const cells = files.flatMap((file) => {
    process.stderr.write(`${file.name} ...\n`)
    const trace = file.read()
    if (values.entries !== undefined)
      return numbers(values.entries).map((entries) => measure(trace, entries, undefined, drawn))
    return numbers(values.parts).map((percent) =>
      measure(trace, Math.max(1, Math.round((trace.unique * percent) / 100)), percent / 100, drawn),
    )
  })
  if (values.svg !== undefined) writeFileSync(values.svg, drawCurves(cells))
  console.log(values.json ? JSON.stringify(cells, null, 2) : report(cells))
}

function compare(files: ReturnType<typeof traceFiles>): void {
  const { cells, missing } = measureReferences(files)
  if (missing.length > 0) {
    console.error(`--columns needs ${missing.map((name) => `${name}.gz`).join(', ')} too`)
    process.exitCode = 1
    return
  }
  const judgements = judgeColumns(cells)
  const head = ['mean hit ratio in %', 'own', 'reference', 'verdict', 'apart']
  const body = judgements.map(({ policy, own, reference, complaints }) => [
    policy,
    own.toFixed(1),
    reference.toFixed(1),
    complaints.length === 0 ? 'pass' : 'FAIL',
    complaints.join('; '),
  ])
  console.log(formatTable([head, ...body]))
  if (judgements.some(({ complaints }) => complaints.length > 0)) process.exitCode = 1
}

function sizedLines(trace: Trace): string[][] {
  if (trace.sizes === undefined) return []
  const total = uniqueBytes(trace)
  return numbers(values.parts).map((percent) => {
    const capacity = Math.max(1, Math.round((total * percent) / 100))
    const ratios = POLICIES.map((name) => playSized(policyByName(name), trace, capacity))
    return [
      `${trace.name} @ ${(capacity / 1e6).toPrecision(3)}`,
      ...ratios.map(({ hits, bytes }) => `${hits.toFixed(1)} / ${bytes.toFixed(1)}`),
    ]
  })
}

function numbers(list: string): number[] {
  const parsed = list.split(',').map(Number)
  if (parsed.some((number) => !(number > 0)))
    throw new RangeError(`sizes must be positive numbers with commas between, not ${list}`)
  return parsed
}

function report(cells: readonly Cell[]): string {
  const head = [values.brief ? 'hit ratio in %, mean over the sizes' : 'hit ratio in %, trace @ entries', ...COLUMNS]
  const body = values.brief
    ? [...new Set(cells.map((cell) => cell.trace))].map((trace) =>
        means(
          trace,
          cells.filter((cell) => cell.trace === trace),
        ),
      )
    : cells.map((cell) => [`${cell.trace} @ ${cell.entries}`, ...COLUMNS.map((column) => shown(cell, column))])
  const worst = COLUMNS.map((column) =>
    column === 'lru' || column === 'optimum' ? '' : worstAgainstLru(cells, column).points.toFixed(1),
  )
  const worstSeed = COLUMNS.map((column) =>
    column === 'lru' || column === 'optimum' ? '' : worstAgainstLru(cells, column, true).points.toFixed(1),
  )
  return formatTable([
    head,
    ...body,
    means('**mean of all**', cells),
    ['furthest below LRU in one cell, points', ...worst],
    ['the same in the worst of the seeds', ...worstSeed],
  ])
}

/** The mean over the seeds, and half of their range. */
function shown(cell: Cell, column: Column): string {
  const spread = spreadOf(cell, column)
  return `${cell.ratios[column].toFixed(1)}${spread === undefined ? '' : ` ± ${spread.toFixed(1)}`}`
}

function means(label: string, cells: readonly Cell[]): string[] {
  return [label, ...COLUMNS.map((column) => mean(cells, column).toFixed(1))]
}
