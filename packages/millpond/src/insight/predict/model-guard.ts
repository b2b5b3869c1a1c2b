// Isolates a custom predictor: one that throws, hangs or returns anything but probabilities is dropped.
import type { Clock } from '../../core/contracts.ts'
import { reasonOf, show } from '../../core/errors.ts'
import { checkKey, encodeKey, type Key } from '../../core/key.ts'

/** A read, as given to a model. */
export interface ObservedRead {
  /** The key that was read. */
  readonly key: Key
  /** The namespace of the key. */
  readonly namespace: string
  /** A number for the session, if readers identify themselves; 0 for none. */
  readonly session: number
  /** Whether memory had it. */
  readonly isHit: boolean
  /** Epoch milliseconds. */
  readonly at: number
}

/** A key that may be read next in the same namespace, and its probability, 0 to 1. */
export interface PredictedKey {
  /** A key of the same namespace. */
  readonly key: Key
  /** The probability that it is read soon, 0 to 1. */
  readonly p: number
}

/**
 * A custom model in place of the built-in one. It is called in separate turns, never within a read. Its proposals are
 * subject to the same budget, gate and limits. If it throws, exceeds its `timeout`, or returns anything but keys with
 * probabilities, it is not called again.
 */
export interface PredictorModel {
  /** The last reads, oldest first. */
  observe(batch: readonly ObservedRead[]): unknown
  /** What may be read after this; the first 12 count. */
  candidates(context: ObservedRead): readonly PredictedKey[] | Promise<readonly PredictedKey[]>
}

/** Why a model was dropped. */
export interface ModelFault {
  /**
   * `threw`: it threw or rejected. `late`: it took too long. `malformed`: its answer was not a list of keys with
   * probabilities.
   */
  readonly code: 'threw' | 'late' | 'malformed'
  /** What happened, in a sentence. */
  readonly message: string
}

const MOST = 12

export class ModelGuard {
  fault: ModelFault | undefined
  readonly #model: PredictorModel
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #tell: (fault: ModelFault) => void

  constructor(model: PredictorModel, clock: Clock, timeoutMs: number, tell: (fault: ModelFault) => void) {
    this.#model = model
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#tell = tell
  }

  async observe(batch: readonly ObservedRead[]): Promise<void> {
    await this.#ask('observe', () => this.#model.observe(batch))
  }

  /** Encoded keys with their probabilities; none on a fault. */
  async candidates(context: ObservedRead): Promise<{ readonly key: string; readonly p: number }[]> {
    const answer = await this.#ask('candidates', () => this.#model.candidates(context))
    if (this.fault !== undefined) return []
    if (!Array.isArray(answer))
      return this.#blame('malformed', `candidates: ${show(answer)} is not a list of { key, p }`)
    const found: { readonly key: string; readonly p: number }[] = []
    try {
      for (const one of answer.slice(0, MOST)) {
        const p: unknown = one?.p
        if (typeof p !== 'number' || !(p >= 0 && p <= 1))
          return this.#blame('malformed', `candidates: ${show(p)} is not a probability: give p as a number from 0 to 1`)
        found.push({ key: checkKey(encodeKey(one.key)), p })
      }
    } catch (error) {
      return this.#blame('malformed', `candidates: ${reasonOf(error)}`)
    }
    return found
  }

  async #ask(verb: string, ask: () => unknown): Promise<unknown> {
    if (this.fault !== undefined) return undefined
    const began = this.#clock.monotonic()
    let cancel = (): void => {}
    const late = new Promise<typeof LATE>((resolve) => {
      cancel = this.#clock.after(this.#timeoutMs, () => resolve(LATE))
    })
    try {
      const answer = await Promise.race([Promise.resolve(ask()), late])
      // Also if it blocked the whole process: that cannot be interrupted, but happens only once.
      if (answer === LATE || this.#clock.monotonic() - began > this.#timeoutMs)
        this.#blame('late', `${verb} took more than ${this.#timeoutMs} ms`)
      return answer
    } catch (error) {
      this.#blame('threw', `${verb}: ${reasonOf(error)}`)
      return undefined
    } finally {
      cancel()
    }
  }

  #blame(code: ModelFault['code'], message: string): [] {
    if (this.fault === undefined) {
      this.fault = { code, message }
      this.#tell(this.fault)
    }
    return []
  }
}

const LATE = Symbol('late')
