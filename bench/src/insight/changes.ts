// When values change at the source, as bench and tests make it up: seeded, each key at a rate of its own, in four ways.
import { randomFrom } from '../numbers.ts'

export const KINDS = ['poisson', 'bursty', 'periodic', 'heavy-tailed'] as const
export type Kind = (typeof KINDS)[number]

/**
 * Keys change this often in the time that a trace covers, in the geometric mean, and how far they lie apart (standard
 * deviation of the logarithm).
 */
const CHANGES = 20
const APART = 1.5
/** Of a key at most. */
const MOST = 20_000
/** Bursts: how many changes follow how closely, with so much quiet between. */
const BURST = 8
const CLOSE = 1 / 20
/** Periods vary by a twentieth to either side; gaps with a heavy tail are Pareto's. */
const JITTER = 0.1
const TAIL = 1.2

/** For each of the keys the times of its changes, ascending. */
export function changesOf(unique: number, duration: number, kind: Kind, seed: number): Float64Array[] {
  const random = randomFrom(seed * 7919 + 1)
  for (let turn = 0; turn < 20; turn++) random()
  return Array.from({ length: unique }, () => {
    const mean = (duration / CHANGES) * Math.exp(APART * normal(random))
    const times: number[] = []
    for (const time of streamOf(kind, mean, random)) {
      if (time > duration || times.length === MOST) break
      times.push(time)
    }
    return Float64Array.from(times)
  })
}

const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
const exponential = (mean: number, random: () => number): number => -Math.log(1 - random()) * mean

function* streamOf(kind: Kind, mean: number, random: () => number): Generator<number> {
  let time = kind === 'periodic' ? random() * mean : 0
  if (kind === 'periodic') yield time
  for (;;) {
    if (kind === 'poisson') time += exponential(mean, random)
    else if (kind === 'periodic') time += mean * (1 + JITTER * (random() - 0.5))
    else if (kind === 'heavy-tailed') time += ((mean * (TAIL - 1)) / TAIL) * (1 - random()) ** (-1 / TAIL)
    else {
      time += exponential(mean * BURST, random)
      for (let left = Math.floor(exponential(BURST, random)); left > 0; left--) {
        yield time
        time += exponential(mean * CLOSE, random)
      }
    }
    yield time
  }
}

/** For each read, which version of its key the source has then. */
export function versionsOf(keys: Uint32Array, times: Float64Array, changes: readonly Float64Array[]): Uint32Array {
  const at = new Uint32Array(changes.length)
  return keys.map((key, read) => {
    const own = changes[key] as Float64Array
    let version = at[key] as number
    while (version < own.length && (own[version] as number) <= (times[read] as number)) version++
    at[key] = version
    return version
  })
}
