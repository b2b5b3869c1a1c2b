// A mixed load over three processes, judged by the project's own checker: without a fault, with Redis stopped, with
// connections cut.
import {
  checkHistory,
  type FaultProxy,
  type HistoryLine,
  historyTime,
  startFaultProxy,
  type Verdict,
} from 'millpond/testing'
import type { Contender } from './contender.ts'
import { type Cell, type Field, sized, sleep, withMembers } from './field.ts'
import { openTruth } from './truth.ts'

const PROCESSES = 3
const LANES = 3
const KEYS = Array.from({ length: 8 }, (_, at) => `k${at}`)
const CONVERGE_MS = 2000
/** From this share on the checker itself calls a clean run not run. */
const STARVED = 0.1
/** What a library is judged by here; its errors are its own affair and no staleness. */
const RULES = [
  'stale',
  'stale-own',
  'stale-refused',
  'lost-write',
  'backward',
  'phantom',
  'foreign',
  'future',
  'diverged',
  'hang',
] as const

const FAULTS = {
  none: 'no fault',
  stopped: 'Redis stopped twice for 1 s',
  cut: 'connections of one process cut for 1 s, then of another',
} as const
type FaultName = keyof typeof FAULTS

function rowsOf(fault: string): string[] {
  return [
    `mixed load, ${fault}: stale own reads`,
    `mixed load, ${fault}: stale elsewhere > 500 ms after the ack`,
    `mixed load, ${fault}: steps back / phantoms`,
    `mixed load, ${fault}: still old 2 s after the end`,
  ]
}

export async function measureMixed(field: Field, contender: Contender): Promise<readonly Cell[]> {
  const cells: Cell[] = []
  for (const fault of Object.keys(FAULTS) as FaultName[]) {
    const verdict = await runHistory(field, contender.name, fault)
    const { found, counts } = verdict
    const of = ` of ${counts.judged}`
    const phantoms = (found.phantom ?? 0) + (found.foreign ?? 0) + (found.future ?? 0)
    const texts = [
      `${(found['stale-own'] ?? 0) + (found['stale-refused'] ?? 0) + (found['lost-write'] ?? 0)}${of}`,
      `${found.stale ?? 0}${of}`,
      `${found.backward ?? 0} / ${phantoms}`,
      `${found.diverged ?? 0} of ${counts.converged}`,
    ]
    const figures = {
      found,
      counts,
      staleMs: verdict.staleMs,
      starvedShare: verdict.starvedShare,
      outcome: verdict.outcome,
    }
    rowsOf(FAULTS[fault]).forEach((row, at) => {
      const note = at > 0 ? '' : noteOn(verdict)
      cells.push({ row, text: `${texts[at] ?? ''}${note}`, figures })
    })
  }
  return cells
}

/** What must stand beside the figures: calls that never ended, and a machine too busy for time bounds to be judged. */
function noteOn({ found, starvedShare }: Verdict): string {
  const hung = found.hang === undefined ? '' : ` (${found.hang} hung)`
  return starvedShare > STARVED ? `${hung} (${Math.round(starvedShare * 100)} % of the time starved)` : hung
}

async function runHistory(field: Field, contender: string, fault: FaultName): Promise<Verdict> {
  const truth = openTruth()
  const lines: HistoryLine[] = []
  const proxies = await Promise.all(
    Array.from({ length: PROCESSES }, () => startFaultProxy({ to: { port: field.redis.port } })),
  )
  const ms = sized(field, 2500, 4000, 8000)
  try {
    await withMembers(
      field,
      contender,
      PROCESSES,
      { answer: truth.ask, urlOf: (at) => proxies[at]?.url() ?? '' },
      async (members) => {
        const running = Promise.all(
          members.map((member, seed) => member.run('runMixed', { keys: KEYS, lanes: LANES, ms, seed: seed + 1 })),
        )
        for (const [blow, proxy] of [proxies[0], proxies[1]].entries()) {
          await sleep(ms * (blow === 0 ? 0.2 : 0.3))
          if (fault === 'none') continue
          const start = historyTime()
          await strike(field, fault, blow, proxy)
          lines.push({ kind: 'fault', name: fault, start, end: historyTime() })
        }
        await running
        lines.push({ kind: 'quiet', at: historyTime() })
        await sleep(CONVERGE_MS + 20)
        const records = await Promise.all(members.map((member) => member.run('finishMixed', { keys: KEYS })))
        for (const record of records) lines.push(...record)
      },
    )
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.close()))
  }
  lines.push(...truth.lines)
  return checkHistory(lines, { rules: RULES })
}

async function strike(field: Field, fault: FaultName, blow: number, proxy: FaultProxy | undefined): Promise<void> {
  const ms = sized(field, 300, 1000, 1000)
  if (fault === 'stopped') {
    field.redis.pause()
    await sleep(ms).finally(() => field.redis.resume())
    return
  }
  // First a refusal that is noticed at once, then a silence that is not.
  await proxy?.set(blow === 0 ? { kind: 'refuse' } : { kind: 'drop', lost: true })
  await sleep(ms)
  await proxy?.heal()
}
