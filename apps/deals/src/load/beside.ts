// Promises that the sessions do not test: memory, prefetching, TTLs, a cluster, encryption. Each is measured by its own
// program, in a short form.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { isError } from 'millpond/options'
import type { Sizes } from '../data/generate.ts'
import type { Tokens } from '../http/tokens.ts'
import { createClient } from './client.ts'
import type { Answer } from './drive.ts'
import { questionOf } from './misses.ts'
import { startServiceProcess } from './service-process.ts'

export interface Promised {
  readonly name: string
  readonly measured: string
  /** Null: it was not measured, and `measured` says why. */
  readonly isKept: boolean | null
}

type Found = Omit<Promised, 'name'>

export interface BesideOptions {
  /** A folder for temporary files. */
  readonly root: string
  readonly sizes: Sizes
  /** The reads with the cache: the traffic that is judged. */
  readonly answers: readonly Answer[]
  /** Recorded traffic that is judged in its place. */
  readonly traces: string | undefined
  readonly tokens: Tokens
  readonly secret: string
  /** A service that starts on a copy of the data. */
  readonly copyData: (folder: string) => void
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length

type Way = readonly [names: readonly string[], measure: (options: BesideOptions) => Promise<readonly Found[]>]

/** By bytes, counts and words: the machine's other load changes none of them. */
const TOGETHER: readonly Way[] = [
  [['30-50 % less memory'], lessMemory],
  [['25-35 % fewer misses by prediction', '20-30 % better by adaptive TTL'], insight],
  [['everything outside is encrypted on request'], sealed],
]
/** By the processor time of servers. */
const ALONE: Way = [['near-linear over cluster nodes'], cluster]

export async function measureBeside(options: BesideOptions): Promise<Promised[]> {
  const rowsOf = async ([names, measure]: Way): Promise<Promised[]> => {
    if (!options.signal.aborted) options.say(`in addition to the run: ${names.join(', ')}`)
    const found = options.signal.aborted
      ? []
      : await measure(options).catch((error: unknown) => names.map(() => unmeasured(error)))
    return names.map((name, at) => ({ name, ...(found[at] ?? unmeasured('stopped before')) }))
  }
  const together = await Promise.all(TOGETHER.map(rowsOf))
  return [...together.flat(), ...(await rowsOf(ALONE))]
}

function unmeasured(why: unknown): Found {
  const [line = ''] = (isError(why) ? why.message : String(why)).split('\n')
  return { measured: line.slice(0, 120), isKept: null }
}

/** The service's answers packed, compressed and selected, next to the same without. */
async function lessMemory({ sizes, signal }: BesideOptions): Promise<Found[]> {
  const least = { organizations: 40, users: 400, deals: 10_000 }
  const args = Object.entries(least).flatMap(([name, most]) => [
    `--${name}`,
    String(Math.min(most, sizes[name as keyof typeof least])),
  ])
  const { plain, compact }: Record<'plain' | 'compact', { memory: number; file: number; answers: number }> = await told(
    fileURLToPath(new URL('../memory.js', import.meta.url)),
    ['--json', ...args],
    signal,
  )
  const saved = 1 - (compact.memory + compact.file) / (plain.memory + plain.file)
  return [{ measured: `${percent(saved)} less for ${plain.answers} answers, memory and file`, isKept: saved >= 0.3 }]
}

interface Prefetched {
  readonly better: number
  readonly misses: number
}

interface ChosenTtl {
  readonly by: string
  readonly loads: number
  /** Null: no fixed one is that stale. */
  readonly fixed: number | null
}

async function insight({ root, answers, traces, signal }: BesideOptions): Promise<Found[]> {
  const file = traces ?? traceOf(root, answers)
  const { prefetch, ttl }: { prefetch: readonly Prefetched[]; ttl: readonly ChosenTtl[] } = await told(
    bench('insight.js'),
    [file, '--part', 'prefetch,ttl', '--recorded', '--json'],
    signal,
  )
  const traffic = traces === undefined ? 'this traffic' : 'recorded traffic'
  return [fewerMisses(prefetch, traffic), betterTtl(ttl, traffic)]
}

/** A cache with room for a part of the traffic's keys, with prediction and without. */
function fewerMisses(prefetch: readonly Prefetched[], traffic: string): Found {
  if (prefetch.length === 0) return unmeasured('too few different requests')
  const saved = mean(prefetch.map(({ better, misses }) => 1 - misses / better))
  return { measured: `${percent(saved)} fewer, with room for some of the keys of ${traffic}`, isKept: saved >= 0.25 }
}

function betterTtl(ttl: readonly ChosenTtl[], traffic: string): Found {
  const ratios = ttl.flatMap(({ by, loads, fixed }) =>
    by === 'changes' && fixed !== null && fixed > 0 ? [Math.log(loads / fixed)] : [],
  )
  if (ratios.length === 0) return unmeasured('too few requests')
  const spared = 1 - Math.exp(mean(ratios))
  return {
    measured: `${percent(spared)} fewer loads than the best fixed TTL with the same staleness, for ${traffic}`,
    isKept: spared >= 0.2,
  }
}

/** `time_ms key size session op`, one read per line. */
function traceOf(root: string, answers: readonly Answer[]): string {
  const file = join(root, 'dashboard.tsv.gz')
  const lines = answers
    .toSorted((a, b) => a.startedAt - b.startedAt)
    .map(
      (answer) =>
        `${Math.round(answer.startedAt)}\t${encodeURI(questionOf(answer)).replaceAll('%20', '~')}\t1\t${answer.step.as.userId}\tget\n`,
    )
  writeFileSync(file, gzipSync(lines.join('')))
  return file
}

interface ClusterRow {
  readonly masters: number
  readonly operation: string
  /** How many times the operations of one master. */
  readonly room: number
}

/** By what an operation costs the busiest master: with a core each they serve that much more than one alone. */
async function cluster({ signal }: BesideOptions): Promise<Found[]> {
  const rows: readonly ClusterRow[] = await told(bench('main.js'), ['--rows', 'cluster', '--quick', '--json'], signal)
  const most = Math.max(...rows.map(({ masters }) => masters))
  const last = rows.filter(({ masters }) => masters === most)
  const shown = last.map(({ operation, room }) => `${operation}s ${room.toFixed(2)} times`).join(', ')
  return [
    {
      measured: `${shown} those of one, by ${most} masters of Redis`,
      isKept: last.every(({ room }) => room >= 0.8 * most),
    },
  ]
}

/**
 * Searches everything that the service leaves outside its process for words of answers: with encryption, and, as a
 * control, without.
 */
async function sealed(options: BesideOptions): Promise<Found[]> {
  const asItIs = ['--compact', 'off']
  const [open, shut] = await Promise.all([wordsLeft(options, asItIs), wordsLeft(options, [...asItIs, '--encrypt'])])
  if (open.found === 0) return [unmeasured('no word of an answer was found without encryption either')]
  return [
    {
      measured: `${shut.found} of ${shut.words} words of answers found in ${shut.files} files, ${open.found} without`,
      isKept: shut.found === 0,
    },
  ]
}

/** The number of distinct questions. */
const ASKED = 100
/** Shorter words occur by chance in random bytes. */
const LEAST_WORD = 10

async function wordsLeft(
  { root, sizes, answers, tokens, secret, copyData, signal }: BesideOptions,
  args: readonly string[],
) {
  const folder = mkdtempSync(join(root, 'sealed-'))
  copyData(folder)
  const before = new Set(readdirSync(folder))
  const words = new Set<string>()
  const service = await startServiceProcess({
    folder,
    sizes,
    args,
    env: { DEALS_TOKEN_SECRET: secret, CACHE_WARMING_ENABLED: 'false' },
  })
  const client = createClient(service.url)
  try {
    const asked = new Map(answers.map((answer) => [questionOf(answer), answer.step]))
    for (const step of [...asked.values()].slice(0, ASKED)) {
      signal.throwIfAborted()
      const { body } = await client.ask('GET', step.path, tokens.issue(step.as))
      for (const [, word = ''] of body.matchAll(/"([A-Z][A-Za-z &'.-]+)"(?!:)/g))
        if (word.length >= LEAST_WORD) words.add(word)
    }
  } finally {
    client.close()
    await service.stop()
  }
  const left = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (file) => file.isFile() && !before.has(file.name) && !/^deals.*\.sqlite|keys\.json$/.test(file.name),
  )
  const text = left.map((file) => readFileSync(join(file.parentPath, file.name), 'latin1')).join('\n')
  return { words: words.size, files: left.length, found: [...words].filter((word) => text.includes(word)).length }
}

/** A measurement that takes longer is aborted. */
const PATIENCE_MS = 300_000

const bench = (name: string): string => fileURLToPath(new URL(`../../../../bench/dist/${name}`, import.meta.url))

/** The JSON output of our own programs. */
function told<T>(program: string, args: readonly string[], signal: AbortSignal): Promise<T> {
  if (!existsSync(program)) throw new Error('the bench is not built here')
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
  })
  return new Promise((resolve, reject) => {
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      err += chunk
    })
    child.once('error', reject)
    child.once('close', () => {
      try {
        resolve(JSON.parse(out) as T) // our own program's own type
      } catch {
        reject(new Error(err.trim().split('\n').at(-1) ?? `it ended without a result: ${out.slice(0, 100)}`))
      }
    })
  })
}
