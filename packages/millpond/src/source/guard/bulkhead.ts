// Limits concurrent calls of a source, with a bounded FIFO queue; a caller that leaves frees its place.
import { counted } from '../../core/counted.ts'
import { MillpondError } from '../../core/errors.ts'
import { onAbort } from '../../core/on-abort.ts'

interface Waiting {
  readonly enter: () => void
}

export class Bulkhead {
  #concurrency: number
  #queue: number
  #running = 0
  readonly #waiting = new Set<Waiting>()

  constructor(concurrency: number, queue: number) {
    this.#concurrency = concurrency
    this.#queue = queue
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting.size
  }

  configure(concurrency: number, queue: number): void {
    this.#concurrency = concurrency
    this.#queue = queue
    this.#admit()
  }

  /** Resolves when it may begin: `leave` must follow. @throws MillpondError `SOURCE_BUSY`; the signal's reason. */
  async enter(name: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#running < this.#concurrency) {
      this.#running++
      return
    }
    if (this.#waiting.size >= this.#queue)
      throw new MillpondError(
        'SOURCE_BUSY',
        `the source ${name} is busy: ${counted(this.#running, 'call is', 'calls are')} in progress and ${counted(this.#waiting.size, 'is', 'are')} waiting; try again later, or allow more at a time (bulkhead)`,
      )
    await this.#turn(signal)
  }

  leave(): void {
    this.#running--
    this.#admit()
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = onAbort(signal, () => {
        stop()
        this.#waiting.delete(waiting)
        reject(signal.reason)
      })
      const waiting: Waiting = {
        enter: () => {
          stop()
          resolve()
        },
      }
      this.#waiting.add(waiting)
    })
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (this.#running >= this.#concurrency) return
      this.#waiting.delete(waiting)
      this.#running++
      waiting.enter()
    }
  }
}
