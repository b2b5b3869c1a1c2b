// A transaction of the database, and what it invalidates when it commits.
import type { Duration } from '../../core/duration.ts'
import { isRefused } from './failures.ts'
import type { OrmCache, OrmChanges, OrmOutbox } from './options.ts'
import { Pending } from './pending.ts'
import { EVERY_TABLE } from './tables.ts'

/** What transactions need of the adapter that they belong to. */
export interface TransactionHost {
  readonly cache: OrmCache
  readonly hold: Duration | undefined
  readonly outbox: OrmOutbox | undefined
  readonly maxRows: number
  report(error: unknown): void
}

/** Runs a statement of the transaction, for the outbox. */
export type RunInside = (sql: string, parameters: readonly unknown[]) => Promise<readonly object[]>

/** The most tags of one invalidation. */
const MAX_TAGS = 128

export class DoorTransaction {
  readonly pending: Pending
  /** A statement has failed, and SQLite may have rolled all of it back: later writes are then committed at once. */
  mayBeOver = false
  readonly #host: TransactionHost
  #isNoted = false

  constructor(host: TransactionHost) {
    this.#host = host
    this.pending = new Pending(host.maxRows)
  }

  /** A statement that is a transaction by itself. */
  async alone<T>(run: () => Promise<T>): Promise<T> {
    return this.commit(run, undefined, isRefused)
  }

  /**
   * Commits, and invalidates what has changed. An error of `commit` is passed on unchanged; if it may have committed
   * nevertheless, what it changed is invalidated. An invalidation that fails does not fail a commit that has succeeded.
   * @throws MillpondError `LEDGER_UNREACHABLE` with `hold`: before the commit.
   */
  async commit<T>(
    commit: () => Promise<T>,
    inside?: RunInside,
    isNotDone: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    const changes = this.#changes()
    if (changes === undefined) return commit()
    if (inside !== undefined && this.#host.outbox !== undefined) {
      await this.#host.outbox.note(inside, { tags: few(changes, this.#host.cache) })
      this.#isNoted = true
    }
    if (this.#host.hold !== undefined) return this.#held(changes, commit, this.#host.hold)
    let answer: T
    try {
      answer = await commit()
    } catch (error) {
      if (!isNotDone(error)) await this.#tell(changes)
      throw error
    }
    await this.#tell(changes)
    return answer
  }

  async #held<T>(changes: OrmChanges, commit: () => Promise<T>, hold: Duration): Promise<T> {
    let done: { readonly answer: T } | undefined
    let failed: { readonly error: unknown } | undefined
    try {
      await this.#host.cache.transaction({ tags: few(changes, this.#host.cache), hold }, async () => {
        try {
          done = { answer: await commit() }
        } catch (error) {
          failed = { error }
          throw error
        }
      })
    } catch (error) {
      // The hold remains, and invalidates when it expires.
      if (done === undefined || failed !== undefined) throw error
      this.#host.report(error)
    }
    if (done === undefined) throw failed?.error
    return done.answer
  }

  async #tell(changes: OrmChanges): Promise<void> {
    try {
      if (this.#isNoted) await this.#host.outbox?.settle()
      else await changes.commit()
    } catch (error) {
      this.#host.report(error)
    }
  }

  #changes(): OrmChanges | undefined {
    const list = this.pending.list()
    if (list.length === 0) return undefined
    const changes = this.#host.cache.changes.transaction()
    for (const { model, id } of list) {
      // Rules of `models` react to one or the other: it may be either.
      changes.modelChanged(model, id, 'save')
      changes.modelChanged(model, id, 'delete')
    }
    return changes
  }
}

/** Their tags; if there are too many, those of everything. */
function few(changes: OrmChanges, cache: OrmCache): readonly string[] {
  const tags = changes.tags()
  if (tags.length <= MAX_TAGS) return tags
  const every = cache.changes.transaction()
  every.modelChanged(EVERY_TABLE, undefined, 'save')
  return every.tags()
}
