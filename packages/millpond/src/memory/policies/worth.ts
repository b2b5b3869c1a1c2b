// What an entry weighs and what it costs to load again, a byte each: logarithms are precise enough to rank by.
//
// Greedy-Dual-Size-Frequency (Cherkasova, 1998) and the size-aware TinyLFU of Einziger, Eytan, Friedman and Manes (ACM
// Transactions on Storage 2022) rank by frequency x cost / size: the load time saved per byte.
import { grownBytes } from './arrays.ts'

/** Steps per doubling: an eighth of an octave is 9 %. */
const WEIGHT_STEPS = 8
const COST_STEPS = 4
const UNKNOWN = 0
/** The code of a cost of one millisecond. */
const ONE_MS = 128
/** One slow load must not outweigh everything that is read often: costs count up to this many steps from the usual. */
const COST_REACH = 4 * COST_STEPS
const LEARNING = 1 / 64
/**
 * A cost within this many steps of the usual counts as the usual, and beyond that only the excess: load times vary
 * randomly.
 */
const NOISE = COST_STEPS

const WEIGHTS = Float64Array.from({ length: 256 }, (_, code) => 2 ** (code / WEIGHT_STEPS))
const COSTS = Float64Array.from({ length: 2 * COST_REACH + 1 }, (_, step) => 2 ** ((step - COST_REACH) / COST_STEPS))

/** 1 byte per slot if weights count, 1 more once load times differ. */
export class Worth {
  readonly #weighed: boolean
  #slots = 0
  #weights = new Uint8Array(0)
  #costs = new Uint8Array(0)
  /** The code of the usual cost: the running mean of the logarithms. */
  #usual = UNKNOWN

  constructor(weighed: boolean) {
    this.#weighed = weighed
  }

  /** False while entries differ only by frequency. */
  get isTold(): boolean {
    return this.#weighed || this.#costs.length > 0
  }

  grow(slots: number): void {
    this.#slots = slots
    if (this.#weighed) this.#weights = grownBytes(this.#weights, slots)
    if (this.#costs.length > 0) this.#costs = grownBytes(this.#costs, slots)
  }

  set(slot: number, weight: number, cost: number): void {
    this.setWeight(slot, weight)
    const code = this.#costCode(cost)
    if (this.#costs.length === 0) {
      if (this.#isUsual(code)) return
      this.#costs = new Uint8Array(this.#slots)
    }
    this.#costs[slot] = code
  }

  #isUsual(code: number): boolean {
    return code === UNKNOWN || Math.abs(Math.round(code - this.#usual)) <= NOISE
  }

  setWeight(slot: number, weight: number): void {
    if (this.#weighed) this.#weights[slot] = Math.min(255, Math.round(Math.log2(Math.max(1, weight)) * WEIGHT_STEPS))
  }

  #costCode(cost: number): number {
    if (!(cost > 0)) return UNKNOWN
    const code = Math.min(255, Math.max(1, Math.round(Math.log2(cost) * COST_STEPS) + ONE_MS))
    this.#usual = this.#usual === UNKNOWN ? code : this.#usual + (code - this.#usual) * LEARNING
    return code
  }

  /** The slot's weight, to 5 %: the same number each time, so that sums stay consistent. */
  weight(slot: number): number {
    return this.#weighed ? (WEIGHTS[this.#weights[slot] ?? 0] ?? 1) : 1
  }

  /** Cost over weight, as a factor on the frequency. Unknown costs count as the usual one. */
  factor(slot: number): number {
    const code = this.#costs.length > 0 ? (this.#costs[slot] ?? UNKNOWN) : UNKNOWN
    if (this.#isUsual(code)) return 1 / this.weight(slot)
    const apart = Math.round(code - this.#usual)
    const steps = Math.min(COST_REACH, Math.max(-COST_REACH, apart - Math.sign(apart) * NOISE))
    return (COSTS[steps + COST_REACH] ?? 1) / this.weight(slot)
  }
}
