// Changes of models, as an ORM or the application reports them: invalidated after the commit, never before, and not at
// all after a rollback.
//
// Before the commit other transactions still read the old rows: an earlier invalidation would be followed by a load of
// the old value.
import { AsyncLocalStorage } from 'node:async_hooks'
import { checkOptions, fn, refused, required, type Shape, whole, withMethods } from '../core/checks.ts'
import { MillpondError } from '../core/errors.ts'
import { checkModel, idText, type ModelId } from './model-tags.ts'
import type { CascadePlan, ChangeKind, Relations } from './relations.ts'

export interface ModelEventsOptions<R> {
  /** The declared relations. */
  readonly relations: Relations
  /** Invalidates the tags of one or many changes, in one step. */
  readonly invalidate: (plan: CascadePlan) => Promise<R>
  /**
   * How many rows of one transaction are tracked individually; beyond that, their models are invalidated whole. Default
   * 1000.
   */
  readonly maxRows?: number | undefined
}

const OPTIONS: Shape<ModelEventsOptions<unknown>> = {
  relations: required(withMethods<Relations>('relations: new Relations(rules)', 'reactsTo', 'planAll')),
  invalidate: required(fn('a function that invalidates the tags of a plan')),
  maxRows: whole(1),
}

/** The changes of one transaction. Belongs to one caller; not for use after `commit` or `rollback`. */
export interface TransactionChanges<R> {
  /** Notes a change of a row, or, without an id, of any rows of the model. */
  modelChanged(model: string, id: ModelId | undefined, kind: ChangeKind): void
  /** The tags that `commit` would invalidate now. */
  tags(): readonly string[]
  /** Invalidates all of them in one step. `undefined`: there were none. Call it after the database has committed. */
  commit(): Promise<R | undefined>
  /** Discards all of them. */
  rollback(): void
}

interface Scope {
  readonly changes: Changes
  isOpen: boolean
}

/** Turns changes of models into invalidations, once their transaction has committed. */
export class ModelEvents<R> {
  readonly #options: ModelEventsOptions<R>
  readonly #maxRows: number
  readonly #scopes = new AsyncLocalStorage<Scope>()

  /** @throws MillpondError `OPTION_INVALID`. */
  constructor(options: ModelEventsOptions<R>) {
    const given: unknown = options
    checkOptions<ModelEventsOptions<unknown>>(given, OPTIONS, 'ModelEvents')
    this.#options = options
    this.#maxRows = options.maxRows ?? 1000
  }

  /**
   * A committed change, or, within `during`, one that waits for its commit. Without an id any rows of the model may
   * have changed. Resolves when it is invalidated; with `undefined` if it waits, or if the model's rule ignores it.
   */
  async modelChanged(model: string, id: ModelId | undefined, kind: ChangeKind): Promise<R | undefined> {
    const scope = this.#scopes.getStore()
    const changes = scope?.isOpen === true ? scope.changes : new Changes(this.#maxRows)
    if (this.#options.relations.reactsTo(model, kind)) changes.add(model, id)
    return scope?.isOpen === true ? undefined : this.#flush(changes)
  }

  /** Manual collection: for ORMs with their own commit hooks. */
  transaction(): TransactionChanges<R> {
    const changes = new Changes(this.#maxRows)
    let state: 'open' | 'committed' | 'rolled back' = 'open'
    const check = (): void => {
      if (state !== 'open') throw new MillpondError('CLOSED', `this transaction is already ${state}: begin a new one`)
    }
    return {
      modelChanged: (model, id, kind) => {
        check()
        if (this.#options.relations.reactsTo(model, kind)) changes.add(model, id)
      },
      tags: () => {
        check()
        return this.#plan(changes)?.tags ?? []
      },
      commit: async () => {
        check()
        state = 'committed'
        return this.#flush(changes)
      },
      rollback: () => {
        check()
        state = 'rolled back'
      },
    }
  }

  /**
   * Runs a transaction: changes inside, however deep, wait until `work` has resolved, which must mean that it
   * committed. A rejection passes unchanged and discards the collected changes. Within another `during` it is a
   * savepoint: its changes join the outer ones. Changes that are reported after the end (unawaited promises) apply at
   * once. If the invalidation itself fails, `during` rejects with its error although the work has committed.
   */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (typeof work !== 'function')
      throw refused(work, 'during', 'the work: a function that resolves once it has committed')
    const outer = this.#scopes.getStore()
    const scope: Scope = { changes: new Changes(this.#maxRows), isOpen: true }
    let result: T
    try {
      result = await this.#scopes.run(scope, work)
    } finally {
      scope.isOpen = false
    }
    if (outer?.isOpen === true) outer.changes.join(scope.changes)
    else await this.#flush(scope.changes)
    return result
  }

  async #flush(changes: Changes): Promise<R | undefined> {
    const plan = this.#plan(changes)
    return plan === undefined ? undefined : this.#options.invalidate(plan)
  }

  #plan(changes: Changes): CascadePlan | undefined {
    const all = changes.list()
    return all.length === 0 ? undefined : this.#options.relations.planAll(all)
  }
}

/** Rows by model; the whole model if its rows are too many or unknown. */
class Changes {
  readonly #maxRows: number
  readonly #models = new Map<string, Set<string> | 'whole'>()
  #rows = 0

  constructor(maxRows: number) {
    this.#maxRows = maxRows
  }

  add(model: string, id: ModelId | undefined): void {
    checkModel(model)
    const known = this.#models.get(model)
    if (known === 'whole') return
    if (id === undefined) this.#widen(model)
    else {
      idText(id)
      const rows = known ?? new Set<string>()
      if (known === undefined) this.#models.set(model, rows)
      if (!rows.has(String(id))) this.#rows++
      rows.add(String(id))
      if (this.#rows > this.#maxRows) for (const name of [...this.#models.keys()]) this.#widen(name)
    }
  }

  join(other: Changes): void {
    for (const { model, id } of other.list()) this.add(model, id)
  }

  list(): { readonly model: string; readonly id?: string }[] {
    return [...this.#models].flatMap(([model, rows]) =>
      rows === 'whole' ? [{ model }] : [...rows].map((id) => ({ model, id })),
    )
  }

  #widen(model: string): void {
    const rows = this.#models.get(model)
    if (rows instanceof Set) this.#rows -= rows.size
    this.#models.set(model, 'whole')
  }
}
