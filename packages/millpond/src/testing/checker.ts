/*
 * Judges a history: several processes read and changed one cache while a truth store ordered the writes of each key.
 *
 * An acknowledged change is a bound: it began after the truth had committed version v of a key, so every read of that
 * key that begins after the ack must return v or later; in the process that got the ack at once (G2), in another within
 * B (G3). A refused change bounds its own process in the same way (G5). Everything else follows from comparing reads
 * with bounds in time order. The checker knows nothing of how the cache works, only what it promises. O(n log n) in the
 * lines.
 */
import { type Bound, judgeKey, type Rule, type Violation } from './checker-key.ts'
import { judgeLag, type LagJudge } from './checker-lag.ts'
import { judgeLoads } from './checker-loads.ts'
import { countBelow, groupBy } from './group.ts'
import {
  type Commit,
  type Freeze,
  type HistoryLine,
  isRead,
  type Lag,
  type Load,
  type Operation,
  type Sweep,
} from './history.ts'

export type { Rule, Violation } from './checker-key.ts'

export interface Limits {
  /** How long other processes may show an old value after an ack, milliseconds. Default 500 (B). */
  readonly boundMs?: number
  /** When convergence is judged after a quiet line, milliseconds. Default 2000. */
  readonly convergeMs?: number
  /** An operation that takes longer hangs, milliseconds. Default 10000. */
  readonly hangMs?: number
  /** Event-loop lag at or above which times are not judged, milliseconds. Default 50. */
  readonly lagMs?: number
  /** Share of starved time at or above which a run without a finding counts as not run. Default 0.1. */
  readonly starvedShare?: number
  /** Codes that a change may be refused with. */
  readonly codes?: readonly string[]
  /** Codes that a read may be refused with: those that the caller asked for. A failing tier is not one of them. */
  readonly readCodes?: readonly string[]
  /** Apply only these rules. Default: all. */
  readonly rules?: readonly Rule[]
  /**
   * Processes of several regions: between two of them an old value may be returned for `lagMs`, and what was acked in
   * one is a bound in the other from then on. Default: one region.
   */
  readonly regions?: { readonly of: (process: string) => string; readonly lagMs: number }
  /** How many findings are kept whole; all are counted. Default 100. */
  readonly keep?: number
}

export interface Verdict {
  /**
   * `violated`: something was found. `starved`: nothing was found, but too little could be judged, so it counts as not
   * run.
   */
  readonly outcome: 'clean' | 'violated' | 'starved'
  /** The first of them, up to `keep`. */
  readonly violations: readonly Violation[]
  /** How often each rule was violated; absent: never. */
  readonly found: Readonly<Partial<Record<Rule, number>>>
  /** What the history contains, and how much of it could be judged. */
  readonly counts: {
    readonly operations: number
    readonly reads: number
    /** Reads that returned a value. */
    readonly judged: number
    readonly changes: number
    readonly acked: number
    readonly commits: number
    readonly loads: number
    /** Reads by which convergence was judged. */
    readonly converged: number
    /** Violations of a time bound that are excused because the process was starved. */
    readonly suspects: number
    /** Steps back that no acked change forbids: allowed (G7), worth knowing. */
    readonly unackedStepsBack: number
  }
  /** How old the values were that other processes returned after an ack, within the bound, milliseconds. */
  readonly staleMs: { readonly count: number; readonly median: number; readonly p99: number; readonly max: number }
  /** Share of the recorded time that could not be judged because the event loop was too late, 0 to 1. */
  readonly starvedShare: number
}

const CODES = ['LEDGER_UNREACHABLE', 'TIER_FAILED', 'ABORTED', 'CLOSED']
const READ_CODES = ['LOAD_TIMEOUT', 'ABORTED', 'CLOSED']

interface Sorted {
  readonly operations: Operation[]
  readonly commits: Map<string, Commit[]>
  readonly loads: Load[]
  readonly lags: Lag[]
  readonly freezes: Freeze[]
  readonly faults: { start: number; end: number }[]
  readonly quiets: number[]
  readonly sweeps: Sweep[]
  readonly tags: Map<string, readonly string[]>
}

/** Judges a whole history. Lines may come in any order. Throws an `Error` on a history that cannot be one. */
export function checkHistory(lines: Iterable<HistoryLine>, limits: Limits = {}): Verdict {
  const sorted = sort(lines)
  const violations: Violation[] = []
  const found: Partial<Record<Rule, number>> = {}
  const keep = limits.keep ?? 100
  const report = (violation: Violation) => {
    if (limits.rules?.includes(violation.rule) === false) return
    found[violation.rule] = (found[violation.rule] ?? 0) + 1
    if (violations.length < keep) violations.push(violation)
  }
  const lag = judgeLag(sorted.lags, sorted.freezes, limits.lagMs ?? 50)
  const counts = { suspects: 0, unackedStepsBack: 0, converged: 0 }
  const count = (what: keyof typeof counts) => {
    counts[what] += 1
  }
  const suspect = (): void => count('suspects')
  for (const operation of sorted.operations) judgeEnd(operation, lag, limits, { report, suspect })
  const staleMs: number[] = []
  const judgement = {
    boundMs: limits.boundMs ?? 500,
    convergeMs: limits.convergeMs ?? 2000,
    quiets: sorted.quiets,
    starved: lag.starved,
    report,
    suspect,
    staleFor: (ms: number) => void staleMs.push(ms),
    unackedStepBack: () => count('unackedStepsBack'),
    converged: () => count('converged'),
  }
  const reads = sorted.operations.filter(isRead)
  const bounds = boundsOf(sorted)
  for (const [key, readsOfKey] of groupBy(reads, (read) => read.key ?? '')) {
    const commits = sorted.commits.get(key) ?? []
    const { acked, refused } = bounds.get(key) ?? { acked: [], refused: [] }
    const commitTimes = commits.map((commit) => commit.at)
    const history = { key, commitTimes, versions: commits.map((commit) => commit.version), refused }
    const { regions } = limits
    if (regions === undefined) judgeKey({ ...history, acked, reads: readsOfKey }, judgement)
    else
      for (const [region, readsThere] of groupBy(readsOfKey, (read) => regions.of(read.process))) {
        const judgementThere = {
          ...judgement,
          starved: (process: string, _: number, to: number) => lag.starved(process, to - regions.lagMs, to),
        }
        judgeKey(
          { ...history, acked: boundsIn(region, acked, regions, judgement.boundMs), reads: readsThere },
          judgementThere,
        )
      }
  }
  const faults = [...sorted.faults, ...sorted.freezes]
  const regionOf = limits.regions?.of ?? (() => '')
  judgeLoads(sorted.loads, sorted.operations, { tags: sorted.tags, faults, sweeps: sorted.sweeps, regionOf, report })
  const any = Object.keys(found).length > 0
  return {
    outcome: any ? 'violated' : lag.starvedShare > (limits.starvedShare ?? 0.1) ? 'starved' : 'clean',
    violations,
    found,
    counts: {
      operations: sorted.operations.length,
      reads: reads.length,
      judged: reads.filter((read) => read.version !== undefined).length,
      changes: sorted.operations.length - reads.length,
      acked: sorted.operations.filter((operation) => operation.acked && !isRead(operation)).length,
      commits: [...sorted.commits.values()].reduce((sum, list) => sum + list.length, 0),
      loads: sorted.loads.length,
      ...counts,
    },
    staleMs: spread(staleMs),
    starvedShare: lag.starvedShare,
  }
}

function sort(lines: Iterable<HistoryLine>): Sorted {
  const sorted: Sorted = {
    ...{ operations: [], commits: new Map(), loads: [], lags: [], freezes: [], faults: [], quiets: [], sweeps: [] },
    tags: new Map(),
  }
  const commits: Commit[] = []
  for (const line of lines) {
    if (line.kind === 'op') sorted.operations.push(line)
    else if (line.kind === 'commit') commits.push(line)
    else if (line.kind === 'load') sorted.loads.push(line)
    else if (line.kind === 'lag') sorted.lags.push(line)
    else if (line.kind === 'freeze') sorted.freezes.push(line)
    else if (line.kind === 'fault') sorted.faults.push(line)
    else if (line.kind === 'quiet') sorted.quiets.push(line.at)
    else if (line.kind === 'sweep') sorted.sweeps.push(line)
    else if (line.kind === 'tag') sorted.tags.set(line.tag, line.keys)
    else throw new Error(`not a line of a history: ${JSON.stringify(line)}`)
  }
  sorted.quiets.sort((a, b) => a - b)
  for (const [key, list] of groupBy(commits, (commit) => commit.key)) sorted.commits.set(key, inOrder(key, list))
  return sorted
}

/** The truth store numbers the writes of a key 1, 2, 3, ... in order of time. Anything else is not a history. */
function inOrder(key: string, commits: Commit[]): Commit[] {
  commits.sort((a, b) => a.version - b.version)
  commits.forEach((commit, index) => {
    const before = commits[index - 1]
    if (commit.version !== index + 1)
      throw new Error(`the commits of ${key} are not 1, 2, 3, ...: ${commit.version} in place ${index + 1}`)
    if (before !== undefined && before.at > commit.at)
      throw new Error(`version ${commit.version} of ${key} was committed before ${before.version}`)
  })
  return commits
}

/** The bounds that changes set for the reads of each key. */
function boundsOf(sorted: Sorted): Map<string, { acked: Bound[]; refused: Bound[] }> {
  const bounds = new Map<string, { acked: Bound[]; refused: Bound[] }>()
  const times = new Map<string, number[]>()
  for (const [key, commits] of sorted.commits) {
    bounds.set(key, { acked: [], refused: [] })
    times.set(
      key,
      commits.map((commit) => commit.at),
    )
  }
  for (const by of sorted.operations) {
    if (isRead(by) || by.pending) continue
    for (const key of keysOf(by, sorted)) {
      const before = countBelow(times.get(key) ?? [], by.start, true)
      const version = by.op === 'set' ? by.version : sorted.commits.get(key)?.[before - 1]?.version
      if (version === undefined) continue
      bounds.get(key)?.[by.acked ? 'acked' : 'refused'].push({ at: by.end, version, by })
    }
  }
  return bounds
}

/**
 * The bounds as they apply in a region: those from other regions later by `lagMs - boundMs`, so that `boundMs`, which
 * is added when a read is judged, makes it the lag between regions.
 */
function boundsIn(
  region: string,
  acked: readonly Bound[],
  { of, lagMs }: NonNullable<Limits['regions']>,
  boundMs: number,
): Bound[] {
  return acked.map((bound) => (of(bound.by.process) === region ? bound : { ...bound, at: bound.at + lagMs - boundMs }))
}

function keysOf(change: Operation, sorted: Sorted): readonly string[] {
  if (change.op === 'clear') return [...sorted.commits.keys()]
  if (change.op !== 'invalidateTags') return change.key === undefined ? [] : [change.key]
  const keys = change.tag === undefined ? undefined : sorted.tags.get(change.tag)
  if (keys === undefined) throw new Error(`the history does not say which keys carry the tag ${change.tag}`)
  return keys
}

/** No operation is pending for ever, and none fails with an unknown code. */
function judgeEnd(
  operation: Operation,
  lag: LagJudge,
  { hangMs = 10_000, codes = CODES, readCodes = READ_CODES }: Limits,
  { report, suspect }: { report: (violation: Violation) => void; suspect: () => void },
): void {
  const about = { operation, ...(operation.key === undefined ? {} : { key: operation.key }) }
  const took = operation.end - operation.start - lag.frozenMs(operation.process, operation.start, operation.end)
  if (took > hangMs) {
    const what = `${operation.op} ${operation.pending ? 'still pends after' : 'took'} ${took.toFixed(0)} ms`
    // Time spent waiting for a processor does not count as hanging.
    if (took - lag.starvedMs(operation.process, operation.start, operation.end) > hangMs)
      report({ ...about, rule: 'hang', guarantee: 'G14', what })
    else suspect()
  }
  if (operation.error === undefined) return
  const { name, code, message } = operation.error
  const shown = `${operation.op} failed with ${name} ${code ?? ''} ${message ?? ''}`.trim()
  const typed = [...codes, ...readCodes]
  if (name !== 'MillpondError' || code === undefined || !typed.includes(code)) {
    report({ ...about, rule: 'untyped-error', guarantee: 'G5', what: shown })
  } else if (isRead(operation) && !readCodes.includes(code)) {
    report({ ...about, rule: 'failed-read', guarantee: 'T9', what: shown })
  }
}

function spread(values: number[]): Verdict['staleMs'] {
  values.sort((a, b) => a - b)
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
  return { count: values.length, median: at(0.5), p99: at(0.99), max: values.at(-1) ?? 0 }
}

/**
 * The lines that explain a violation: those of its key, from shortly before the change that should have been visible to
 * the end of the violating read, without the reads of other processes.
 */
export function focusHistory(lines: Iterable<HistoryLine>, violation: Violation, aroundMs = 50): HistoryLine[] {
  const { operation, because, key } = violation
  if (operation === undefined) return []
  const from = Math.min(operation.start, because?.start ?? operation.start) - aroundMs
  const to = operation.end + aroundMs
  const picked: { at: number; line: HistoryLine }[] = []
  for (const line of lines) {
    if (line.kind === 'tag') {
      if (key !== undefined && line.keys.includes(key)) picked.push({ at: Number.NEGATIVE_INFINITY, line })
      continue
    }
    const start = 'at' in line ? line.at : line.start
    const end = 'at' in line ? line.at : line.end
    if (end < from || start > to || line.kind === 'lag') continue
    const ofKey = !('key' in line) || line.key === key
    // What other processes read does not explain what this one did.
    const ofOthers = line.kind === 'op' && isRead(line) && line.process !== operation.process
    if (ofKey && !ofOthers) picked.push({ at: start, line })
  }
  return thin(
    picked.sort((a, b) => a.at - b.at).map((item) => item.line),
    operation,
  )
}

/** Of consecutive reads with the same result, the first and the last are enough. */
function thin(lines: readonly HistoryLine[], keep: Operation): HistoryLine[] {
  const reads = lines.filter((line): line is Operation => line.kind === 'op' && isRead(line))
  const same = (a: Operation | undefined, b: Operation) => a?.version === b.version && a?.acked === b.acked
  const dull = new Set(
    reads.filter((read, at) => read !== keep && same(reads[at - 1], read) && same(reads[at + 1], read)),
  )
  return lines.filter((line) => line.kind !== 'op' || !dull.has(line))
}
