// Followers of a namespace: notified at once of this process's own steps, and within 20 ms of others'.
//
// SQLite has no notifications between processes. Its `data_version` costs about as much to read as a statement and
// changes with every commit of another connection, so it is polled first, and the ledger's number only after it
// changed.

import type { Position } from '../../core/ledger.ts'
import { outside } from '../../core/outside.ts'
import { numberIn, numbers } from '../../core/sqlite.ts'
import { unheld } from '../../core/unheld.ts'
import type { Database } from './database.ts'

const POLL_MS = 20

type Wake = (at?: Position) => void

interface Followed {
  readonly wakes: Set<Wake>
  seq: number
}

export class Followers {
  readonly #database: Database
  readonly #namespaces = new Map<string, Followed>()
  #timer: ReturnType<typeof setInterval> | undefined
  #version = -1

  constructor(database: Database) {
    this.#database = database
  }

  add(namespace: string, wake: Wake): () => void {
    const followed = this.#namespaces.get(namespace) ?? { wakes: new Set(), seq: this.#seqOf(namespace) }
    // Each call is a separate follower, even with the same function.
    const own: Wake = (at) => wake(at)
    followed.wakes.add(own)
    this.#namespaces.set(namespace, followed)
    if (!this.#database.inMemory) this.#timer ??= unheld(outside(() => setInterval(() => this.#look(), POLL_MS)))
    return () => {
      followed.wakes.delete(own)
      if (followed.wakes.size === 0 && this.#namespaces.get(namespace) === followed) this.#namespaces.delete(namespace)
      if (this.#namespaces.size === 0) this.close()
    }
  }

  /** This process moved the namespace itself. */
  moved(namespace: string, at: Position): void {
    const followed = this.#namespaces.get(namespace)
    if (followed === undefined) return
    followed.seq = at.seq
    for (const wake of followed.wakes) wake(at)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const version = this.#peek('PRAGMA data_version', 'data_version')
    if (version === this.#version && version !== -1) return
    this.#version = version
    for (const [namespace, followed] of this.#namespaces) {
      const seq = this.#seqOf(namespace)
      if (seq === followed.seq) continue
      followed.seq = seq
      for (const wake of followed.wakes) wake()
    }
  }

  #seqOf(namespace: string): number {
    return this.#peek(`SELECT ${numbers('seq')} FROM ledger WHERE ns = ?`, 'seq', namespace)
  }

  /** -1 if there is nothing to read or reading fails: a hint may fail, `pull` is authoritative. */
  #peek(sql: string, name: string, ...values: string[]): number {
    try {
      const row = this.#database.peek((file) => file.sql(sql).get(...values))
      return row === undefined || row === null ? -1 : numberIn(row, name)
    } catch {
      return -1
    }
  }
}
