// Walks over memory in slices of some milliseconds, within a time budget; an unfinished one can be resumed.
import { randomBytes } from 'node:crypto'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { Cache, HeldEntry } from 'millpond'
import { spaceOf } from './spaces.ts'

const HOLD_MS = 5
/** How many unfinished walks are kept. */
const MOST_WAITING = 32
const WAIT_MS = 120_000

/** An entry with the namespace that holds it. */
export interface Walked extends HeldEntry {
  readonly namespace: string
}

export interface Walk {
  readonly entries: Iterator<Walked>
  scanned: number
}

export function* entriesOf(cache: Cache, namespaces: readonly string[]): Generator<Walked, undefined> {
  for (const namespace of namespaces)
    for (const entry of spaceOf(cache, namespace).entries()) yield Object.assign(entry, { namespace })
}

/**
 * Continues until `visit` returns false, the budget is spent, or the end is reached.
 * @returns whether it reached the end
 */
export async function goOn(walk: Walk, budgetMs: number, visit: (entry: Walked) => boolean): Promise<boolean> {
  const until = performance.now() + budgetMs
  let rest = performance.now() + HOLD_MS
  for (;;) {
    const next = walk.entries.next()
    if (next.done === true) return true
    walk.scanned++
    if (!visit(next.value)) return false
    // The clock is read only now and then: it costs more than an entry.
    if (walk.scanned % 64 !== 0) continue
    const now = performance.now()
    if (now > until) return false
    if (now < rest) continue
    await yieldToOthers()
    rest = performance.now() + HOLD_MS
  }
}

/** Unfinished walks, by the id in their cursor. */
export class Waiting {
  readonly #walks = new Map<string, { readonly walk: Walk; readonly about: string; readonly at: number }>()

  /** Removed: only one caller may resume a walk. */
  take(id: string, about: string): Walk | undefined {
    const held = this.#walks.get(id)
    this.#walks.delete(id)
    return held !== undefined && held.about === about && performance.now() - held.at < WAIT_MS ? held.walk : undefined
  }

  put(walk: Walk, about: string): string {
    for (const [id, { at }] of this.#walks)
      if (this.#walks.size >= MOST_WAITING || performance.now() - at > WAIT_MS) this.#walks.delete(id)
    const id = randomBytes(9).toString('base64url')
    this.#walks.set(id, { walk, about, at: performance.now() })
    return id
  }
}
