// `npm run bench:growing`: the effect of each step of docs/guide/growing.md, over a SQLite database and Redis; `--
// --write` writes the table there.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import Database from 'libsql'
import { startRedisServer } from './consistency/redis-server.ts'
import type { Done, Task } from './growing/process.ts'
import { STEPS } from './growing/steps.ts'
import { formatTable } from './table.ts'

const HELP = `usage: npm run bench:growing -- [options]
  --reads N   of each process in each step (default 3000)
  --write     writes the table into docs/guide/growing.md`
const PAGE = fileURLToPath(new URL('../../docs/guide/growing.md', import.meta.url))
const ORGANIZATIONS = 200
const DEALS = 100_000

const { values } = parseArgs({
  options: {
    reads: { type: 'string', default: '3000' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else await tell(readsOf(values.reads), values.write)

function readsOf(given: string): number {
  const reads = Number(given)
  if (Number.isSafeInteger(reads) && reads > 0) return reads
  console.error(`bench:growing: --reads ${JSON.stringify(given)} is not understood: give a whole number from 1`)
  process.exit(2)
}

async function tell(reads: number, isWritten: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-growing-'))
  const redis = await startRedisServer()
  const rows: string[][] = []
  try {
    for (const [at, { name, processes }] of STEPS.entries()) {
      const file = join(folder, `${at}.db`)
      fill(file)
      await redis.empty()
      const acknowledged = new SharedArrayBuffer(ORGANIZATIONS * Int32Array.BYTES_PER_ELEMENT)
      const acknowledgedAt = new SharedArrayBuffer(ORGANIZATIONS * Float64Array.BYTES_PER_ELEMENT)
      const origin = performance.timeOrigin
      const done = await Promise.all(
        Array.from({ length: processes }, (_, index) =>
          inThread({
            step: at,
            file,
            url: redis.url,
            seed: at * 10 + index + 1,
            reads,
            acknowledged,
            acknowledgedAt,
            origin,
          }),
        ),
      )
      rows.push([name, ...judged(done)])
      console.error(`growing: ${name}`)
    }
  } finally {
    await redis.close()
    rmSync(folder, { recursive: true, force: true })
  }
  const table = formatTable([
    ['', 'queries per 1,000 reads', 'median (ms)', 'p95 (ms)', 'stale answers per 1,000', 'stale by over 500 ms'],
    ...rows,
  ])
  console.log(table)
  if (!isWritten) return
  const told = `${reads} reads of each process, ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${availableParallelism()} cores, Redis ${redis.version}`
  const page = readFileSync(PAGE, 'utf8')
  const [before, after] = [page.indexOf('<!-- figures -->'), page.indexOf('<!-- /figures -->')]
  if (before < 0 || after < before)
    throw new Error('docs/guide/growing.md has no place for figures: <!-- figures --> and <!-- /figures -->')
  writeFileSync(PAGE, `${page.slice(0, before)}<!-- figures -->\n\n${table}\n\n${told}.\n\n${page.slice(after)}`)
}

/** Each step begins with the same rows. */
function fill(file: string): void {
  const database = new Database(file)
  database.exec(`pragma journal_mode = wal;
create table organizations (id integer primary key, version integer not null);
create table deals (id integer primary key, organization integer not null, value integer not null);
insert into organizations select value, 0 from generate_series(0, ${ORGANIZATIONS - 1});
insert into deals select value, value % ${ORGANIZATIONS}, value % 977 from generate_series(1, ${DEALS});`)
  database.close()
}

function inThread(task: Task): Promise<Done> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./growing/process.js', import.meta.url), { workerData: task })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a process of the step ended with ${code} and no figures`)))
  })
}

function judged(done: readonly Done[]): string[] {
  const sum = (count: (one: Done) => number): number => done.reduce((total, one) => total + count(one), 0)
  const reads = sum((one) => one.reads)
  const ms = done.flatMap((one) => one.ms).sort((a, b) => a - b)
  const at = (share: number): string => (ms[Math.min(ms.length - 1, Math.floor(ms.length * share))] ?? 0).toFixed(3)
  const ofThousand = (count: number): string => ((count / reads) * 1000).toFixed(count === 0 ? 0 : 1)
  return [
    ofThousand(sum((one) => one.queries)),
    at(0.5),
    at(0.95),
    ofThousand(sum((one) => one.old)),
    ofThousand(sum((one) => one.late)),
  ]
}
