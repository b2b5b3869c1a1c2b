// How far the miss-ratio curve of the shipped sample is from a simulation of every cache on every read.
import { Curve } from 'millpond/insight'
import { exactMissRatio } from './exact.ts'
import { hitsOf } from './policies.ts'
import { mean, type Row } from './report.ts'
import type { Traffic } from './traffic.ts'

const PARTS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8]
/** The size that "is there": the sample is put right by what it really missed, under the default policy. */
const ACTUAL = 4
/** Of the trace's whole time; `Infinity`: nothing expires. */
const TTLS = [Number.POSITIVE_INFINITY, 0.2, 0.02]
const SEEDS = [1, 2, 3]

export interface CurveCell {
  readonly trace: string
  readonly unit: 'entries' | 'bytes'
  /** Of the trace's time. */
  readonly ttl: number
  readonly mean: number
  readonly worst: number
  /** The truth was within the 95 % interval: of all sizes. */
  readonly covered: number
  /** CPU per read of the sample, in nanoseconds, and the share of reads that were of it. */
  readonly cost: number
  readonly looked: number
}

export function curveCells(traffic: Traffic): CurveCell[] {
  return (['entries', 'bytes'] as const).flatMap((unit) => {
    if (unit === 'bytes' && traffic.sizes === undefined) return []
    const weights = unit === 'bytes' ? traffic.sizes : undefined
    const whole = weights === undefined ? traffic.unique : bytesOf(traffic, weights)
    const sizes = PARTS.map((part) => Math.max(1, Math.round(part * whole)))
    const hits = hitsOf('adaptive', traffic, Math.max(1, Math.round((PARTS[ACTUAL] ?? 0) * traffic.unique)))
    return TTLS.map((ttl) => {
      const ttlMs = ttl * ((traffic.times.at(-1) ?? 0) - (traffic.times[0] ?? 0))
      const exact = sizes.map((size) => exactMissRatio(traffic, size, ttlMs, weights))
      const plays = SEEDS.map((seed) => play(traffic, sizes, ttlMs, hits, weights, seed))
      const errors = plays.flatMap(({ estimates }) =>
        estimates.map(({ value }, at) => Math.abs(value - (exact[at] ?? 0))),
      )
      const covered = plays.flatMap(({ estimates }) =>
        estimates.map(({ value, error }, at) => (Math.abs(value - (exact[at] ?? 0)) <= 2 * error + 0.001 ? 1 : 0)),
      )
      return {
        trace: traffic.name,
        unit,
        ttl,
        mean: mean(errors),
        worst: Math.max(...errors),
        covered: mean(covered),
        cost: mean(plays.map(({ cost }) => cost)),
        looked: mean(plays.map(({ looked }) => looked)),
      }
    })
  })
}

function play(
  traffic: Traffic,
  sizes: readonly number[],
  ttlMs: number,
  hits: Uint8Array,
  weights: Uint32Array | undefined,
  seed: number,
) {
  const curve = new Curve(
    sizes.map((size) => ({ size, ttlScale: 1 })),
    ACTUAL,
  )
  const began = process.cpuUsage()
  for (let at = 0; at < traffic.keys.length; at++) {
    const hash = Math.imul((traffic.hashes[at] as number) + seed, 0x9e3779b1) ^ seed
    const weight = weights === undefined ? 1 : (weights[at] as number)
    const now = traffic.times[at] as number
    curve.read(hash, weight, now, 'miss', hits[at] === 1)
    curve.stored(hash, weight, now, ttlMs)
  }
  const { user, system } = process.cpuUsage(began)
  const { looked } = curve.tally
  return {
    estimates: sizes.map((_, at) => curve.estimate(at)),
    cost: ((user + system) * 1000) / Math.max(1, looked),
    looked: looked / traffic.keys.length,
  }
}

/** What each key weighs at its last request, together. */
function bytesOf({ keys, unique }: Traffic, weights: Uint32Array): number {
  const last = new Float64Array(unique)
  keys.forEach((key, at) => {
    last[key] = weights[at] as number
  })
  return last.reduce((sum, bytes) => sum + bytes, 0)
}

export function judgeCurves(cells: readonly CurveCell[]): Row[] {
  const own = mean(cells.map((cell) => cell.mean))
  const worst = Math.max(...cells.map((cell) => cell.worst))
  return [
    { what: 'miss-ratio curve: mean error', goal: 'at most .010', is: own.toFixed(4), isMet: own <= 0.01 },
    { what: 'miss-ratio curve: worst error', goal: 'at most .020', is: worst.toFixed(4), isMet: worst <= 0.02 },
    {
      what: 'miss-ratio curve: truth within the 95 % interval',
      goal: '',
      is: `${(mean(cells.map((cell) => cell.covered)) * 100).toFixed(1)} %`,
    },
  ]
}
