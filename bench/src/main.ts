// `npm run bench`: Millpond and the other libraries in one run, in turn, ratios first. `--gate` compares with the
// committed baseline instead.
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { AWAITED_ROWS, awaitedContenders } from './awaited.ts'
import type { BytesAnswer } from './bytes.ts'
import { measureInTurn } from './children.ts'
import { benchCodecs } from './codecs.ts'
import { benchCollections } from './collections.ts'
import { contenders } from './contenders.ts'
import { EXIT_CODES, gate, saveBaseline } from './gate.ts'
import { goalLines } from './goals.ts'
import { benchGrowth } from './growth.ts'
import { ISOLATED_OVER, ISOLATED_ROWS, isolatedContenders } from './isolated.ts'
import { benchJournal } from './journal.ts'
import { benchKeyShapes } from './key-shapes.ts'
import { findProgram } from './program.ts'
import { type Results, ratioTable } from './results.ts'
import { ROWS, type Row } from './rows.ts'
import { benchScrape } from './scrape.ts'
import { benchSources } from './sources.ts'
import { printTable } from './table.ts'
import { benchCluster } from './tiers/bench-cluster.ts'
import { benchFiles } from './tiers/bench-files.ts'
import { benchServed } from './tiers/bench-served.ts'
import { benchTiers, TIERS } from './tiers/bench-tiers.ts'
import { benchValues } from './values.ts'

const HELP = `usage: npm run bench -- [options]
  --quick         two sizes, three rounds (some minutes)
  --sizes 1000,100000,1000000
  --rounds N      how often each library has its turn (default 5)
  --only a,b      these libraries beside ours, the Map and lru-cache; with --rows tiers: these tiers
  --rows a,b      these workloads: set + evict, hit prebuilt, hit fresh, miss fresh, set + evict after reads, zipf 90/10, set + evict, TTL, hit prebuilt, TTL, hit fresh, TTL, set + evict after reads, TTL; or tiers alone: each far tier beside its bare client; or served alone: a cache over Redis beside GET, MGET and SET with JSON; or files, cluster, codecs, sources, journal, keys, values, growth, scrape, collections alone
  --json          print the figures as JSON, nothing else; of the rows that are measured alone, cluster, values, scrape and collections have it
  --gate          compare ours with bench/baseline.json; exit code 1 on a real loss, 3 where the machine lets nothing be told
  --minutes N     about how long the gate goes on (default 8); it needs five rounds, some seven minutes on a quiet machine
  --save          measure as the gate does and write bench/baseline.json`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    sizes: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    rows: { type: 'string' },
    json: { type: 'boolean', default: false },
    gate: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '8' },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(HELP)
else if (values.save) await saveBaseline(progress)
else if (values.gate) process.exitCode = EXIT_CODES[await gate(numbers(values.minutes, '--minutes')[0] ?? 8, progress)]
else if (values.rows === 'tiers')
  await benchTiers(
    numbers(values.rounds ?? (values.quick ? '3' : '9'), '--rounds')[0] ?? 9,
    progress,
    chosen(values.only, TIERS, '--only'),
  )
else if (values.rows === 'served')
  await benchServed(numbers(values.rounds ?? (values.quick ? '3' : '15'), '--rounds')[0] ?? 15, progress)
else if (values.rows === 'files') await benchFiles(progress)
else if (values.rows === 'cluster') await benchCluster(progress, { isQuick: values.quick, isJson: values.json })
else if (values.rows === 'sources') await benchSources(progress)
else if (values.rows === 'journal') await benchJournal(progress)
else if (values.rows === 'keys')
  await benchKeyShapes(
    numbers(values.sizes ?? (values.quick ? '1000,100000' : '1000,100000,1000000'), '--sizes'),
    numbers(values.rounds ?? (values.quick ? '5' : '15'), '--rounds')[0] ?? 15,
    progress,
  )
else if (values.rows === 'values')
  await benchValues(numbers(values.rounds ?? (values.quick ? '3' : '9'), '--rounds')[0] ?? 9, progress, values.json)
else if (values.rows === 'scrape')
  await benchScrape(numbers(values.rounds ?? (values.quick ? '3' : '9'), '--rounds')[0] ?? 9, progress, values.json)
else if (values.rows === 'collections')
  await benchCollections(
    numbers(values.rounds ?? (values.quick ? '3' : '9'), '--rounds')[0] ?? 9,
    progress,
    values.json,
  )
else if (values.rows === 'growth')
  await benchGrowth(numbers(values.sizes ?? (values.quick ? '100000' : '1000000'), '--sizes'), progress)
else if (values.rows === 'codecs')
  benchCodecs(numbers(values.rounds ?? (values.quick ? '3' : '9'), '--rounds')[0] ?? 9, progress)
else await bench()

async function bench(): Promise<void> {
  const sizes = numbers(values.sizes ?? (values.quick ? '1000,100000' : '1000,100000,1000000'), '--sizes')
  const [rounds = 0] = numbers(values.rounds ?? (values.quick ? '3' : '5'), '--rounds')
  const rows = chosen(values.rows, ROWS, '--rows')
  const always = contenders.filter(
    (contender) => contender.ours === true || contender.name === 'lru-cache' || contender.name.startsWith('Map'),
  )
  const names =
    values.only === undefined
      ? contenders.map((contender) => contender.name)
      : [
          ...always.map((contender) => contender.name),
          ...chosen(
            values.only,
            contenders.map((contender) => contender.name),
            '--only',
          ),
        ]
  const results = await measureInTurn(
    {
      sizes,
      rounds,
      rows,
      names: [...new Set(names)],
      awaited: awaitedHere(),
      isolated: isolatedContenders.map((type) => type.name),
      bytesAt: Math.max(...sizes),
    },
    progress,
  )
  if (values.json)
    console.log(
      JSON.stringify(
        { at: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model, ...results.toJSON() },
        null,
        2,
      ),
    )
  else print(results, sizes, rows)
}

/** Rows that need a server that is not available are skipped before anything is measured, and named. */
function awaitedHere(): string[] {
  const here = awaitedContenders.filter(({ name, server }) => {
    try {
      if (server !== undefined) findProgram(server)
      return true
    } catch (error) {
      progress(`${name} is left out: ${error instanceof Error ? error.message : error}`)
      return false
    }
  })
  return here.map(({ name }) => name)
}

function print(results: Results, sizes: readonly number[], rows: readonly Row[]): void {
  console.log(
    `\nNode ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}, ${new Date().toISOString().slice(0, 10)}`,
  )
  console.log(
    'Cells: cost over lru-cache in the same round (less is better), median and half the spread between quarters; CPU ns an operation.',
  )
  console.log('Keys of 20 characters; fresh: built for each call, as services do (the building counts, for all alike).')
  for (const size of sizes) {
    console.log(`\n## ${size.toLocaleString('en')} entries\n`)
    printTable(ratioTable(results, `${size}`, rows, 'lru-cache'))
  }
  console.log('\n## Awaited, 1,000 entries with a TTL; over cache-manager\n')
  printTable(ratioTable(results, 'awaited', AWAITED_ROWS, 'cache-manager wrap'))
  console.log(`\n## Objects that nobody else can change, 1,000 entries; over ${ISOLATED_OVER}\n`)
  printTable(ratioTable(results, 'isolated', ISOLATED_ROWS, ISOLATED_OVER))
  console.log('\n## Bytes an entry beside key and value\n')
  printTable([['library', 'entries', 'without TTL', 'with TTL'], ...results.bytes.map(bytesRow)])
  console.log('\n## Notes\n')
  for (const { name, note } of [...contenders, ...awaitedContenders, ...isolatedContenders])
    if (note !== undefined) console.log(`- ${name}: ${note}`)
  console.log('\n## Goals\n')
  printTable([['goal', 'wanted', 'measured', ''], ...goalLines(results)])
}

function bytesRow({ name, size, plain, ttl }: BytesAnswer): string[] {
  return [name, size.toLocaleString('en'), plain.toFixed(1), ttl?.toFixed(1) ?? '']
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}

function numbers(text: string, flag: string): number[] {
  const parsed = text.split(',').map(Number)
  if (parsed.every((n) => Number.isSafeInteger(n) && n > 0)) return parsed
  console.error(`bench: ${flag} is ${JSON.stringify(text)}: give whole numbers from 1, with commas between them`)
  process.exit(2)
}

function chosen<T extends string>(text: string | undefined, known: readonly T[], flag: string): T[] {
  if (text === undefined) return [...known]
  // A name may end in ", TTL".
  const found = text.split(/,(?! *TTL)/).map((name) => known.find((one) => one === name.trim()))
  if (found.every((one) => one !== undefined)) return found
  console.error(`bench: ${flag} is ${JSON.stringify(text)}: there are ${known.join(', ')}`)
  process.exit(2)
}
