// Writes that the source refuses are set aside as dead letters: in the log too, so that they outlive the process and
// are not retried by the next one.
import { isError, show } from '../../core/errors.ts'
import type { Appends } from './appends.ts'
import type { DeadLetter, QueueOptions } from './contract.ts'
import type { Item } from './items.ts'

/** The first byte of a write's body in the log. */
export const LIVE = 0
export const DEAD = 1

export class DeadWrites {
  readonly #options: Pick<QueueOptions, 'log' | 'encode' | 'events'>
  readonly #appends: Appends
  readonly #queued: (key: string) => Item | undefined
  readonly #letters = new Map<string, DeadLetter>()
  /** Those that are being written to the log. */
  readonly #burials = new Set<Promise<void>>()

  /** `queued`: the waiting write of a key. */
  constructor(
    options: Pick<QueueOptions, 'log' | 'encode' | 'events'>,
    appends: Appends,
    queued: (key: string) => Item | undefined,
  ) {
    this.#options = options
    this.#appends = appends
    this.#queued = queued
  }

  get size(): number {
    return this.#letters.size
  }

  get letters(): readonly DeadLetter[] {
    return [...this.#letters.values()]
  }

  get(key: string): DeadLetter | undefined {
    return this.#letters.get(key)
  }

  setAside(letter: DeadLetter): void {
    this.#letters.set(letter.key, letter)
    this.#options.events.dead(letter)
  }

  /** It is queued again, or superseded. */
  take(key: string): void {
    this.#letters.delete(key)
  }

  /** Drops it permanently. `false`: there is none. */
  drop(key: string): boolean {
    const letter = this.#letters.get(key)
    if (letter === undefined) return false
    this.#letters.delete(key)
    this.#options.log.settle(key, letter.number)
    return true
  }

  /** Writes it to the log as a dead letter, under its own number; until that is done, a crash retries it once more. */
  bury({ key, operation, number }: Item, error: unknown): void {
    const { log, encode } = this.#options
    const letter = { key, number, operation, error: isError(error) ? error.message : show(error) }
    this.setAside(letter)
    const keep = async (): Promise<void> => {
      const bytes = await encode(key, operation)
      if (this.#letters.get(key) !== letter || this.#appends.isUnderWay(key)) return
      const [kept = number] = await log.append([{ key, body: withMark(DEAD, bytes) }])
      const queued = this.#queued(key)
      if (this.#letters.get(key) === letter) this.#letters.set(key, { ...letter, number: kept })
      else if (queued?.operation === operation) queued.number = Math.max(queued.number, kept)
      else log.settle(key, kept) // dropped meanwhile, or written again under a later number
    }
    // If the log refuses, it stays there as a write, and is retried by the next process.
    const kept = keep()
      .catch(() => {})
      .finally(() => this.#burials.delete(kept))
    this.#burials.add(kept)
  }

  /** Resolves when all have been written to the log. */
  async settled(): Promise<void> {
    await Promise.all(this.#burials)
  }
}

export function withMark(mark: number, bytes: Uint8Array): Uint8Array {
  const body = new Uint8Array(bytes.length + 1)
  body[0] = mark
  body.set(bytes, 1)
  return body
}
