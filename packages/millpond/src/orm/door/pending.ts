// What a transaction has changed, until it commits. Each savepoint is a layer: rolling back to it discards the layers
// above it, releasing it merges its layer into the one below.
import { NEW_ROW } from './tables.ts'

/** Rows of models; the whole model if its rows are not known. */
type Rows = Map<string, Set<string> | 'whole'>

interface Layer {
  readonly name: string
  readonly rows: Rows
}

/** One row that changed, or, without an id, any of them. */
export interface PendingChange {
  readonly model: string
  readonly id: string | undefined
}

export class Pending {
  readonly #maxRows: number
  #layers: Layer[] = [layer('')]

  constructor(maxRows: number) {
    this.#maxRows = maxRows
  }

  add(model: string, id: string | undefined): void {
    const top = this.#layers.at(-1)
    if (top !== undefined) this.#note(top.rows, model, id)
  }

  /** Rows that did not exist before. */
  addNew(model: string): void {
    this.add(model, NEW_ROW)
  }

  savepoint(name: string): void {
    this.#layers.push(layer(name))
  }

  /** The savepoint stays, as in the database. For an unknown name nothing is discarded. */
  rollbackTo(name: string): void {
    const at = this.#at(name)
    if (at > 0) this.#layers = [...this.#layers.slice(0, at), layer(name)]
  }

  release(name: string): void {
    const at = this.#at(name)
    if (at <= 0) return
    const released = this.#layers.splice(at)
    const below = this.#layers.at(-1)
    if (below !== undefined) for (const { rows } of released) this.#join(below.rows, rows)
  }

  /** No other savepoint is open beneath this one. */
  isOutermost(name: string): boolean {
    return this.#at(name) === 1
  }

  list(): readonly PendingChange[] {
    const all: Rows = new Map()
    for (const { rows } of this.#layers) this.#join(all, rows)
    return [...all].flatMap(([model, rows]): PendingChange[] =>
      rows === 'whole' ? [{ model, id: undefined }] : [...rows].map((id) => ({ model, id })),
    )
  }

  #at(name: string): number {
    return this.#layers.findLastIndex((one) => one.name === name)
  }

  #join(into: Rows, from: Rows): void {
    for (const [model, rows] of from) {
      if (rows === 'whole') into.set(model, 'whole')
      else for (const id of rows) this.#note(into, model, id)
    }
  }

  #note(into: Rows, model: string, id: string | undefined): void {
    const known = into.get(model)
    if (known === 'whole') return
    if (id === undefined || (known !== undefined && known.size >= this.#maxRows && !known.has(id))) {
      into.set(model, 'whole')
      return
    }
    if (known === undefined) into.set(model, new Set([id]))
    else known.add(id)
  }
}

const layer = (name: string): Layer => ({ name, rows: new Map() })
