// `npm run load -- --insight ab`: for each of some seeds three services side by side, with the same requests at the
// same time: two without insight, and one with it. The difference between the two without is the spread of the
// measurement; the one with it may not be worse by more.
import { setTimeout as sleep } from 'node:timers/promises'
import { findStale } from './check.ts'
import type { Course } from './drive.ts'
import type { LoadOptions } from './options.ts'
import { figuresOf } from './report.ts'
import { type Measured, onGround, type Say } from './run.ts'
import { type Starved, watchMachine } from './starved.ts'

/** The metrics of a run that are compared. */
export interface Arm {
  readonly hitRate: number
  readonly loads: number
  readonly queries: number
  /** Of the requests made while the machine was not starved. */
  readonly p95Ms: number
  /** Answers that were older than an acknowledged write. */
  readonly stale: number
}

export interface Seed {
  readonly seed: number
  readonly off: Arm
  readonly again: Arm
  readonly on: Arm
  readonly prediction: Measured['prediction']
  /** The share of the run in which the machine gave this process its time, 0 to 1. */
  readonly quiet: number
  /** Services that were not completely warmed when the sessions began. */
  readonly unwarmed: readonly string[]
}

export interface Row {
  readonly name: keyof Arm
  /** The means over the seeds. */
  readonly off: number
  readonly on: number
  /** How much worse on is than the mean of both offs, averaged over the seeds: negative for better. */
  readonly worse: number
  /** The largest difference between two services without it, of any seed; at least what cannot be distinguished. */
  readonly spread: number
  /**
   * `undecided`: the services without it differ by so much that a tie would mean nothing; or, for times, the machine
   * was starved for most of a run.
   */
  readonly verdict: 'better' | 'as good' | 'worse' | 'undecided'
}

export interface Comparison {
  readonly seeds: readonly Seed[]
  readonly rows: readonly Row[]
  readonly compared: number
  readonly violations: readonly string[]
}

/**
 * Smaller differences are ignored, however similar two runs are: one read in a thousand, one load or query in a
 * hundred, half a millisecond.
 */
const LEAST: Readonly<Record<keyof Arm, (off: number) => number>> = {
  hitRate: () => 0.001,
  loads: (off) => 0.01 * off + 1,
  queries: (off) => 0.01 * off + 1,
  p95Ms: (off) => Math.max(0.5, 0.05 * off),
  stale: () => 0,
}

/** A spread above these hides what a user would notice: on a machine that is busy with something else, for example. */
const MOST: Readonly<Record<keyof Arm, (off: number) => number>> = {
  hitRate: () => 0.01,
  loads: (off) => 0.1 * off + 1,
  queries: (off) => 0.1 * off + 1,
  p95Ms: (off) => Math.max(2, 0.25 * off),
  stale: () => 0,
}

/**
 * By how many times the largest difference of two services without it a difference has to exceed it: of three equal
 * services one is beyond that in 2.5 of 100 comparisons (400,000 simulated, normally distributed). With one seed alone
 * it would be beyond the difference itself in 23 of 100.
 */
const SURE = [11.2, 2.1, 1.13]
const factorFor = (name: keyof Arm, seeds: number): number => (name === 'stale' ? 1 : (SURE[seeds - 1] ?? 1))

/** A run of which less than this was quiet says nothing about times. */
const LEAST_QUIET = 0.5

export function rowsOf(seeds: readonly Seed[]): Row[] {
  const mean = (of: (seed: Seed) => number): number => seeds.reduce((sum, seed) => sum + of(seed), 0) / seeds.length
  return (['hitRate', 'loads', 'queries', 'p95Ms', 'stale'] as const).map((name) => {
    const usual = (seed: Seed): number => (seed.off[name] + seed.again[name]) / 2
    const sign = name === 'hitRate' ? -1 : 1
    const off = mean(usual)
    const worse = mean((seed) => sign * (seed.on[name] - usual(seed)))
    const apart = Math.max(...seeds.map((seed) => Math.abs(seed.off[name] - seed.again[name])))
    const spread = Math.max(LEAST[name](off), apart)
    const sure = Math.max(spread, apart * factorFor(name, seeds.length))
    const isTold = name !== 'p95Ms' || seeds.every(({ quiet }) => quiet >= LEAST_QUIET)
    const verdict = !isTold
      ? 'undecided'
      : worse > sure
        ? 'worse'
        : worse < -sure
          ? 'better'
          : Math.abs(worse) > spread || spread > MOST[name](off)
            ? 'undecided'
            : 'as good'
    return { name, off, on: mean((seed) => seed.on[name]), worse, spread, verdict }
  })
}

const ARMS = [
  { name: 'off', insight: 'off' },
  { name: 'on', insight: 'on' },
  { name: 'off again', insight: 'off' },
] as const

/**
 * Each one starts so much after the other: with simultaneous requests, the last one would always wait for the others.
 */
const APART_MS = 333

/** Rejects if the first seed fails; if a later one does, that is a violation, and those before it are compared. */
export function compareInsight(options: LoadOptions, say: Say): Promise<Comparison> {
  return onGround(options, say, new AbortController().signal, async ({ measure, plan, verify }) => {
    const seeds: Seed[] = []
    const violations: string[] = []
    let compared = 0
    const compareAt = async (turn: number): Promise<void> => {
      const seed = options.seed + turn
      const sessions = plan(seed)
      const gate = gateFor(ARMS.length)
      let endWatch: (() => Starved) | undefined
      const runs = ARMS.map(({ name, insight }, at) => {
        const whenWarm = async () => {
          await gate.pass()
          endWatch ??= watchMachine()
          await sleep(((at + turn) % ARMS.length) * APART_MS)
        }
        // The others do not wait for a failed one at the gate.
        return measure(name, ['--cache', 'on', '--insight', insight], sessions, { whenWarm }).finally(gate.open)
      })
      // Nothing runs on when one has failed.
      await Promise.allSettled(runs)
      const starved = endWatch?.()
      const [off, on, again] = (await Promise.all(runs)) as [Measured, Measured, Measured] // as many as arms
      for (const one of [off, on, again]) violations.push(...one.course.failures.map((failure) => `failed: ${failure}`))
      violations.push(...findStale(on.course))
      say('checking the answers of the one that is on against the database, write by write')
      const checked = await verify(on.course)
      compared += checked.compared
      violations.push(...checked.differences)
      const arm = (measured: Measured) => armOf(measured, starved)
      seeds.push({
        ...{
          seed,
          off: arm(off),
          again: arm(again),
          on: arm(on),
          prediction: on.prediction,
          quiet: starved?.quiet ?? 1,
        },
        unwarmed: ARMS.filter((_, at) => [off, on, again][at]?.warmUp?.isWhole === false).map(({ name }) => name),
      })
    }
    for (let turn = 0; turn < options.pairs; turn++) {
      try {
        await compareAt(turn)
      } catch (error) {
        if (seeds.length === 0) throw error
        violations.push(`not measured from seed ${options.seed + turn} on: ${error}`)
        break
      }
    }
    return { seeds, rows: rowsOf(seeds), compared, violations }
  })
}

/** Releases all at once when so many have arrived, or when it is opened. */
function gateFor(missing: number): { pass(): Promise<void>; open(): void } {
  let left = missing
  let open = (): void => undefined
  const all = new Promise<void>((resolve) => {
    open = resolve
  })
  const pass = (): Promise<void> => {
    if (--left === 0) open()
    return all
  }
  return { pass, open: () => open() }
}

function armOf(measured: Measured, starved: Starved | undefined): Arm {
  const { hitRate, queries } = figuresOf(measured, true)
  return {
    ...{ hitRate: hitRate ?? 0, loads: measured.loads, queries },
    p95Ms: p95Of(measured.course, starved),
    stale: findStale(measured.course).length,
  }
}

function p95Of({ answers, writes }: Course, starved: Starved | undefined): number {
  const quiet = [...answers, ...writes].filter(
    ({ startedAt, endedAt }) => starved?.touches(startedAt, endedAt) !== true,
  )
  const times = quiet.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b)
  return times[Math.ceil(0.95 * times.length) - 1] ?? 0
}
