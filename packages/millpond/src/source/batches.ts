// Batches the loads of one turn: many callers ask for one thing each, and the source is called once.
import { nextTick } from 'node:process'
import { isError, MillpondError, show } from '../core/errors.ts'
import type { CollectionOptions } from '../engine/collection.ts'

interface Waiting<Id, T> {
  readonly id: Id
  readonly signal: AbortSignal
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
  load(id: Id, signal: AbortSignal): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      // After the promises of this turn, so that a caller that awaits one answer and asks for the next is included.
      if (this.#waiting.length === 0) void Promise.resolve().then(() => nextTick(() => this.#send()))
      this.#waiting.push({ id, signal, resolve, reject })
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
    const given = new AbortController()
    let left = batch.length
    const leave = (): void => {
      left--
      if (left === 0) given.abort(batch.at(-1)?.signal.reason)
    }
    for (const { signal } of batch) {
      if (signal.aborted) leave()
      else signal.addEventListener('abort', leave, { once: true })
    }
    try {
      const values = byId<Id, T>(ids, await this.#loadMany(ids, { signal: given.signal }))
      for (const { id, resolve, reject } of batch) {
        const value = values.get(id)
        if (isError(value)) reject(value)
        else resolve(value)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      for (const { signal } of batch) signal.removeEventListener('abort', leave)
    }
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
