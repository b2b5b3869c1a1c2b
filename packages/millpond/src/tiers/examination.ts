// An examination of a store: steps with their times, verdicts and remedies. Steps after a failed one are skipped.

import type { TierStep } from '../core/contracts.ts'
import { isError } from '../core/errors.ts'
import { readable } from '../core/readable.ts'

/** The result of a step; empty: all is well, with nothing to report. */
export interface Finding {
  readonly detail?: string | undefined
  /** It works, but this should be changed. */
  readonly remedy?: string | undefined
}

/** What to do about an error. */
export type Remedy = (error: unknown) => string

const PINGS = 5
/** A longer round trip is not worth it for most cached values. */
const FAR_MS = 20

export class Examination {
  readonly steps: TierStep[] = []
  readonly #ms: number

  /** @param ms time limit of one step */
  constructor(ms: number) {
    this.#ms = ms
  }

  /** Resolves with the result of the work, `undefined` if it failed. */
  async step<T extends Finding | undefined>(
    step: TierStep['step'],
    at: string,
    work: () => Promise<T> | T,
    remedy: Remedy,
  ): Promise<{ readonly found: T } | undefined> {
    const began = performance.now()
    try {
      const found = await within(this.#ms, Promise.resolve().then(work))
      this.#note(step, at, began, found?.remedy === undefined ? 'ok' : 'warning', found?.detail, found?.remedy)
      return { found }
    } catch (error) {
      this.#note(step, at, began, 'failed', messageIn(error), remedy(error))
      return undefined
    }
  }

  /** The last step has turned out to have failed. */
  revoke(error: unknown, remedy: Remedy): void {
    const last = this.steps.pop()
    if (last === undefined) return
    const { step, at, ms } = last
    this.steps.push({ step, at, ms, verdict: 'failed', detail: messageIn(error), remedy: remedy(error) })
  }

  /** Several round trips, one after the other. */
  async ping(at: string, once: () => Promise<unknown>, remedy: Remedy): Promise<boolean> {
    const answered = await this.step(
      'ping',
      at,
      async () => {
        const times: number[] = []
        for (let count = 0; count < PINGS; count++) {
          const began = performance.now()
          await once()
          times.push(performance.now() - began)
        }
        times.sort((a, b) => a - b)
        const median = times[PINGS >> 1] ?? 0
        return {
          detail: `${PINGS} round trips: median ${short(median)} ms, ${short(times.at(-1) ?? 0)} ms at most`,
          ...(median > FAR_MS && {
            remedy: 'move it nearer to this process: each read that memory cannot answer waits this long',
          }),
        }
      },
      remedy,
    )
    return answered !== undefined
  }

  #note(
    step: TierStep['step'],
    at: string,
    began: number,
    verdict: TierStep['verdict'],
    detail?: string,
    remedy?: string,
  ): void {
    this.steps.push({
      step,
      at,
      verdict,
      ms: Math.round((performance.now() - began) * 1000) / 1000,
      ...(detail !== undefined && detail !== '' && { detail }),
      ...(remedy !== undefined && { remedy }),
    })
  }
}

/** Combines several findings into one. */
export function findings(
  detail: readonly (string | undefined)[],
  remedies: readonly (string | false | undefined)[],
): Finding {
  const told = remedies.filter((one) => typeof one === 'string')
  return {
    detail: detail.filter((one) => one !== undefined).join(', '),
    ...(told.length > 0 && { remedy: told.join('; ') }),
  }
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(Object.assign(new Error(`no answer within ${ms} ms`), { code: 'ETIMEDOUT' })),
      ms,
    )
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** Node's own AggregateError, from another realm than this file's under some test runners. */
const isAggregate = (error: unknown): error is AggregateError =>
  isError(error) && 'errors' in error && Array.isArray(error.errors)

/** A connection that failed on several addresses rejects with one error without a message. */
function messageIn(error: unknown): string {
  if (isAggregate(error) && error.message === '') return error.errors.map(messageIn).join('; ')
  return isError(error) ? readable(error.message) : String(error)
}

export const codeIn = (error: unknown): string => {
  if (isAggregate(error) && !('code' in error)) return codeIn(error.errors[0])
  return isError(error) && 'code' in error ? String(error.code) : ''
}

/** Two digits, without an exponent. */
const short = (ms: number): string => String(ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(2)))
