// Online logistic regression: FTRL-proximal with hashed features.
//
// McMahan et al., "Ad Click Prediction: a View from the Trenches" (KDD 2013).
const WEIGHTS = 16_384
const MASK = WEIGHTS - 1
const ALPHA = 0.08
const BETA = 1
const L1 = 0.02
const L2 = 0.1
const FARTHEST = 12

/** The index of the weight for a feature's value. */
export const weightOf = (feature: number, value: number): number => {
  const mix = Math.imul((feature + 1) * 0x9e3779b1 + value, 0x85ebca6b)
  return (mix ^ (mix >>> 15)) & MASK
}

export class Model {
  readonly weights = new Float32Array(WEIGHTS)
  readonly #z = new Float32Array(WEIGHTS)
  readonly #n = new Float32Array(WEIGHTS)

  /** The probability, from the weights at `features[from .. from + count - 1]`. */
  predict(features: Uint16Array, from: number, count: number): number {
    let sum = 0
    for (let at = from; at < from + count; at++) sum += this.weights[features[at] as number] as number
    return 1 / (1 + Math.exp(-Math.max(-FARTHEST, Math.min(FARTHEST, sum))))
  }

  /** `told`: the prediction; `label`: 0 or 1. */
  learn(features: Uint16Array, from: number, count: number, told: number, label: number): void {
    const gradient = told - label
    const squared = gradient * gradient
    for (let at = from; at < from + count; at++) {
      const one = features[at] as number
      const n = this.#n[one] as number
      const sigma = (Math.sqrt(n + squared) - Math.sqrt(n)) / ALPHA
      const z = (this.#z[one] as number) + gradient - sigma * (this.weights[one] as number)
      this.#z[one] = z
      this.#n[one] = n + squared
      this.weights[one] =
        Math.abs(z) <= L1 ? 0 : -(z - Math.sign(z) * L1) / ((BETA + Math.sqrt(n + squared)) / ALPHA + L2)
    }
  }

  /** Restores the initial learning rate, keeping the weights. */
  hurry(): void {
    for (let one = 0; one < WEIGHTS; one++) {
      this.#n[one] = (this.#n[one] as number) / 2
      // Keeps the weight unchanged.
      const w = this.weights[one] as number
      const size = (BETA + Math.sqrt(this.#n[one] as number)) / ALPHA + L2
      this.#z[one] = w === 0 ? 0 : -(w * size) - Math.sign(w) * L1
    }
  }
}
