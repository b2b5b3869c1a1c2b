// `npm run bench:insight -- DIR`: how far the shipped estimates are from exact simulations on recorded traffic.
import { parseArgs } from 'node:util'
import { type CurveCell, curveCells, judgeCurves } from './insight/curves.ts'
import { type Decision, decisionsOf, judgeDecisions } from './insight/decisions.ts'
import { madeTraffic } from './insight/made.ts'
import { judgePrefetch, prefetchedOf, prefetchLines } from './insight/prefetch.ts'
import { type Doubling, doublingsOf, judgeDoublings } from './insight/realised.ts'
import { measureRecorder } from './insight/recorder.ts'
import { type Row, tableOf } from './insight/report.ts'
import { type Traffic, trafficFiles } from './insight/traffic.ts'
import { judgeTtls, type TtlCell, ttlCells } from './insight/ttl.ts'
import { formatTable } from './table.ts'

const HELP = `usage: npm run bench:insight -- DIR [options]
  DIR             a folder of traces (or one file), with those in its folders: gzip text, a request per line,
                  NAME.gz "key" or "key size seconds", NAME.tsv.gz "time_ms key size session op"
  --part a,b      of recorder, mrc, shadow, advice, prefetch, ttl; default all. Prefetch plays made traffic, too
  --only a,b      these traces, by a part of their names
  --recorded      these traces alone, no made traffic
  --seeds N       prefetch with so many sets of hashes, to see what is chance; default 3
  --cells         a line for each trace, too
  --json          print what was measured as JSON, nothing else`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    part: { type: 'string' },
    only: { type: 'string' },
    recorded: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '3' },
    cells: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const seeds = Number(values.seeds)

interface Part {
  /** The cells of one trace. */
  readonly cells: (traffic: Traffic) => readonly unknown[]
  readonly lines: (cells: readonly never[]) => string[][]
  readonly judge: (cells: readonly never[]) => Row[]
}

const PARTS: Readonly<Record<string, Part>> = {
  mrc: { cells: curveCells, lines: curveLines, judge: judgeCurves },
  shadow: { cells: decisionsOf, lines: decisionLines, judge: judgeDecisions },
  advice: { cells: doublingsOf, lines: doublingLines, judge: judgeDoublings },
  prefetch: { cells: (traffic) => prefetchedOf(traffic, seeds), lines: prefetchLines, judge: judgePrefetch },
  ttl: { cells: ttlCells, lines: ttlLines, judge: judgeTtls },
}

/** A part that needs no trace, and the one that plays made traffic, too. */
const RECORDER = 'recorder'
const PREFETCH = 'prefetch'

const [folder] = positionals
const wanted = values.part?.split(',') ?? [RECORDER, ...Object.keys(PARTS)]
const unknown = wanted.filter((name) => name !== RECORDER && !Object.hasOwn(PARTS, name))
if (values.help) console.log(HELP)
else if (!Number.isInteger(seeds) || seeds < 1 || seeds > 100) {
  console.error(`--seeds ${JSON.stringify(values.seeds)}: give a whole number from 1 to 100`)
  process.exitCode = 2
} else if (folder === undefined || unknown.length > 0) {
  console.error(
    unknown.length > 0
      ? `--part ${unknown.join(', ')}: there are ${[RECORDER, ...Object.keys(PARTS)].join(', ')}`
      : HELP,
  )
  process.exitCode = 2
} else await bench(folder)

async function bench(path: string): Promise<void> {
  const only = values.only?.split(',')
  const isWanted = ({ name }: { readonly name: string }): boolean =>
    only === undefined || only.some((part) => name.includes(part))
  const files = trafficFiles(path).filter(isWanted)
  const made = wanted.includes(PREFETCH) && !values.recorded ? madeTraffic().filter(isWanted) : []
  if (files.length + made.length === 0) {
    console.error(`no trace *.gz in ${path}`)
    process.exitCode = 1
    return
  }
  const costs = wanted.includes(RECORDER) ? await measureRecorder() : []
  const parts = wanted.filter((name) => name !== RECORDER)
  const found: Record<string, unknown[]> = Object.fromEntries(parts.map((name) => [name, []]))
  for (const file of parts.length === 0 ? [] : files) {
    process.stderr.write(`${file.name} ...\n`)
    const traffic = file.read()
    for (const name of parts) found[name]?.push(...(PARTS[name]?.cells(traffic) ?? []))
  }
  for (const { name, read } of made) {
    process.stderr.write(`${name} ...\n`)
    found[PREFETCH]?.push(...(PARTS[PREFETCH]?.cells(read()) ?? []))
  }
  if (values.json) {
    console.log(JSON.stringify({ costs, ...found }, null, 2))
    return
  }
  const of = (name: string): readonly never[] => (found[name] ?? []) as never[]
  if (values.cells) for (const name of parts) console.log(`${formatTable(PARTS[name]?.lines(of(name)) ?? [])}\n`)
  console.log(formatTable(tableOf([...costs, ...parts.flatMap((name) => PARTS[name]?.judge(of(name)) ?? [])])))
}

function curveLines(cells: readonly CurveCell[]): string[][] {
  return [
    [
      'curve, trace',
      'unit',
      'TTL of the time',
      'mean error',
      'worst',
      'in interval',
      'ns a read looked at',
      'reads looked at',
    ],
    ...cells.map((cell) => [
      cell.trace,
      cell.unit,
      cell.ttl === Number.POSITIVE_INFINITY ? 'none' : `${cell.ttl * 100} %`,
      cell.mean.toFixed(4),
      cell.worst.toFixed(4),
      `${(cell.covered * 100).toFixed(0)} %`,
      cell.cost.toFixed(0),
      `${(cell.looked * 100).toFixed(1)} %`,
    ]),
  ]
}

function decisionLines(decisions: readonly Decision[]): string[][] {
  return [
    ['shadows, trace', 'entries', 'pair', 'exact', 'told', 'within'],
    ...decisions.map(({ trace, entries, pair, exact, told, within }) => [
      trace,
      String(entries),
      pair,
      exact.toFixed(4),
      told.toFixed(4),
      within.toFixed(4),
    ]),
  ]
}

function doublingLines(doublings: readonly Doubling[]): string[][] {
  return [
    ['twice the memory, trace', 'entries', 'policy', 'exact', 'told', 'advised'],
    ...doublings.map(({ trace, entries, policy, exact, told, isAdvised }) => [
      trace,
      String(entries),
      policy,
      exact.toFixed(4),
      told.toFixed(4),
      isAdvised ? 'yes' : '',
    ]),
  ]
}

function ttlLines(cells: readonly TtlCell[]): string[][] {
  return [
    ['ttl, trace', 'changes', 'by', 'reads a key', 'asked', 'stale', 'loads', 'of these first', 'best fixed', 'more'],
    ...cells.map(({ trace, kind, by, readsPerKey, target, stale, loads, first, fixed }) => [
      trace,
      kind,
      by,
      readsPerKey.toFixed(1),
      `${target * 100} %`,
      `${(stale * 100).toFixed(2)} %`,
      String(loads),
      String(first),
      fixed.toFixed(0),
      `${(100 * (loads / fixed - 1)).toFixed(1)} %`,
    ]),
  ]
}
