// Takes the figures of the page, section by section, each stamped with where and when.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measureInTurn, measureRound, type Plan } from '../children.ts'
import type { CollectionFigures } from '../collections.ts'
import { type Cell, COLUMNS, mean, worstAgainstLru } from '../hit-ratio/measure.ts'
import { isolatedContenders } from '../isolated.ts'
import type { Results } from '../results.ts'
import { ROWS } from '../rows.ts'
import type { ScrapeFigures } from '../scrape.ts'
import type { ValueFigures } from '../values.ts'
import type { Around, Course, Fast, Figures, Right, Section, Small, Smart, Taken, Worth } from './figures.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const OVER = 'lru-cache'
/** Who offers `getOrSet` with a TTL, under one name or another. */
const AWAITED = [
  'millpond',
  'lru-cache fetch',
  'cache-manager wrap',
  'cacheable getOrSet',
  'bentocache getOrSet',
  'ocache',
  'node-redis, client-side cache',
  'valkey-glide, client-side cache',
]
/** Packages that are called something else in tables. */
const CALLED: Readonly<Record<string, string>> = { redis: 'node-redis', '@valkey/valkey-glide': 'valkey-glide' }

export interface Extent {
  /** So short that it only shows that everything works. */
  readonly quick: boolean
  /** Folder of recorded traffic; without one that section stays as it is. */
  readonly traces: string | undefined
  readonly note: string | undefined
  readonly progress: (line: string) => void
}

export async function take(section: Section, extent: Extent): Promise<Figures> {
  const note = extent.note === undefined ? {} : { note: extent.note }
  if (section === 'right') return { right: { ...(await takeRight(extent)), ...note } }
  if (section === 'fast') return { fast: { ...(await takeFast(extent)), ...note } }
  if (section === 'small') return { small: { ...(await takeSmall(extent)), ...note } }
  if (section === 'around') return { around: { ...(await takeAround(extent)), ...note } }
  if (section === 'worth') return { worth: { ...(await takeWorth(extent)), ...note } }
  return extent.traces === undefined ? {} : { smart: { ...(await takeSmart(extent.traces)), ...note } }
}

async function takeRight({ quick }: Extent): Promise<Right> {
  const taken = stamp(['ioredis'])
  const answer: {
    versions: Record<string, string>
    cells: Right['cells']
  } = await program('bench/dist/consistency.js', [
    '--json',
    ...(quick ? ['--quick', '--parts', 'tags'] : ['--brief', '--parts', 'races,mixed,loads,propagation,tags,cpu']),
  ])
  // "1.6.1: how it stands there".
  const parts = Object.entries(answer.versions).map(([name, text]) => [name, ...split(text)] as const)
  return {
    ...taken,
    versions: { ...taken.versions, ...Object.fromEntries(parts.map(([name, version]) => [name, version])) },
    setups: Object.fromEntries(parts.map(([name, , setup]) => [name, setup])),
    cells: Object.fromEntries(
      Object.entries(answer.cells).map(([name, cells]) => [name, cells.map(({ row, text }) => ({ row, text }))]),
    ),
  }
}

function split(text: string): [version: string, setup: string] {
  const at = text.indexOf(': ')
  return [text.slice(0, at), text.slice(at + 2)]
}

async function takeFast({ quick, progress }: Extent): Promise<Fast> {
  const taken = stamp([OVER, 'cache-manager', 'cacheable', 'bentocache', 'ocache', ...Object.keys(CALLED)])
  const plan: Plan = {
    sizes: quick ? [1_000] : [1_000, 100_000],
    rounds: quick ? 1 : 3,
    rows: quick ? ['hit fresh'] : ROWS,
    names: ['millpond', 'millpond store', OVER],
    awaited: [],
    isolated: [],
    bytesAt: quick ? 0 : 1_000_000,
  }
  const results = await measureInTurn(plan, progress)
  // One turn each, and medians of its batches: these are times, not ratios within a round.
  const times = { ...plan, sizes: [], awaited: AWAITED, isolated: isolatedContenders.map(({ name }) => name) }
  if (!quick) await measureRound(results, times, 0, progress)
  const sizes = plan.sizes.map((entries) => ({ entries, costs: costsOf(results, entries, plan) }))
  const { figures } = results.toJSON()
  const group = (wanted: string) =>
    figures.filter((one) => one.group === wanted).map(({ name, row, ns }) => ({ name, row, ns: ns.median }))
  return {
    ...taken,
    rounds: plan.rounds,
    sizes,
    awaited: group('awaited'),
    isolated: group('isolated'),
    bytes: results.bytes,
  }
}

function costsOf(results: Results, entries: number, { names, rows }: Plan) {
  return names
    .filter((name) => name !== OVER)
    .flatMap((name) =>
      rows.flatMap((row) => {
        const ratio = results.ratio(`${entries}`, name, row, OVER)?.median
        return ratio === undefined ? [] : [{ name, row, ratio }]
      }),
    )
}

async function takeSmall({ quick }: Extent): Promise<Small> {
  const taken = stamp([OVER])
  const answer: ValueFigures[] = await program('bench/dist/main.js', [
    ...['--rows', 'values', '--json', '--rounds', quick ? '1' : '9'],
  ])
  return {
    ...taken,
    values: answer.map(({ value, ours, lru, json, set }) => ({ value, ours, lru, json, set: set.median })),
  }
}

async function takeAround({ quick }: Extent): Promise<Around> {
  const taken = stamp([])
  const rows = <T>(name: string): Promise<T> =>
    program('bench/dist/main.js', [...['--rows', name], ...['--json', '--rounds', quick ? '1' : '9']])
  const { series, costs } = await rows<ScrapeFigures>('scrape')
  const collections = await rows<CollectionFigures[]>('collections')
  return {
    ...taken,
    series,
    scrape: costs.map(({ name, us, ratio }) => ({ name, ms: us.median / 1000, ratio: ratio.median })),
    collections: collections.map(({ row, us, ratio }) => ({ row, us, ratio: ratio.median })),
  }
}

async function takeWorth({ quick }: Extent): Promise<Worth> {
  const taken = stamp([])
  const seconds = quick ? 2 : 30
  const answer: {
    sessions: number
    compared: number
    violations: unknown[]
    with_cache: Course
    without_cache: Course
  } = await program('apps/deals/dist/load.js', ['--json', '--run-only', '--seconds', String(seconds)])
  const { sessions, compared, violations, with_cache: cached, without_cache: uncached } = answer
  return {
    ...taken,
    seconds,
    sessions,
    compared,
    wrong: violations.length,
    cached: courseOf(cached),
    uncached: courseOf(uncached),
  }
}

const courseOf = ({ requests, writes, hitRate, meanMs, p50Ms, p95Ms, queries, cpuMs }: Course): Course => ({
  ...{ requests, writes, hitRate, meanMs, p50Ms, p95Ms, queries, cpuMs },
})

async function takeSmart(traces: string): Promise<Smart> {
  const taken = stamp([])
  const cells: Cell[] = await program('bench/dist/hit-ratio.js', [traces, '--json'])
  const ratiosOf = (some: readonly Cell[]) => Object.fromEntries(COLUMNS.map((column) => [column, mean(some, column)]))
  const names = [...new Set(cells.map(({ trace }) => trace))]
  const judged = COLUMNS.filter((column) => column !== 'lru' && column !== 'optimum')
  return {
    ...taken,
    traces: names.map((trace) => ({ trace, ratios: ratiosOf(cells.filter((cell) => cell.trace === trace)) })),
    mean: ratiosOf(cells),
    below: Object.fromEntries(judged.map((column) => [column, Math.max(0, -worstAgainstLru(cells, column).points)])),
  }
}

/**
 * What a program of the project prints as JSON, whatever it thinks of it; its progress is shown. It ends with this
 * process.
 */
async function program<T>(path: string, args: readonly string[]): Promise<T> {
  const child = spawn(process.execPath, [join(ROOT, path), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = () => child.kill()
  process.once('exit', stop)
  let text = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk
  process.off('exit', stop)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`${path} ${args.join(' ')} printed no figures`, { cause })
  }
}

function stamp(packages: readonly string[]): Taken {
  const manifest: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(ROOT, 'bench/package.json'), 'utf8'),
  )
  const cores = availableParallelism()
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    machine: `${cores === 2 ? 'two' : cores} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), Node ${process.versions.node}`,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    versions: Object.fromEntries(
      packages.map((name) => [CALLED[name] ?? name, manifest.dependencies[name] ?? 'unknown']),
    ),
  }
}

/** What the page itself is made of may differ: it is being written. */
function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' })
  const { status, stdout } = git('rev-parse', '--short=7', 'HEAD')
  if (status !== 0) return 'unknown'
  const dirty =
    git('status', '--porcelain', '--', '.', ':!docs', ':!README.md', ':!bench/figures.json').stdout.trim() !== ''
  return `${stdout.trim()}${dirty ? '+' : ''}`
}
