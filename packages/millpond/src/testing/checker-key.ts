// Judges the history of one key: what each read had to return, and what it did return.
import { countBelow, groupBy } from './group.ts'
import type { Operation } from './history.ts'

export type Rule =
  | 'stale'
  | 'stale-own'
  | 'lost-write'
  | 'stale-refused'
  | 'stale-strong'
  | 'backward'
  | 'future'
  | 'phantom'
  | 'foreign'
  | 'diverged'
  | 'double-load'
  | 'hang'
  | 'untyped-error'
  | 'failed-read'

export interface Violation {
  /** The rule that was violated. */
  readonly rule: Rule
  /** The id of the violated guarantee. */
  readonly guarantee: string
  /** The key; absent if it does not concern a single one. */
  readonly key?: string
  /** One sentence for people. */
  readonly what: string
  /** The operation that showed it; absent if it was not an operation. */
  readonly operation?: Operation
  /** The change that the operation should have shown. */
  readonly because?: Operation
}

/** From `at` on a read must return at least `version`. */
export interface Bound {
  readonly at: number
  readonly version: number
  readonly by: Operation
}

export interface KeyHistory {
  readonly key: string
  /** Commit times in the order of the versions, and the versions. */
  readonly commitTimes: readonly number[]
  readonly versions: readonly number[]
  /** Acked changes, and those that were refused with an error or kept in an outbox. */
  readonly acked: readonly Bound[]
  readonly refused: readonly Bound[]
  readonly reads: readonly Operation[]
}

export interface KeyJudgement {
  readonly boundMs: number
  readonly convergeMs: number
  /** Instants from which convergence is judged, ascending. */
  readonly quiets: readonly number[]
  starved(process: string, from: number, to: number): boolean
  report(violation: Violation): void
  /** It looks like a violation of a time bound, but the process was starved. */
  suspect(): void
  /** Another process returned an old value this long after the ack. */
  staleFor(ms: number): void
  /** A step back that no acked change forbids. */
  unackedStepBack(): void
  /** A read that convergence was judged by. */
  converged(): void
}

/** Bounds in time order with the highest version so far. */
interface Timeline {
  readonly bounds: readonly Bound[]
  readonly floors: readonly number[]
  /** How many bounds lie strictly before the cursor's instant, which only grows. */
  passed: number
}

function timeline(bounds: readonly Bound[]): Timeline {
  const sorted = [...bounds].sort((a, b) => a.at - b.at)
  let floor = Number.NEGATIVE_INFINITY
  const floors = sorted.map((bound) => {
    floor = Math.max(floor, bound.version)
    return floor
  })
  return { bounds: sorted, floors, passed: 0 }
}

function pass(line: Timeline, instant: number, each?: (bound: Bound) => void): number {
  for (
    let bound = line.bounds[line.passed];
    bound !== undefined && bound.at < instant;
    bound = line.bounds[line.passed]
  ) {
    each?.(bound)
    line.passed += 1
  }
  return line.floors[line.passed - 1] ?? Number.NEGATIVE_INFINITY
}

/** The first bound that asks for more than the version. */
function firstAbove(line: Timeline, version: number): Bound | undefined {
  return line.bounds[countBelow(line.floors, version, true)]
}

interface Seen {
  readonly at: number
  readonly version: number
  /** The latest acked change that it shows: acked before it ended. */
  readonly floor: number
}

interface ProcessView {
  readonly acked: Timeline
  readonly refused: Timeline
  /** The process's reads in the order in which they ended. */
  readonly seen: readonly Seen[]
  passed: number
  newest: number
  floor: number
}

/** Sweeps the reads of a key in the order in which they began. */
export function judgeKey(history: KeyHistory, judgement: KeyJudgement): void {
  const all = timeline(history.acked)
  const late = timeline(history.acked)
  const reads = history.reads
    .filter((read) => read.acked && read.version !== undefined)
    .sort((a, b) => a.start - b.start)
  const views = viewsOf(history, reads)
  for (const read of reads) {
    const view = views.get(read.process)
    const version = read.version
    if (view === undefined || version === undefined) continue
    const newest = pass(all, read.start)
    const settled = pass(late, read.start - judgement.boundMs)
    if (!judgeOrigin(history, read, version, judgement)) continue
    const stale = judgeStale(history.key, read, version, { view, newest, settled, all, judgement })
    if (!stale && version < newest) {
      const since = firstAbove(all, version)
      if (since !== undefined && since.by.process !== read.process) judgement.staleFor(read.start - since.at)
    }
    judgeOrder(history.key, read, version, { view, stale, judgement })
    judgeConvergence(history, read, version, judgement)
  }
}

function viewsOf(history: KeyHistory, reads: readonly Operation[]): Map<string, ProcessView> {
  const acked = groupBy(history.acked, (bound) => bound.by.process)
  const refused = groupBy(history.refused, (bound) => bound.by.process)
  const seen = groupBy(seenInOrder(history, reads), ({ process }) => process)
  const views = new Map<string, ProcessView>()
  for (const process of new Set(reads.map((read) => read.process))) {
    views.set(process, {
      acked: timeline(acked.get(process) ?? []),
      refused: timeline(refused.get(process) ?? []),
      seen: seen.get(process) ?? [],
      passed: 0,
      newest: Number.NEGATIVE_INFINITY,
      floor: Number.NEGATIVE_INFINITY,
    })
  }
  return views
}

/** What each read returned, and which acked change that reflects. */
function seenInOrder(history: KeyHistory, reads: readonly Operation[]): (Seen & { readonly process: string })[] {
  const acks = timeline(history.acked)
  const versions: number[] = []
  return [...reads]
    .sort((a, b) => a.end - b.end)
    .map(({ process, end, version = 0 }) => {
      pass(acks, end, (bound) => insert(versions, bound.version))
      return {
        process,
        at: end,
        version,
        floor: versions[countBelow(versions, version, true) - 1] ?? Number.NEGATIVE_INFINITY,
      }
    })
}

/** The value was made for this key, and before it was returned. */
function judgeOrigin(history: KeyHistory, read: Operation, version: number, judgement: KeyJudgement): boolean {
  const { key } = history
  const blame = (rule: Rule, what: string) => judgement.report({ rule, guarantee: 'G10', key, what, operation: read })
  if (read.of !== undefined && read.of !== key) {
    blame('foreign', `a read of ${key} returned a value of ${read.of}`)
    return false
  }
  if (version === 0) return true
  const at = countBelow(history.versions, version)
  const committed = history.versions[at] === version ? history.commitTimes[at] : undefined
  if (committed === undefined) {
    blame('phantom', `version ${version} was returned but never written`)
    return false
  }
  if (committed > read.end) {
    blame('future', `version ${version} was returned ${ms(committed - read.end)} before it was written`)
    return false
  }
  return true
}

interface StaleContext {
  readonly view: ProcessView
  readonly newest: number
  readonly settled: number
  readonly all: Timeline
  readonly judgement: KeyJudgement
}

function judgeStale(
  key: string,
  read: Operation,
  version: number,
  { view, newest, settled, all, judgement }: StaleContext,
): boolean {
  const own = pass(view.acked, read.start) > version ? firstAbove(view.acked, version) : undefined
  const refused = pass(view.refused, read.start) > version ? firstAbove(view.refused, version) : undefined
  const because = own ?? refused
  const strong = read.strong === true && newest > version ? firstAbove(all, version) : undefined
  const late = settled > version ? firstAbove(all, version) : undefined
  if (because !== undefined) {
    const rule: Rule = own === undefined ? 'stale-refused' : because.by.op === 'set' ? 'lost-write' : 'stale-own'
    const after = `${ms(read.start - because.at)} after its own ${because.by.op} ${own === undefined ? 'was refused' : 'acked'}`
    const what = `version ${version} was read ${after}, ${because.version} was due`
    judgement.report({
      rule,
      guarantee: own === undefined ? 'G5' : 'G2',
      key,
      what,
      operation: read,
      because: because.by,
    })
    return true
  }
  if (strong !== undefined) {
    const what = `version ${version} was read strongly ${ms(read.start - strong.at)} after a ${strong.by.op} acked, ${strong.version} was due`
    judgement.report({ rule: 'stale-strong', guarantee: 'T13', key, what, operation: read, because: strong.by })
    return true
  }
  if (late === undefined) return false
  if (judgement.starved(read.process, read.start - judgement.boundMs, read.start)) {
    judgement.suspect()
    return true
  }
  const what = `version ${version} was read ${ms(read.start - late.at)} after another process's ${late.by.op} acked, ${late.version} was due`
  judgement.report({ rule: 'stale', guarantee: 'G1 G3', key, what, operation: read, because: late.by })
  return true
}

interface OrderContext {
  readonly view: ProcessView
  /** Already judged stale: one finding is enough. */
  readonly stale: boolean
  readonly judgement: KeyJudgement
}

/** G7: once a process has returned an acked change, it never returns an older value. */
function judgeOrder(key: string, read: Operation, version: number, { view, stale, judgement }: OrderContext): void {
  for (let done = view.seen[view.passed]; done !== undefined && done.at < read.start; done = view.seen[view.passed]) {
    view.newest = Math.max(view.newest, done.version)
    view.floor = Math.max(view.floor, done.floor)
    view.passed += 1
  }
  if (stale || view.newest <= version) return
  if (view.floor <= version) {
    judgement.unackedStepBack()
    return
  }
  const what = `version ${version} was read after ${view.newest} had been, when ${view.floor} had been acked`
  judgement.report({ rule: 'backward', guarantee: 'G7', key, what, operation: read })
}

function judgeConvergence(history: KeyHistory, read: Operation, version: number, judgement: KeyJudgement): void {
  const quiet = judgement.quiets[countBelow(judgement.quiets, read.start - judgement.convergeMs, true) - 1]
  if (quiet === undefined) return
  const before = countBelow(history.commitTimes, quiet, true)
  if (countBelow(history.commitTimes, read.end, true) !== before) return
  judgement.converged()
  const latest = history.versions[before - 1] ?? 0
  if (version === latest) return
  if (judgement.starved(read.process, quiet, read.start)) {
    judgement.suspect()
    return
  }
  const what = `version ${version} was read ${ms(read.start - quiet)} after everything was quiet, ${latest} is the latest`
  judgement.report({ rule: 'diverged', guarantee: 'G9', key: history.key, what, operation: read })
}

/** Inserts in order; versions come almost in order, so the place is nearly always the end. */
function insert(sorted: number[], version: number): void {
  const last = sorted.at(-1)
  if (last === undefined || last <= version) sorted.push(version)
  else sorted.splice(countBelow(sorted, version), 0, version)
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}
