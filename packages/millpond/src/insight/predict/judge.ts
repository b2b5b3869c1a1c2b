// Whether the model is reliable, pattern by pattern: its log loss against that of a baseline that knows only how often
// candidates are read. And whether the traffic has drifted: Page-Hinkley (Page, "Continuous inspection schemes",
// Biometrika 1954) on the loss.
import { PATTERNS } from './patterns.ts'

const WINDOW = 2048
const PATIENCE = 3
/** The model counts as worse if its loss exceeds the base rate's by this factor. */
const MARGIN = 1.05
/** Windows of a pattern after which it is used again. */
const PAUSE = 4
/** Labels after a `hurry` before the next: hurrying more often would learn noise. */
const REST = 65_536
const SMALL = 0.001
/** Page-Hinkley: an increase of the loss below the tolerance is ignored; a cumulated excess of this much is a drift. */
const TOLERANCE = 0.1
const DRIFT = 300
const MEAN_OVER = 4096

export type Verdict = 'fine' | 'hurry'

export class Judge {
  readonly labels = new Uint32Array(PATTERNS)
  readonly reads = new Float64Array(PATTERNS)
  /** 1: proposals from this pattern's reads are suppressed. */
  readonly isOff = new Uint8Array(PATTERNS)
  /** The loss per candidate in each pattern's last window. */
  readonly loss = new Float64Array(PATTERNS).fill(Number.NaN)
  readonly baseLoss = new Float64Array(PATTERNS).fill(Number.NaN)
  drifts = 0
  readonly #seen = new Uint16Array(PATTERNS)
  readonly #read = new Float64Array(PATTERNS)
  readonly #sum = new Float64Array(PATTERNS)
  readonly #baseSum = new Float64Array(PATTERNS)
  readonly #rate = new Float64Array(PATTERNS).fill(0.5)
  readonly #worse = new Uint8Array(PATTERNS)
  readonly #hurried = new Uint8Array(PATTERNS)
  readonly #pause = new Uint8Array(PATTERNS)
  /** Labels until the model may be hurried again. */
  #rest = 0
  #mean = 0
  #count = 0
  #sumUp = 0
  #least = 0

  /** `hurry`: the model should learn at its initial rate again. */
  tell(pattern: number, chance: number, label: number): Verdict {
    this.labels[pattern] = (this.labels[pattern] as number) + 1
    this.reads[pattern] = (this.reads[pattern] as number) + label
    const loss = lossOf(chance, label)
    this.#sum[pattern] = (this.#sum[pattern] as number) + loss
    this.#baseSum[pattern] = (this.#baseSum[pattern] as number) + lossOf(this.#rate[pattern] as number, label)
    this.#read[pattern] = (this.#read[pattern] as number) + label
    this.#seen[pattern] = (this.#seen[pattern] as number) + 1
    const isDrift = this.#isDrift(loss)
    const isBad = (this.#seen[pattern] as number) >= WINDOW && this.#isBad(pattern)
    if (this.#rest > 0) this.#rest--
    if (this.#rest > 0 || !(isDrift || isBad)) return 'fine'
    this.#rest = REST
    return 'hurry'
  }

  /** The end of a window. `true`: the model has been worse than the base rate for long enough. */
  #isBad(pattern: number): boolean {
    const count = this.#seen[pattern] as number
    this.loss[pattern] = (this.#sum[pattern] as number) / count
    this.baseLoss[pattern] = (this.#baseSum[pattern] as number) / count
    this.#rate[pattern] = Math.min(1 - SMALL, Math.max(SMALL, (this.#read[pattern] as number) / count))
    this.#seen[pattern] = 0
    this.#read[pattern] = 0
    this.#sum[pattern] = 0
    this.#baseSum[pattern] = 0
    if (this.isOff[pattern] === 1) {
      this.#pause[pattern] = (this.#pause[pattern] as number) - 1
      if (this.#pause[pattern] === 0) {
        this.isOff[pattern] = 0
        this.#worse[pattern] = 0
      }
      return false
    }
    if ((this.loss[pattern] as number) <= MARGIN * (this.baseLoss[pattern] as number)) {
      this.#worse[pattern] = 0
      this.#hurried[pattern] = 0
      return false
    }
    this.#worse[pattern] = (this.#worse[pattern] as number) + 1
    if ((this.#worse[pattern] as number) < PATIENCE) return false
    this.#worse[pattern] = 0
    if (this.#hurried[pattern] === 0) {
      this.#hurried[pattern] = 1
      return true
    }
    this.isOff[pattern] = 1
    this.#pause[pattern] = PAUSE
    this.#hurried[pattern] = 0
    return false
  }

  #isDrift(loss: number): boolean {
    this.#count++
    this.#mean += (loss - this.#mean) / Math.min(this.#count, MEAN_OVER)
    this.#sumUp += loss - this.#mean - TOLERANCE
    this.#least = Math.min(this.#least, this.#sumUp)
    if (this.#sumUp - this.#least < DRIFT) return false
    this.#sumUp = 0
    this.#least = 0
    this.#count = 0
    this.#mean = 0
    this.drifts++
    return true
  }
}

const lossOf = (chance: number, label: number): number =>
  -label * Math.log(Math.max(SMALL, chance)) - (1 - label) * Math.log(Math.max(SMALL, 1 - chance))
