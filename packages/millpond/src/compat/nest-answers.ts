// What handlers of Nest return, and what of it can be given to others.
import type { CallHandler } from '@nestjs/common'

/** What a handler has returned, as the JSON that it becomes. */
export interface RouteAnswer {
  /** All that it has emitted, in a list. */
  readonly json: string
}

/** All that a handler emits. @throws what it throws. */
export function valuesOf(handled: ReturnType<CallHandler['handle']>): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const values: unknown[] = []
    handled.subscribe({ next: (value) => void values.push(value), error: reject, complete: () => resolve(values) })
  })
}

/** `undefined`: it cannot be given to others. The name of a class: it holds an instance of one. */
export function answerOf(values: readonly unknown[]): RouteAnswer | string | undefined {
  if (values.length === 0) return undefined
  const seen = new Set<object>()
  for (const value of values) {
    const odd = oddIn(value, seen)
    if (odd !== undefined) return odd === UNFIT ? undefined : odd
  }
  return { json: JSON.stringify(values) }
}

/** Of an entry. `undefined`: it holds something else. */
export function valuesIn(kept: RouteAnswer | undefined): readonly unknown[] | undefined {
  return typeof kept?.json === 'string' ? JSON.parse(kept.json) : undefined
}

/** Says nothing as JSON, or something else than the response would. */
const UNFIT = ''

/** The first thing in it that has no JSON of its own, by the name of its class. */
function oddIn(value: unknown, seen: Set<object>): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : UNFIT
  if (typeof value !== 'object' || seen.has(value) || value instanceof Uint8Array) return UNFIT
  if ('toJSON' in value && typeof value.toJSON === 'function') return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === null || prototype === Object.prototype || Array.isArray(value)
  if (!isPlain) return isFlow(value) ? UNFIT : value.constructor.name
  // What holds itself has no JSON.
  seen.add(value)
  for (const [name, one] of Object.entries(value)) {
    if (one === undefined && !Array.isArray(value)) continue
    const odd = name === 'toJSON' ? UNFIT : oddIn(one, seen)
    if (odd !== undefined) return odd
  }
  seen.delete(value)
  return undefined
}

/** A stream, or a file of Nest. */
const isFlow = (value: object): boolean => 'pipe' in value || 'getStream' in value || Symbol.asyncIterator in value
