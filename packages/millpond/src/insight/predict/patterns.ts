// The patterns of keys that a predictor distinguishes: the first ones by name, all others together.
import { keyPattern } from '../../observe/index.ts'

export const PATTERNS = 32
const OTHERS = PATTERNS - 1

export interface PatternName {
  readonly namespace: string
  readonly pattern: string
}

export class PatternNames {
  readonly #numbers = new Map<string, number>()
  readonly #names: PatternName[] = []

  /** A number below `PATTERNS`. */
  of(namespace: string, key: string): number {
    const pattern = keyPattern(key)
    const name = `${namespace}\u0000${pattern}`
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    if (this.#names.length === OTHERS) return OTHERS
    this.#numbers.set(name, this.#names.length)
    return this.#names.push({ namespace, pattern }) - 1
  }

  name(number: number): PatternName {
    return this.#names[number] ?? { namespace: '*', pattern: 'others' }
  }
}
