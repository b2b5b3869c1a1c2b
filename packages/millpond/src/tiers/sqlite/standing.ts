// The positions of namespaces in the file: read once, and again when they have moved.
//
// Triggers number every change of a record, by any process, in the transaction that makes it: a namespace has not moved
// while its number is not higher than when it was read. So what a question reads grows only with what has moved since
// the last one, not with anything else that is written to the file. Numbers and records are read in one transaction, so
// that what is remembered is of one moment.
import type { LedgerPlace } from '../../core/contracts.ts'
import { numberIn, textIn, texts } from '../../core/sqlite.ts'
import type { CacheFile } from './file.ts'
import { findRecord, type LedgerRecord } from './ledger-rows.ts'

/** Above this many, namespaces that are no longer asked about are forgotten. */
const SPARE = 1000

export class Standing {
  #file: CacheFile | undefined
  /** The last change that is known. */
  #number = -1
  /** `undefined`: there is no record. */
  readonly #known = new Map<string, LedgerRecord | undefined>()

  /** Runs inside a transaction of its caller. */
  unmoved(file: CacheFile, places: readonly LedgerPlace[], isExternal: boolean): boolean[] {
    this.#forgetMoved(file)
    if (this.#known.size > places.length * 2 + SPARE) this.#known.clear()
    const due = new Set(
      file
        .sql(`SELECT DISTINCT ${texts('ns')} FROM hold WHERE until <= ?`)
        .all(Date.now())
        .map((row) => textIn(row, 'ns')),
    )
    return places.map(({ namespace, position: { epoch, seq } }) => {
      const record = this.#recordOf(file, namespace)
      // A record that has to change first is pulled.
      if (record === undefined || (isExternal && !record.external)) return false
      return record.epoch === epoch && record.seq === seq && !due.has(namespace)
    })
  }

  #forgetMoved(file: CacheFile): void {
    const last = numberIn(file.sql('SELECT ifnull(max(number), 0) AS number FROM ledger_move').get(), 'number')
    if (file !== this.#file || last < this.#number) this.#known.clear()
    else if (last > this.#number)
      for (const row of file.sql(`SELECT ${texts('ns')} FROM ledger_move WHERE number > ?`).all(this.#number))
        this.#known.delete(textIn(row, 'ns'))
    this.#file = file
    this.#number = last
  }

  #recordOf(file: CacheFile, namespace: string): LedgerRecord | undefined {
    if (this.#known.has(namespace)) return this.#known.get(namespace)
    const record = findRecord(file, namespace)
    this.#known.set(namespace, record)
    return record
  }
}
