// Loading records of a collection: a queued write, else the source's answer through its guard, if it is a valid record.
import { isError } from '../core/errors.ts'
import { encodeKey } from '../core/key.ts'
import type { CollectionContext, CollectionOptions } from '../engine/collection.ts'
import { Batches, byId } from './batches.ts'
import type { CollectionPlan } from './collection-options.ts'
import type { Guard } from './guard/source-guard.ts'
import type { Records } from './records.ts'

export interface CollectionLoadsParts<Id, T> {
  readonly plan: CollectionPlan<Id, T>
  readonly records: Records<Id, T> | undefined
  readonly guard: Guard | undefined
  /** The queued write of an encoded key. */
  readonly pending: (key: string) => { readonly value: T | undefined } | undefined
}

export class CollectionLoads<Id, T> {
  readonly #parts: CollectionLoadsParts<Id, T>
  readonly #batches: Batches<Id, T> | undefined

  constructor(parts: CollectionLoadsParts<Id, T>) {
    this.#parts = parts
    const { options, maxBatch } = parts.plan
    this.#batches =
      options.loadMany === undefined ? undefined : new Batches(this.#batchLoader(options.loadMany), maxBatch)
  }

  /** In pieces of at most `maxBatch`. A queued write is the key's value. */
  async loadMany(ids: readonly Id[], context: { readonly signal: AbortSignal }): Promise<readonly (T | undefined)[]> {
    const { plan } = this.#parts
    const { loadMany } = plan.options
    const queued = ids.map((id) => this.#parts.pending(encodeKey(this.#parts.plan.keyOf(id))))
    const wanted = ids.filter((_, at) => queued[at] === undefined)
    const pieces: (readonly Id[])[] = []
    for (let at = 0; at < wanted.length; at += plan.maxBatch) pieces.push(wanted.slice(at, at + plan.maxBatch))
    const answers = await Promise.all(
      pieces.map(async (piece) => byId<Id, T>(piece, await this.#guarded((own) => loadMany?.(piece, own), context))),
    )
    const found = new Map(answers.flatMap((answer) => [...answer]))
    return ids.map((id, at) => {
      const value = queued[at] === undefined ? found.get(id) : queued[at].value
      if (isError(value)) throw value
      return queued[at] === undefined && value !== undefined ? this.#checked(value, id) : value
    })
  }

  /** The result of loading one: a queued write, else the source. */
  async load(id: Id, context: CollectionContext): Promise<T | undefined> {
    const queued = this.#parts.pending(encodeKey(this.#parts.plan.keyOf(id)))
    const value = queued === undefined ? this.#accepted(id, await this.#ask(id, context), context) : queued.value
    if (value !== undefined && value !== null) {
      const tags = this.#parts.plan.tagsOf?.(value, id)
      if (tags !== undefined) context.addTags(...tags)
    }
    return value
  }

  /** The source's answer, if it is a valid record. */
  #accepted(id: Id, value: T | undefined, context: CollectionContext): T | undefined {
    const { records } = this.#parts
    if (records === undefined || value === undefined) return value
    const own = records.check(value, id, 'what was loaded')
    if (!records.isCurrent(context.key, own)) {
      records.warnOfOlder(id)
      context.setTtl(0)
    }
    return own
  }

  #checked(value: T, id: Id): T {
    const { records } = this.#parts
    return records === undefined ? value : records.check(value, id, 'what was loaded')
  }

  #ask(id: Id, context: CollectionContext): Promise<T | undefined> | T | undefined {
    const { load } = this.#parts.plan.options
    const { guard } = this.#parts
    if (guard !== undefined) return this.#askGuarded(guard, id, context)
    return this.#batches === undefined ? load?.(id, context) : this.#batches.load(id, context)
  }

  async #askGuarded(guard: Guard, id: Id, context: CollectionContext): Promise<T | undefined> {
    const { load, replicaLoad } = this.#parts.plan.options
    if (guard.tag !== undefined) context.addTags(guard.tag)
    // Batches are guarded as a whole.
    if (this.#batches !== undefined) return this.#batches.load(id, context)
    const within = (signal: AbortSignal): CollectionContext => ({ ...context, signal })
    const own = ({ signal }: { readonly signal: AbortSignal }) => load?.(id, within(signal))
    if (replicaLoad === undefined) return guard.run(own, context)
    const { answer, isReplica } = await guard.hedged(
      own,
      ({ signal }) => replicaLoad(id, within(signal)),
      context.signal,
    )
    if (!isReplica) return answer
    const isLate = answer !== undefined && this.#parts.records?.isCurrent(context.key, answer) === false
    if (isLate) return guard.run(own, context)
    context.setTtl(guard.replicaTtlMs)
    return answer
  }

  /** One call of the source. */
  #guarded<A>(
    work: (context: { readonly signal: AbortSignal }) => A | Promise<A>,
    context: { readonly signal: AbortSignal },
  ): A | Promise<A> {
    const { guard } = this.#parts
    return guard === undefined ? work(context) : guard.run(work, context)
  }

  #batchLoader(loadMany: NonNullable<CollectionOptions<Id, T>['loadMany']>): typeof loadMany {
    return async (ids, context) => this.#guarded((own) => loadMany(ids, own), context)
  }
}
