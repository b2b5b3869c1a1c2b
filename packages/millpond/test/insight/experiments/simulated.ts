// Experiments simulated from a seed, at the level of what is counted: keys with their own rates and chances of a miss,
// drawn into buckets, looked at again and again.
import { BUCKETS, drawArms, seedOf } from '../../../src/insight/experiments/assignment.ts'
import { type Counts, noCounts, type Sums } from '../../../src/insight/experiments/counts.ts'

export interface Traffic {
  /** How unequal keys are. */
  readonly zipf: number
  readonly keys: number
  /** Reads between two looks. */
  readonly reads: number
  /** Reads before the arms differ. */
  readonly before?: number
  /** Of the keys, those of the arm. Default .5. */
  readonly share?: number
  /** Slow and failed loads and stale reads, each of few keys, are counted too. */
  readonly isWhole?: boolean
  /** What sets the arms of a plan of this name apart. Default: `simulated` and the seed. */
  readonly name?: string
  /** The share of its misses that the arm saves. Default 0: an A/A experiment. */
  readonly saved?: number
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mix = Math.imul(state ^ (state >>> 15), state | 1)
    mix = (mix + Math.imul(mix ^ (mix >>> 7), mix | 61)) ^ mix
    return ((mix ^ (mix >>> 14)) >>> 0) / 2 ** 32
  }
}

export class Simulated {
  readonly counts: Counts = noCounts(2)
  readonly control: readonly number[]
  readonly arm: readonly number[]
  readonly #traffic: Traffic
  readonly #random: () => number
  readonly #rates = new Float64Array(BUCKETS)
  readonly #misses = new Float64Array(BUCKETS)
  readonly #arms: Uint8Array
  /** Per read of the bucket. */
  readonly #rare = {
    slow: new Float64Array(BUCKETS),
    errors: new Float64Array(BUCKETS),
    stale: new Float64Array(BUCKETS),
  }

  constructor(seed: number, traffic: Traffic) {
    const { zipf, keys, before = 0, share = 0.5 } = traffic
    this.#traffic = traffic
    this.#random = randomFrom(seed)
    const weights = Array.from({ length: keys }, (_, at) => (at + 1) ** -zipf)
    const all = weights.reduce((sum, weight) => sum + weight, 0)
    for (const weight of weights) {
      const bucket = Math.floor(this.#random() * BUCKETS)
      const rate = weight / all
      add(this.#rates, bucket, rate)
      const missed = rate * Math.min(1, Math.exp(this.#gauss() / 2) / (1 + rate * keys * 2))
      add(this.#misses, bucket, missed)
      if (!traffic.isWhole) continue
      add(this.#rare.slow, bucket, missed * Math.min(1, 0.02 * Math.exp(1.5 * this.#gauss())))
      add(this.#rare.errors, bucket, this.#random() < 0.02 ? 0.3 * missed : 0)
      add(this.#rare.stale, bucket, rate * Math.min(1, 0.003 * Math.exp(1.5 * this.#gauss())))
    }
    this.#arms = drawArms([1 - share, share], seedOf(traffic.name ?? `simulated ${seed}`))
    const of = (arm: number): number[] => [...this.#arms.keys()].filter((bucket) => this.#arms[bucket] === arm)
    this.control = of(0)
    this.arm = of(1)
    if (before > 0) this.#read(this.counts.before, before, 0)
  }

  /** The next reads. */
  read(): void {
    this.#read(this.counts.measured, this.#traffic.reads, this.#traffic.saved ?? 0)
  }

  #read(sums: Sums, reads: number, saved: number): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const rate = this.#rates[bucket] as number
      if (rate === 0) continue
      const here = this.#poisson(rate * reads)
      const chance = ((this.#misses[bucket] as number) / rate) * (this.#arms[bucket] === 1 ? 1 - saved : 1)
      const missed = Math.min(here, this.#poisson(here * chance))
      add(sums.reads, bucket, here)
      add(sums.misses, bucket, missed)
      add(sums.loads, bucket, missed)
      if (!this.#traffic.isWhole) continue
      for (const name of ['slow', 'errors', 'stale'] as const)
        add(sums[name], bucket, this.#poisson((here * (this.#rare[name][bucket] as number)) / rate))
    }
  }

  #poisson(mean: number): number {
    if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.#gauss()))
    const limit = Math.exp(-mean)
    let count = -1
    for (let product = 1; product > limit; count++) product *= this.#random()
    return count
  }

  #gauss(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random())
  }
}

function add(values: Float64Array, at: number, more: number): void {
  values[at] = (values[at] as number) + more
}
