// Where namespaces stand in the file: read once, and good until somebody has written.
//
// `data_version` changes with every commit of another connection, and the writes of our own are counted: while both are
// the same nothing in the file is different, whatever was asked. Both are read in the transaction in which the records
// are, so that what is remembered is of that moment.
import type { LedgerPlace } from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'
import { numberIn, textIn, texts } from '../../core/sqlite.ts'
import type { CacheFile } from './file.ts'
import { findRecord } from './ledger-rows.ts'

export class Standing {
  readonly #writes: () => number
  #file: CacheFile | undefined
  #version = -1
  #written = -1
  /** `undefined`: there is no record, or it has to change first. */
  readonly #known = new Map<string, Position | undefined>()

  constructor(writes: () => number) {
    this.#writes = writes
  }

  /** Inside a transaction of its caller. */
  unmoved(file: CacheFile, places: readonly LedgerPlace[], isExternal: boolean): boolean[] {
    this.#look(file)
    const due = new Set(
      file
        .sql(`SELECT DISTINCT ${texts('ns')} FROM hold WHERE until <= ?`)
        .all(Date.now())
        .map((row) => textIn(row, 'ns')),
    )
    return places.map(({ namespace, position: { epoch, seq } }) => {
      const at = this.#positionOf(file, namespace, isExternal)
      return at !== undefined && at.epoch === epoch && at.seq === seq && !due.has(namespace)
    })
  }

  #look(file: CacheFile): void {
    const version = numberIn(file.sql('PRAGMA data_version').get(), 'data_version')
    const written = this.#writes()
    if (file === this.#file && version === this.#version && written === this.#written) return
    this.#file = file
    this.#version = version
    this.#written = written
    this.#known.clear()
  }

  #positionOf(file: CacheFile, namespace: string, isExternal: boolean): Position | undefined {
    if (this.#known.has(namespace)) return this.#known.get(namespace)
    const record = findRecord(file, namespace)
    const position =
      record === undefined || (isExternal && !record.external) ? undefined : { epoch: record.epoch, seq: record.seq }
    this.#known.set(namespace, position)
    return position
  }
}
