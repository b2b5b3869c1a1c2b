// Room for a number of keys: without a free place a caller waits in line, and is refused after a while.
import { Chain, type Link } from '../../core/chain.ts'
import type { Clock } from '../../core/contracts.ts'
import { counted } from '../../core/counted.ts'
import { MillpondError } from '../../core/errors.ts'

export class Room {
  readonly #places: number
  readonly #clock: Clock
  readonly #line = new Chain<() => void>()
  #taken = 0
  #entering = 0

  constructor(places: number, clock: Clock) {
    this.#places = places
    this.#clock = clock
  }

  /** Resolves with a place reserved until `leave`. @throws MillpondError `QUEUE_FULL` */
  async enter(maxWaitMs: number): Promise<void> {
    if (this.#taken + this.#entering < this.#places && this.#line.isEmpty) {
      this.#entering++
      return
    }
    await new Promise<void>((resolve, reject) => {
      const link: Link<() => void> = this.#line.add(() => {
        cancel()
        resolve()
      })
      const cancel = this.#clock.after(
        maxWaitMs,
        () => {
          this.#line.remove(link)
          reject(
            new MillpondError(
              'QUEUE_FULL',
              `${counted(this.#places, 'write is', 'writes are')} waiting for the source, and none was stored within ${maxWaitMs} ms: this one was rejected; fix the source, or raise maxQueued`,
            ),
          )
        },
        true,
      )
    })
  }

  /** The reserved place is now taken, or free again. */
  leave(): void {
    this.#entering--
  }

  /** The number of taken places: others may enter. */
  fill(taken: number): void {
    this.#taken = taken
    for (const link of this.#line) {
      if (this.#taken + this.#entering >= this.#places) return
      const enter = link.item
      this.#line.remove(link)
      this.#entering++
      enter?.()
    }
  }
}
