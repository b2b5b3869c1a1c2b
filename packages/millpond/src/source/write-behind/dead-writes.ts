// Writes that the source refuses, set aside: in the log too, so that they outlive the process and are not tried by the
// next one.
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
  /** Those that the log is being told of. */
  readonly #burials = new Set<Promise<void>>()

  /** `queued`: what waits of a key. */
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

  /** It is queued again, or overtaken. */
  take(key: string): void {
    this.#letters.delete(key)
  }

  /** Forgets it for good. `false`: there is none. */
  drop(key: string): boolean {
    const letter = this.#letters.get(key)
    if (letter === undefined) return false
    this.#letters.delete(key)
    this.#options.log.settle(key, letter.number)
    return true
  }

  /** Sets it aside in the log too, under a number of its own; until that is written, a crash tries it once more. */
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
      else log.settle(key, kept) // dropped meanwhile, or written anew under a later number
    }
    // Where the log refuses, it stays there as a write, and is tried again by the next process.
    const kept = keep()
      .catch(() => {})
      .finally(() => this.#burials.delete(kept))
    this.#burials.add(kept)
  }

  /** Resolves when the log has been told of all. */
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
