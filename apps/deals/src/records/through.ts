// Records that are read and written through a collection: a change is based on the version that was read, and repeated
// if another one came first.
import { type Collection, MillpondError } from 'millpond'
import type { Invalidation, Written } from '../cache/invalidation.ts'
import type { Writer } from '../db/database.ts'
import type { Changed } from '../writes/commit.ts'
import { Moved, Refused } from '../writes/refused.ts'

/** A stored record: its row, and its version. */
export interface Versioned {
  readonly version: number
}

export type Store<T> = (tx: Writer, record: T) => Promise<Changed<{ id: number }>>

export interface Through<T extends Versioned> {
  /** `after`: nothing older than the token's bearer has seen. */
  get(id: number, after?: string): Promise<T | undefined>
  /** @throws Refused the errors of `next` and of the store, and 404 for a missing record. */
  change(id: number, next: (record: T) => T | Promise<T>): Promise<Written<{ id: number }>>
}

export interface ThroughParts<T extends Versioned> {
  /** Undefined: the cache is off. */
  readonly collection: Collection<number, T> | undefined
  readonly load: (ids: readonly number[]) => Promise<ReadonlyMap<number, T>>
  readonly store: Store<T>
  readonly invalidation: Invalidation
  /** The response of the collection's store; removed by whichever caller changed the record. */
  readonly done: Map<string, Written<{ id: number }>>
  readonly what: string
}

/** The number of attempts when other changes come first each time. */
const MOST_TRIES = 20

export const doneKey = (id: number, version: number): string => `${id} ${version}`

export function createThrough<T extends Versioned>({
  collection,
  load,
  store,
  invalidation,
  done,
  what,
}: ThroughParts<T>): Through<T> {
  const read = async (id: number): Promise<T | undefined> => (await load([id])).get(id)
  const direct = (record: T): Promise<Written<{ id: number }>> => invalidation.write((tx) => store(tx, record))
  const through = async (id: number, record: T): Promise<Written<{ id: number }>> => {
    if (collection === undefined) return direct(record)
    const key = doneKey(id, record.version)
    const taken = (): Written<{ id: number }> | undefined => {
      const written = done.get(key)
      done.delete(key)
      return written
    }
    try {
      await collection.set(id, record)
    } catch (error) {
      // Committed, but holders of the old one could not be told: the hold expires.
      const written = taken()
      if (written !== undefined) return written
      // An unreachable shared tier is no reason to refuse a write: its note is settled later.
      if (error instanceof MillpondError && error.code === 'LEDGER_UNREACHABLE') return direct(record)
      throw error
    }
    const written = taken()
    if (written === undefined) throw new Error(`${what} ${id} was stored, but its store did not confirm it`)
    return written
  }
  return {
    get: (id, after) =>
      collection === undefined ? read(id) : collection.get(id, after === undefined ? {} : { after }),
    change: async (id, next) => {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const record = await (tries === 0 ? (collection?.get(id) ?? read(id)) : read(id))
        if (record === undefined) throw new Refused(404, `there is no ${what} ${id}`)
        try {
          return await through(id, { ...(await next(record)), version: record.version + 1 })
        } catch (error) {
          if (!(error instanceof Moved)) throw error
        }
      }
      throw new Refused(409, `${what} ${id} is being changed by many callers at once: try again`)
    },
  }
}
