// Batches the loads of one turn: many callers ask for one thing each, and the source is called once.
import { nextTick } from 'node:process'
import { isError, MillpondError, show } from '../core/errors.ts'
import type { CollectionOptions } from '../engine/collection.ts'

/** The signal is created when it is read, which costs more than the rest of a load. */
interface Signalled {
  readonly signal: AbortSignal
}

interface Waiting<Id, T> {
  readonly id: Id
  readonly caller: Signalled
  resolve(value: T | undefined): void
  reject(error: unknown): void
}

type LoadMany<Id, T> = NonNullable<CollectionOptions<Id, T>['loadMany']>

export class Batches<Id, T> {
  readonly #loadMany: LoadMany<Id, T>
  readonly #most: number
  #waiting: Waiting<Id, T>[] = []

  constructor(loadMany: LoadMany<Id, T>, most: number) {
    this.#loadMany = loadMany
    this.#most = most
  }

  /** Joins the batch of this turn. Rejects with the batch's error, or with its own. */
  load(id: Id, caller: Signalled): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      // After the promises of this turn, so that a caller that awaits one answer and asks for the next is included.
      if (this.#waiting.length === 0) void Promise.resolve().then(() => nextTick(() => this.#send()))
      this.#waiting.push({ id, caller, resolve, reject })
      if (this.#waiting.length >= this.#most) this.#send()
    })
  }

  #send(): void {
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length > 0) void this.#ask(batch)
  }

  async #ask(batch: readonly Waiting<Id, T>[]): Promise<void> {
    const ids = [...new Set(batch.map(({ id }) => id))]
    const given = new SharedSignal(batch.map(({ caller }) => caller))
    try {
      const values = byId<Id, T>(ids, await this.#loadMany(ids, given.context))
      for (const { id, resolve, reject } of batch) {
        const value = values.get(id)
        if (isError(value)) reject(value)
        else resolve(value)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      given.end()
    }
  }
}

/** Aborted when all callers have left. They are listened to from when it is first read, if the call reads it. */
class SharedSignal {
  readonly #callers: readonly Signalled[]
  #given: AbortController | undefined
  #left: number
  #isOver = false
  readonly #leave = (): void => {
    this.#left--
    if (this.#left === 0) this.#given?.abort(this.#callers.at(-1)?.signal.reason)
  }

  constructor(callers: readonly Signalled[]) {
    this.#callers = callers
    this.#left = callers.length
  }

  /** `signal` is its own property, so that `loadMany` may spread the context. */
  get context(): Signalled {
    const read = (): AbortSignal => this.#read()
    return {
      get signal() {
        return read()
      },
    }
  }

  end(): void {
    this.#isOver = true
    if (this.#given !== undefined)
      for (const { signal } of this.#callers) signal.removeEventListener('abort', this.#leave)
  }

  #read(): AbortSignal {
    if (this.#given !== undefined) return this.#given.signal
    const given = new AbortController()
    this.#given = given
    if (this.#isOver) return given.signal
    for (const { signal } of this.#callers) {
      if (signal.aborted) this.#leave()
      else signal.addEventListener('abort', this.#leave, { once: true })
    }
    return given.signal
  }
}

/**
 * The results of `loadMany`, by id.
 * @throws MillpondError `VALUE_UNSUPPORTED` for a result that does not fit these ids.
 */
export function byId<Id, T>(ids: readonly Id[], answer: unknown): ReadonlyMap<Id, T | Error | undefined> {
  if (Array.isArray(answer) && answer.length === ids.length) return new Map(ids.map((id, at) => [id, answer[at]]))
  if (answer instanceof Map) {
    const asked = new Set<unknown>(ids)
    for (const id of answer.keys()) {
      if (!asked.has(id))
        throw new MillpondError(
          'VALUE_UNSUPPORTED',
          `loadMany returned ${show(id)}, which was not requested: use the ids as they were given`,
        )
    }
    return answer
  }
  throw new MillpondError(
    'VALUE_UNSUPPORTED',
    `loadMany of ${ids.length} ids returned ${Array.isArray(answer) ? `an array of ${answer.length}` : show(answer)}: return an array with one value per id, in the same order, or a Map from id to value`,
  )
}
