// `npm run load -- --insight ab`: for each of some seeds three services side by side, asked the same at the same time: two without what watches the cache, and
// one with it. What the two without differ by is the spread of the measurement; the one with it may not be worse by more.
import { findStale } from './check.ts'
import type { LoadOptions } from './options.ts'
import { figuresOf } from './report.ts'
import { type Measured, onGround, type Say } from './run.ts'

/** What is compared of a run. */
export interface Arm {
  readonly hitRate: number
  readonly loads: number
  readonly queries: number
  readonly p95Ms: number
  /** Answers that were older than a write which had been acknowledged. */
  readonly stale: number
}

export interface Seed {
  readonly seed: number
  readonly off: Arm
  readonly again: Arm
  readonly on: Arm
  readonly prediction: Measured['prediction']
}

export interface Row {
  readonly name: keyof Arm
  /** The means over the seeds. */
  readonly off: number
  readonly on: number
  /** How much worse on is than the mean of both offs, in the mean over the seeds: negative for better. */
  readonly worse: number
  /** The largest difference between two services without it, of any seed; at least what is never told apart. */
  readonly spread: number
  /** `undecided`: the services without it differ by so much that as good would say nothing. */
  readonly verdict: 'better' | 'as good' | 'worse' | 'undecided'
}

export interface Comparison {
  readonly seeds: readonly Seed[]
  readonly rows: readonly Row[]
  readonly compared: number
  readonly violations: readonly string[]
}

/** Differences below these are never told apart, however alike two runs came out: one read in a thousand, one load or query in a hundred, half a millisecond. */
const LEAST: Readonly<Record<keyof Arm, (off: number) => number>> = {
  hitRate: () => 0.001,
  loads: (off) => 0.01 * off + 1,
  queries: (off) => 0.01 * off + 1,
  p95Ms: (off) => Math.max(0.5, 0.05 * off),
  stale: () => 0,
}

/** A spread above these hides what a user would mind: on a machine that is busy with something else, say. */
const MOST: Readonly<Record<keyof Arm, (off: number) => number>> = {
  hitRate: () => 0.01,
  loads: (off) => 0.1 * off + 1,
  queries: (off) => 0.1 * off + 1,
  p95Ms: (off) => Math.max(2, 0.25 * off),
  stale: () => 0,
}

export function rowsOf(seeds: readonly Seed[]): Row[] {
  const mean = (of: (seed: Seed) => number): number => seeds.reduce((sum, seed) => sum + of(seed), 0) / seeds.length
  return (['hitRate', 'loads', 'queries', 'p95Ms', 'stale'] as const).map((name) => {
    const usual = (seed: Seed): number => (seed.off[name] + seed.again[name]) / 2
    const sign = name === 'hitRate' ? -1 : 1
    const off = mean(usual)
    const worse = mean((seed) => sign * (seed.on[name] - usual(seed)))
    const spread = Math.max(LEAST[name](off), ...seeds.map((seed) => Math.abs(seed.off[name] - seed.again[name])))
    const verdict = worse > spread ? 'worse' : worse < -spread ? 'better' : spread > MOST[name](off) ? 'undecided' : 'as good'
    return { name, off, on: mean((seed) => seed.on[name]), worse, spread, verdict }
  })
}

export function compareInsight(options: LoadOptions, say: Say): Promise<Comparison> {
  return onGround(options, say, new AbortController().signal, async ({ measure, plan, verify }) => {
    const seeds: Seed[] = []
    const violations: string[] = []
    let compared = 0
    for (let seed = options.seed; seed < options.seed + options.pairs; seed++) {
      const sessions = plan(seed)
      const run = (name: string, insight: 'on' | 'off') => measure(name, ['--cache', 'on', '--insight', insight], sessions)
      const runs = [run('off', 'off'), run('on', 'on'), run('off again', 'off')] as const
      // Nothing runs on when one has failed.
      await Promise.allSettled(runs)
      const [off, on, again] = await Promise.all(runs)
      for (const one of [off, on, again]) violations.push(...one.course.failures.map((failure) => `failed: ${failure}`))
      violations.push(...findStale(on.course))
      say('checking the answers of the one that is on against the database, write by write')
      const checked = await verify(on.course)
      compared += checked.compared
      violations.push(...checked.differences)
      seeds.push({ seed, off: armOf(off), again: armOf(again), on: armOf(on), prediction: on.prediction })
    }
    return { seeds, rows: rowsOf(seeds), compared, violations }
  })
}

function armOf(measured: Measured): Arm {
  const { hitRate, queries, p95Ms } = figuresOf(measured, true)
  return { hitRate: hitRate ?? 0, loads: measured.loads, queries, p95Ms, stale: findStale(measured.course).length }
}
