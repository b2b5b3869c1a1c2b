// Runs steps on the cache file: one step is one transaction, retried without blocking while other processes hold the
// lock, and retried on the new file if the old one was replaced or set aside meanwhile.

import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type ErrorCode, isError, MillpondError } from '../../core/errors.ts'
import { classify, LockHeld, transaction } from '../../core/sqlite.ts'
import type { SqliteDriver } from './client.ts'
import { type CacheFile, IN_MEMORY, identify, openFile, setAside } from './file.ts'
import type { SqliteSettings } from './options.ts'

/** How long after a check reads of entries assume that the file is still current. */
const RECHECK_MS = 20

export type Step<T> = (file: CacheFile) => T

export class Database {
  readonly settings: SqliteSettings
  readonly #driver: SqliteDriver
  #file: CacheFile | undefined
  #closed = false
  #checkedAt = Number.NEGATIVE_INFINITY

  /**
   * Opens at once, so that a wrong path or a newer schema throws from the constructor; a lock held by others is waited
   * for later.
   */
  constructor(driver: SqliteDriver, settings: SqliteSettings) {
    this.#driver = driver
    this.settings = settings
    try {
      this.#file = openFile(driver, settings)
    } catch (error) {
      if (classify(error) !== 'busy') throw error
    }
  }

  get inMemory(): boolean {
    return this.settings.path === IN_MEMORY
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /**
   * Reads that need no consistent snapshot: no transaction, and no `stat`, which costs as much as a read, within 20 ms
   * of the last. A file that was replaced a moment ago yields at worst an old entry, and the ledger judges those.
   */
  look<T>(what: string, code: ErrorCode, step: Step<T>): Promise<T> {
    const file = this.#file
    if (file === undefined || this.#closed) return this.#attempt(what, code, step, RECHECK_MS)
    try {
      if (this.#isCurrent(file, RECHECK_MS)) {
        const answer = step(file)
        if (this.#isCurrent(file, RECHECK_MS)) return Promise.resolve(answer)
      }
    } catch {
      // `#attempt` meets the error again, and handles it.
    }
    return this.#attempt(what, code, step, RECHECK_MS)
  }

  /** Several reads in one snapshot. */
  read<T>(what: string, code: ErrorCode, step: Step<T>): Promise<T> {
    return this.#attempt(what, code, (file) => transaction(file, 'BEGIN', () => step(file)))
  }

  /** Atomic and exclusive: no other process writes meanwhile. */
  write<T>(what: string, code: ErrorCode, step: Step<T>): Promise<T> {
    return this.#attempt(what, code, (file) => transaction(file, 'BEGIN IMMEDIATE', () => step(file)))
  }

  /** Tries a write once, without retries: for maintenance that can wait. Throws SQLite's errors. */
  tryWrite<T>(step: Step<T>): T | undefined {
    const file = this.#file
    if (this.#closed || file === undefined || !file.isCurrent) return undefined
    return transaction(file, 'BEGIN IMMEDIATE', () => step(file))
  }

  /** One statement outside any transaction. Throws SQLite's errors. */
  peek<T>(step: Step<T>): T | undefined {
    return this.#closed || this.#file === undefined ? undefined : step(this.#file)
  }

  /**
   * Checkpoints the log into the file if no other process is using it: libsql holds a closed file open until its
   * statements are collected.
   */
  close(): void {
    if (this.#file?.isCurrent && !this.inMemory) {
      try {
        this.#file.sql('PRAGMA wal_checkpoint(TRUNCATE)').get()
      } catch (cause) {
        this.settings.warn({
          kind: 'close',
          message: 'the WAL file of the cache file is kept; the next process to open it continues from there',
          cause,
        })
      }
    }
    this.#closed = true
    this.#forget()
  }

  async #attempt<T>(what: string, code: ErrorCode, step: Step<T>, recheckMs = 0): Promise<T> {
    const end = performance.now() + this.settings.deadlineMs
    for (let repairs = 0, rounds = 0; ; rounds++) {
      if (this.#closed) throw new MillpondError('CLOSED', `[sqlite] ${what}: the tier is closed`)
      try {
        const file = this.#current(recheckMs)
        const answer = step(file)
        // Checked afterwards too: a step on a file that has been replaced has not happened.
        if (this.#isCurrent(file, recheckMs)) return answer
      } catch (error) {
        const failure = classify(error)
        if (failure === 'corrupt' && repairs++ < 3) this.#replace(error)
        else if (failure !== 'busy' && this.#file?.isCurrent !== false) throw failed(code, what, error)
        else if (performance.now() >= end)
          throw failed(code, `${what}: other processes held the lock for ${this.settings.deadlineMs} ms`, error)
        // A statement that met a lock may be stuck half way: its handle is discarded with it.
        else if (failure === 'busy' && !(error instanceof LockHeld)) this.#forget()
      }
      if (rounds > 10_000) throw failed(code, `${what}: the file keeps being replaced`, undefined)
      // Random, and longer with each round, so that many waiting processes do not retry together.
      await pause(Math.random() * Math.min(20, 1 + rounds * 2))
    }
  }

  #isCurrent(file: CacheFile, recheckMs: number): boolean {
    const now = performance.now()
    if (now - this.#checkedAt < recheckMs) return true
    if (!file.isCurrent) return false
    this.#checkedAt = now
    return true
  }

  #current(recheckMs: number): CacheFile {
    if (this.#file !== undefined && !this.#isCurrent(this.#file, recheckMs)) {
      this.#forget()
      this.settings.warn({
        kind: 'replaced',
        message: `the cache file ${this.settings.path} was replaced: the new one is used, with new epochs`,
      })
    }
    this.#file ??= openFile(this.#driver, this.settings)
    return this.#file
  }

  #forget(): void {
    this.#checkedAt = Number.NEGATIVE_INFINITY
    this.#file?.close()
    this.#file = undefined
  }

  /** The open file is corrupt: sets it aside, unless another process has already done so. */
  #replace(cause: unknown): void {
    const file = this.#file
    if (file === undefined) return
    const wasCurrent = file.isCurrent
    this.#forget()
    if (this.inMemory || !wasCurrent) return
    const path = resolve(this.settings.path)
    setAside(this.settings, path, identify(path), cause)
  }
}

function failed(code: ErrorCode, what: string, cause: unknown): MillpondError {
  if (cause instanceof MillpondError && cause.code === 'CLOSED') return cause
  const why = isError(cause) ? `: ${cause.message}` : ''
  return new MillpondError(code, `[sqlite] ${what}${why}`, { cause })
}
