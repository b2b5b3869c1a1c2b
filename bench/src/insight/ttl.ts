// Adaptive times to live against the best fixed one known in hindsight, on recorded reads of values that change as
// `changes.ts` makes them.
import { adaptiveTtl } from 'millpond/insight'
import { allKnown, type Outcome, readsKnown } from './bounds.ts'
import { changesOf, KINDS, type Kind, versionsOf } from './changes.ts'
import { mean, type Row } from './report.ts'
import type { Traffic } from './traffic.ts'

const TARGETS = [0.005, 0.01, 0.02]
const SEED = 1
/** Fixed times to live that are tried: of the trace's time, half octaves. */
const FIXED = Array.from({ length: 33 }, (_, at) => 2 ** (at / 2 - 16))
/** Bounds of the adaptive one, as shares of the trace's time: wide, so that nothing is known beforehand. */
const BOUNDS = { minTtl: 1e-5, ttl: 1 / 200, maxTtl: 1 / 2 }
/** Prices of a stale read, in loads, that the one who knows the rates is tried at. */
const PRICES = Array.from({ length: 15 }, (_, at) => Math.exp(1.3 * at - 9.2))
/** A key that never changed in a trace might have. */
const LEAST_CHANGES = 0.5
/** Below so many reads a key, most loads are first ones, which no time to live avoids. */
const READ_OFTEN = 10

export interface TtlCell {
  readonly trace: string
  readonly kind: Kind
  readonly by: 'changes' | 'frequency'
  /** Staleness that was asked for, and that came of it, as shares of all reads. */
  readonly target: number
  readonly stale: number
  /** Loads, with those of the best fixed time to live that is as stale, and those that nothing avoids. */
  readonly loads: number
  readonly fixed: number
  /** Of somebody who knows how often each key will be read and will change, in the whole trace, and nothing else. */
  readonly knowing: number
  /** Of somebody who knows each read beforehand, and how often each key changes; and of somebody who knows all. */
  readonly readsKnown: number
  readonly allKnown: number
  readonly first: number
  readonly readsPerKey: number
}

export function ttlCells(traffic: Traffic): TtlCell[] {
  const { keys, times, unique, isTimed } = traffic
  const duration = times.at(-1) ?? 0
  if (!isTimed || duration === 0) return []
  const ordered = times.slice()
  for (let at = 1; at < ordered.length; at++) ordered[at] = Math.max(ordered[at] as number, ordered[at - 1] as number)
  return KINDS.flatMap((kind) => {
    const changes = changesOf(unique, duration, kind, SEED)
    const versions = versionsOf(keys, ordered, changes)
    const fixed = FIXED.map((share) => simulate(traffic, ordered, versions, () => share * duration))
    const knowing = knowingOutcomes(traffic, ordered, versions, changes)
    const rates = Float64Array.from(changes, ({ length }) => Math.max(LEAST_CHANGES, length) / duration)
    const foreseeing = readsKnown(traffic, ordered, versions, rates)
    const cell = (by: 'changes' | 'frequency', target: number): TtlCell => {
      const bounds = { minTtl: BOUNDS.minTtl * duration, ttl: BOUNDS.ttl * duration, maxTtl: BOUNDS.maxTtl * duration }
      const chooser = adaptiveTtl({ ...bounds, staleness: target, by })
      const { hashes } = traffic
      const { loads, stale } = simulate(traffic, ordered, versions, (read) =>
        chooser.next({
          namespace: '',
          key: 'key',
          hash: hashes[read] as number,
          valueHash: versions[read] as number,
          now: ordered[read] as number,
        }),
      )
      const about = {
        trace: traffic.name,
        kind,
        by,
        target,
        stale,
        loads,
        first: unique,
        readsPerKey: keys.length / unique,
      }
      return {
        ...about,
        fixed: loadsAt(fixed, stale),
        knowing: loadsAt(knowing, stale),
        readsKnown: loadsAt(foreseeing, stale),
        allKnown: allKnown(traffic, versions, stale),
      }
    }
    return [...TARGETS.map((target) => cell('changes', target)), cell('frequency', TARGETS[1] as number)]
  })
}

/** Nothing is pushed out: what is loaded is loaded because its time was over. */
function simulate(
  { keys, unique }: Traffic,
  times: Float64Array,
  versions: Uint32Array,
  ttlOf: (read: number) => number,
): Outcome {
  const until = new Float64Array(unique).fill(-1)
  const held = new Uint32Array(unique)
  let loads = 0
  let stale = 0
  for (let read = 0; read < keys.length; read++) {
    const key = keys[read] as number
    if ((times[read] as number) < (until[key] as number)) {
      if (held[key] !== versions[read]) stale++
      continue
    }
    loads++
    held[key] = versions[read] as number
    until[key] = (times[read] as number) + ttlOf(read)
  }
  return { loads, stale: stale / keys.length }
}

/**
 * The best times to live by what is true of each key, the freshest first: what no estimate of rates can be better than.
 */
function knowingOutcomes(
  traffic: Traffic,
  times: Float64Array,
  versions: Uint32Array,
  changes: readonly Float64Array[],
): Outcome[] {
  const { keys, unique } = traffic
  const duration = times.at(-1) ?? 0
  const reads = new Float64Array(unique)
  for (const key of keys) reads[key] = (reads[key] as number) + 1
  return PRICES.map((price) =>
    simulate(traffic, times, versions, (read) => {
      const key = keys[read] as number
      const [often, changing] = [
        (reads[key] as number) / duration,
        Math.max(LEAST_CHANGES, changes[key]?.length ?? 0) / duration,
      ]
      return Math.min(BOUNDS.maxTtl * duration, (-1 + Math.sqrt(1 + (2 * often) / (price * changing))) / often)
    }),
  ).sort((a, b) => a.stale - b.stale)
}

/** Of those tried, between the two nearest; `NaN` where none is that stale. */
function loadsAt(fixed: readonly Outcome[], stale: number): number {
  const above = fixed.findIndex((outcome) => outcome.stale >= stale)
  const [low, high] = [fixed[above - 1], fixed[above]]
  if (low === undefined || high === undefined) return Number.NaN
  const share = high.stale === low.stale ? 0 : (stale - low.stale) / (high.stale - low.stale)
  return low.loads + (high.loads - low.loads) * share
}

export function judgeTtls(cells: readonly TtlCell[]): Row[] {
  const adaptive = cells.filter(({ by, fixed }) => by === 'changes' && !Number.isNaN(fixed))
  const often = adaptive.filter(({ readsPerKey }) => readsPerKey >= READ_OFTEN)
  const frequent = cells.filter(({ by, fixed }) => by === 'frequency' && !Number.isNaN(fixed))
  const what = 'adaptive ttl, loads more than the best fixed one'
  const row = (of: string, some: readonly TtlCell[], goal: string): Row => {
    const change = changeOf(some)
    return {
      what: `${what}, ${of}`,
      goal,
      is: `${change.toFixed(1)} %`,
      ...(goal === '' ? {} : { isMet: change <= -20 }),
    }
  }
  return [
    ...(adaptive.length === 0 ? [] : [row('all traces', adaptive, 'at most -20 %')]),
    ...(often.length === 0 ? [] : [row(`${READ_OFTEN} reads a key or more`, often, 'at most -20 %')]),
    ...(adaptive.length === 0
      ? []
      : [
          boundRow('how often each key is read and changes', adaptive, ({ knowing }) => knowing),
          boundRow('each read beforehand, and how often each key changes', adaptive, ({ readsKnown: loads }) => loads),
          boundRow('each read and each change beforehand', adaptive, ({ allKnown: loads }) => loads),
        ]),
    ...(frequent.length === 0 ? [] : [row('by frequency', frequent, '')]),
    ...(adaptive.length === 0
      ? []
      : [
          {
            what: 'adaptive ttl, staleness against what was asked for, geometric mean',
            goal: '',
            is: geometric(adaptive.map(({ stale, target }) => Math.max(stale, 1e-4) / target)).toFixed(2),
          },
        ]),
  ]
}

function boundRow(known: string, cells: readonly TtlCell[], of: (cell: TtlCell) => number): Row {
  const told = cells.filter((cell) => !Number.isNaN(of(cell))).map((cell) => ({ ...cell, loads: of(cell) }))
  return { what: `who knows ${known}, at the same staleness`, goal: '', is: `${changeOf(told).toFixed(1)} %` }
}

const geometric = (ratios: readonly number[]): number => Math.exp(mean(ratios.map((ratio) => Math.log(ratio))))
const changeOf = (cells: readonly TtlCell[]): number =>
  100 * (geometric(cells.map(({ loads, fixed }) => loads / fixed)) - 1)
