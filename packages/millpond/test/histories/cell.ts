// Records a history of one cell with real processes on a real shared tier, and judges it.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkHistory, focusHistory, type Limits, type Verdict } from '../../src/testing/checker.ts'
import { type HistoryLine, historyTime } from '../../src/testing/history.ts'
import { injectFault, type Participant } from '../../src/testing/nemesis.ts'
import { seededRandom } from '../../src/testing/random.ts'
import type { RingChange } from './messages.ts'
import { beginsFarApart, type Cell, KEYS, nameCell, TAGS } from './plan.ts'
import { openSharedTier, type SharedTierUnderTest } from './shared-tier.ts'
import { openTruth } from './truth.ts'
import { Starved, startWorker, type WorkerProcess } from './worker-process.ts'

export interface CellResult {
  readonly cell: Cell
  readonly verdict: Verdict
  /** What no line can tell: a crash, a lane that never ended, a process that did not close. */
  readonly troubles: readonly string[]
  /**
   * What was not done in time by a process that had no processor: the cell counts as not run, where nothing else was
   * found.
   */
  readonly starved: string | undefined
  /** Where the history was kept, when something was found. */
  readonly keptAt: string | undefined
}

const DRAIN_MS = 25_000
const CLOSE_MS = 10_000
const CONVERGE_MS = 2000

/**
 * `compiled` is what `compile` answered; `limits` go to the checker; a history with findings is kept, where they are
 * not looked for.
 */
export async function runCell(
  cell: Cell,
  compiled: string,
  limits: Limits = {},
  findings: 'keep' | 'forget' = 'keep',
): Promise<CellResult> {
  const truth = openTruth()
  const troubles: string[] = []
  let starved: string | undefined
  const lines: HistoryLine[] = [...TAGS].map(([tag, keys]) => ({ kind: 'tag', tag, keys }))
  const shared = await openSharedTier(cell, compiled)
  const workers: WorkerProcess[] = []
  try {
    const optionsOf = (worker: number) => (process: string) => ({
      process,
      cell,
      readsOnly: cell.processes > 2 && worker === cell.processes - 1,
      at: shared.at(worker),
      file: join(shared.folder, `${process}.jsonl`),
      ...(hasOutbox(cell) ? { outbox: join(shared.folder, `outbox-${worker}.db`) } : {}),
    })
    const onCrash = (process: string, detail: string) => void troubles.push(`${process} crashed: ${detail}`)
    const births = await Promise.allSettled(
      Array.from({ length: cell.processes }, (_, id) =>
        startWorker(`p${id}`, { compiled, truth, optionsOf: optionsOf(id), onCrash }),
      ),
    )
    for (const birth of births) if (birth.status === 'fulfilled') workers.push(birth.value)
    for (const birth of births) if (birth.status === 'rejected') throw birth.reason
    await fight(cell, workers, shared, lines)
    await calmDown(workers, truth.takeOrphans, lines)
    const ends = await Promise.allSettled(workers.map((worker) => worker.close(CLOSE_MS)))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  } catch (error) {
    if (error instanceof Starved) starved = error.message
    else troubles.push(error instanceof Error ? error.message : String(error))
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()))
    // Minutes of them are more than a call takes arguments.
    for (const line of [...truth.lines, ...readHistories(shared.folder)]) lines.push(line)
    await shared.close()
  }
  const verdict = judged(checkHistory(lines, limits), starved)
  const expected = cell.processes * KEYS.length
  if (troubles.length === 0 && starved === undefined && verdict.counts.converged < expected)
    troubles.push(`only ${verdict.counts.converged} reads could be judged for convergence`)
  const isFound = verdict.outcome === 'violated' || troubles.length > 0
  const keptAt =
    isFound && findings === 'keep'
      ? keep(join(compiled, '../../../../found'), { cell, verdict, troubles, lines })
      : undefined
  return { cell, verdict, troubles, starved, keptAt }
}

/** What was found was found; a history that was not recorded to its end is not clean. */
export function judged(verdict: Verdict, starved: string | undefined): Verdict {
  return starved !== undefined && verdict.outcome === 'clean' ? { ...verdict, outcome: 'starved' } : verdict
}

/** Every other cell keeps what it could not tell, whether it is sealed or not; the others are refused. */
function hasOutbox({ shared, seed }: Cell): boolean {
  return shared !== 'none' && Math.floor(seed / 2) % 2 === 1
}

/** Blow after blow, with a calm of a few hundred milliseconds before each. */
async function fight(
  cell: Cell,
  workers: readonly WorkerProcess[],
  shared: SharedTierUnderTest,
  lines: HistoryLine[],
): Promise<void> {
  const random = seededRandom(cell.seed)
  const until = historyTime() + cell.ms
  const participants: Participant[] = [...workers]
  const { links, server, group, nodes, regions, lockFile } = shared
  const change = async (how: RingChange): Promise<void> => {
    // Not all at once, as in a fleet that is told one after the other.
    for (const worker of workers) await worker.order({ order: 'ring', change: how }, 'changed', DRAIN_MS)
  }
  const field = {
    random,
    participants,
    links,
    ...(server === undefined ? {} : { server }),
    ...(group === undefined ? {} : { group }),
    ...(regions === undefined ? {} : { regions }),
    ...(nodes === undefined ? {} : { ring: { nodes, change } }),
    ...(lockFile === undefined ? {} : { lockFile }),
    sleep,
    note: (line: HistoryLine) => void lines.push(line),
  }
  for (let calm = beginsFarApart(cell) ? 2500 : 400; historyTime() < until; calm = 250 + random.below(900)) {
    await sleep(calm)
    await injectFault(cell.fault, field)
  }
}

/** Everything that was begun is acked, then two seconds of quiet, then everybody reads everything. */
async function calmDown(
  workers: readonly WorkerProcess[],
  takeOrphans: () => string[],
  lines: HistoryLine[],
): Promise<void> {
  await Promise.all(workers.map((worker) => worker.order({ order: 'drain' }, 'drained', DRAIN_MS)))
  const orphans = takeOrphans()
  if (orphans.length > 0) await workers[0]?.order({ order: 'repair', keys: orphans }, 'repaired', DRAIN_MS)
  lines.push({ kind: 'quiet', at: historyTime() })
  await sleep(CONVERGE_MS + 20)
  await Promise.all(workers.map((worker) => worker.order({ order: 'final' }, 'finished', DRAIN_MS)))
}

function readHistories(folder: string): HistoryLine[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => {
      const texts = readFileSync(join(folder, name), 'utf8').split('\n')
      // A kill may have cut the last line.
      const last = texts.pop()
      const lines = texts.map((text): HistoryLine => JSON.parse(text))
      return last === undefined || last === '' ? lines : [...lines, ...tryParse(last)]
    })
}

function tryParse(text: string): HistoryLine[] {
  try {
    return [JSON.parse(text)]
  } catch {
    return []
  }
}

interface Found {
  readonly cell: Cell
  readonly verdict: Verdict
  readonly troubles: readonly string[]
  readonly lines: readonly HistoryLine[]
}

/** Keeps the whole history, and the few lines that each kind of finding is understood by. */
function keep(folder: string, { cell, verdict, troubles, lines }: Found): string {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${nameCell(cell).replaceAll(' ', '-')}.jsonl`)
  writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n'))
  const firsts = [...new Map([...verdict.violations].reverse().map((one) => [one.rule, one])).values()]
  const report = [
    JSON.stringify(cell),
    JSON.stringify({ ...verdict, violations: undefined }),
    ...troubles,
    ...firsts.flatMap((one) => [
      '',
      `${one.rule} ${one.guarantee}: ${one.what}`,
      ...focusHistory(lines, one, 700).map((line) => JSON.stringify(line)),
    ]),
  ]
  writeFileSync(path.replace('.jsonl', '.txt'), `${report.join('\n')}\n`)
  return path
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
