// Write-behind of a collection: its journal and queue, what readers see of them, and what caches are told when the
// source has committed.
//
// A write is acknowledged when the log has it and the cache holds it. From then until the source has it, readers of
// this process get it before any tier and any loader, so that an eviction, an invalidation or a load cannot bring back
// the old value. Then the caches are told once more: another process may have loaded the old value meanwhile.
import { counted } from '../../core/counted.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type { CacheEvents } from '../../core/events.ts'
import type { Position } from '../../core/ledger.ts'
import type { DeadLetters } from '../../engine/collection.ts'
import type { ErasedWrite, ErasurePredicate } from '../../engine/erasure.ts'
import type { SourceWrite } from '../../engine/source-write.ts'
import type { CollectionHost, Written } from '../collection-host.ts'
import type { CollectionPlan } from '../collection-options.ts'
import { Journal } from '../journal/journal.ts'
import type { Records } from '../records.ts'
import { storeAll, verdictOf } from '../store-all.ts'
import { openStream } from '../stream/open.ts'
import type { Operation, QueuedWrite, StoreBatch, WriteLog } from './contract.ts'
import { createCounts, type QueueCounts } from './counts.ts'
import { deadLettersOf } from './dead-letters.ts'
import { memoryLog } from './memory-log.ts'
import { onSigterm } from './on-sigterm.ts'
import { type QueueSettings, settingsOf } from './options.ts'
import { WriteQueue } from './queue.ts'

type WriteBehindEvent = CacheEvents['writeBehind']

/** What a reader gets of a queued write; a removal has no value. */
interface Queued<T> {
  readonly value: T | undefined
}

export interface Wanted<Id, T> {
  readonly id: Id
  readonly key: string
  readonly value: T
}

export class WriteBehind<Id, T> {
  readonly deadLetters: DeadLetters<Id>
  readonly #name: string
  readonly #plan: CollectionPlan<Id, T>
  readonly #host: CollectionHost
  readonly #settings: QueueSettings
  readonly #log: WriteLog
  readonly #queue: WriteQueue
  readonly #counts: QueueCounts = createCounts()
  /** Of the batches being sent to the source. */
  readonly #underWay = new Map<string, SourceWrite>()
  /**
   * Keys whose entries have their own options, which the queue does not know: they are invalidated when the source has
   * them. With their tags.
   */
  readonly #special = new Map<string, readonly string[]>()
  readonly #ends: (() => void)[] = []
  #recovering: Promise<void> | undefined
  #isReady = false

  /** @throws MillpondError for options, and if the journal cannot be opened. */
  constructor(name: string, plan: CollectionPlan<Id, T>, host: CollectionHost, records: Records<Id, T> | undefined) {
    this.#name = name
    this.#plan = plan
    this.#host = host
    this.#settings = settingsOf(name, plan.options.writeBehind)
    const { journal: path, sync, stream } = this.#settings
    const journal = path === undefined ? undefined : new Journal({ path, sync, owner: host.owner })
    this.#log = journal ?? (stream === undefined ? memoryLog() : openStream(stream, name, host))
    this.#log.watch?.(() => {
      if (this.#isReady) void this.#recover().catch(() => {}) // it is repeated
    })
    this.#queue = new WriteQueue({
      ...this.#settings,
      log: this.#log,
      store: (writes, context) => this.#store(writes, context),
      clock: host.clock,
      random: host.random,
      encode: (key, operation) => host.encode(key, operation),
      decode: async (key, body) => fitted(records, operationFrom(await host.decode(key, body))),
      afterStore: (keys) => this.#afterStore(keys),
      concurrency: 1,
      events: {
        stored: (count, ms) => {
          this.#counts.stored += count
          this.#tell('stored', { count, ms })
        },
        failed: (key, error, attempts, retryMs) => {
          this.#counts.failed++
          this.#tell('failed', { key, error, attempts, retryMs })
        },
        dead: ({ key, error }) => this.#tell('dead', { key, error }),
      },
    })
    this.deadLetters = deadLettersOf(this.#queue, plan.keyOf)
    this.#ends.push(
      host.showQueue(name, () => ({
        collection: name,
        depth: this.#queue.depth,
        lagMs: this.#queue.lagMs,
        dead: this.#queue.deadLetters.length,
        journalBytes: journal?.size.bytes ?? 0,
        ...this.#counts,
      })),
    )
    this.#ends.push(host.onErase((isMeant) => this.#erase(isMeant)))
    if (this.#settings.drainOnSigterm) this.#ends.push(onSigterm(() => this.#drain()))
    // At once, so that leftovers are sent without a call; errors are reported to callers.
    this.ready().catch((error: unknown) =>
      host.events.emit('warning', { message: `collection ${name}: the journal could not be recovered`, error }),
    )
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** Writes that are waiting or being sent. */
  get depth(): number {
    return this.#queue.depth
  }

  /** Takes over the leftovers of earlier processes, once; retried by the next call if it failed. */
  async ready(): Promise<void> {
    if (this.#isReady) return
    this.#recovering ??= this.#recover().finally(() => {
      this.#recovering = undefined
    })
    await this.#recovering
  }

  pending(key: string): Queued<T> | undefined {
    const operation = this.#queue.pending(key)
    if (operation === undefined) return undefined
    return { value: operation.kind === 'set' ? (this.#host.show(operation.value) as T) : undefined }
  }

  async set(writes: readonly Wanted<Id, T>[], items: readonly Written[], isSpecial: boolean): Promise<void> {
    await this.ready()
    const begun = await this.#host.begin(writes.map(({ key }) => key))
    const kept = await Promise.allSettled(
      writes.map(({ id, key, value }) => this.#queue.put(key, { kind: 'set', id, value })),
    )
    const refused = kept.find((one) => one.status === 'rejected')
    if (isSpecial) for (const { key, options } of items) this.#special.set(key, [...(options.tags ?? [])])
    await this.#host.end(
      begun,
      items.filter((_, at) => kept[at]?.status === 'fulfilled'),
    )
    if (refused !== undefined) throw refused.reason
  }

  async remove(key: string, id: Id): Promise<void> {
    await this.ready()
    await this.#queue.put(key, { kind: 'remove', id })
  }

  async flush(): Promise<void> {
    await this.ready()
    await this.#queue.flush()
  }

  /**
   * Drops queued writes of erased keys, including those left by dead processes, and leaves no byte of them in the
   * journal.
   */
  async #erase(isMeant: ErasurePredicate): Promise<readonly ErasedWrite[]> {
    await this.ready()
    await this.#recover()
    const forgotten = await this.#queue.forget((key, operation) => isMeant(key, () => this.#tagsOf(key, operation)))
    await this.#log.scrub?.()
    return forgotten.map((one) => ({ collection: this.#name, ...one }))
  }

  /** The tags of a write's call are known only to the process that was called. */
  #tagsOf(key: string, operation: Operation | undefined): readonly string[] {
    const { tagsOf, defaults } = this.#plan
    const value = operation?.kind === 'set' ? (operation.value as T) : undefined
    const own = value === undefined || value === null ? undefined : tagsOf?.(value, operation?.id as Id)
    return [...(this.#special.get(key) ?? []), ...(own ?? []), ...(defaults.tags ?? [])]
  }

  /** Drains within its time, and reports what is left. */
  async close(): Promise<void> {
    for (const end of this.#ends) end()
    await this.#recovering?.catch(() => {}) // reported when it failed
    const { left } = await this.#queue.close(this.#settings.drainMs)
    if (left === 0) return
    const { journal, stream } = this.#settings
    const fate =
      journal === undefined && stream === undefined
        ? 'lost'
        : stream === undefined
          ? 'left in the journal'
          : 'left in the stream'
    this.#tell('left', { count: left })
    this.#host.events.emit('warning', {
      message: `collection ${this.#name}: closed with ${counted(left, 'write')} that the source has not accepted: ${left === 1 ? 'it is' : 'they are'} ${fate}`,
    })
  }

  #drain(): Promise<unknown> {
    return this.#queue.flush(this.#settings.drainMs)
  }

  async #recover(): Promise<void> {
    const { recovered, lostBytes } = await this.#queue.recover()
    this.#isReady = true
    if (recovered > 0 || lostBytes > 0) this.#tell('recovered', { count: recovered, lostBytes })
  }

  /** Sets and removals of one batch; the caches' positions are read before. */
  async #store(writes: readonly QueuedWrite[], { signal }: Parameters<StoreBatch>[1]): Promise<readonly unknown[]> {
    if (!this.#host.isAlone) {
      const keys = writes.map(({ key }) => key)
      const begun = await this.#host.begin(keys)
      for (const key of keys) this.#underWay.set(key, begun)
    }
    const verdicts: unknown[] = writes.map(() => undefined)
    const sets = writes.flatMap(({ operation, number }, at) =>
      operation.kind === 'set'
        ? [{ at, id: operation.id as Id, value: this.#host.show(operation.value) as T, number }]
        : [],
    )
    const removals = writes.flatMap(({ operation, number }, at) =>
      operation.kind === 'remove' ? [{ at, id: operation.id as Id, number }] : [],
    )
    const { remove } = this.#plan.options
    const [stored] = await Promise.all([
      sets.length === 0 ? [] : storeAll(this.#plan.options, sets, { signal }),
      ...removals.map(async ({ at, id, number }) => {
        verdicts[at] = await verdictOf(() => {
          if (remove === undefined) throw this.#cannotRemove(id)
          return remove(id, { signal, number })
        })
      }),
    ])
    sets.forEach(({ at }, index) => {
      verdicts[at] = stored[index]
    })
    return verdicts
  }

  /**
   * The source has them. Queued writes remain what readers see; caches get the value unless the key has moved
   * meanwhile.
   */
  async #afterStore(keys: readonly string[]): Promise<void> {
    if (this.#host.isAlone) return
    const byWrite = new Map<SourceWrite, string[]>()
    for (const key of keys) {
      const write = this.#underWay.get(key)
      if (write === undefined) continue
      this.#underWay.delete(key)
      const group = byWrite.get(write)
      if (group === undefined) byWrite.set(write, [key])
      else group.push(key)
    }
    try {
      await Promise.all([...byWrite].map(([write, its]) => this.#host.end(partOf(write, its), this.#itemsOf(its))))
    } catch (error) {
      this.#host.events.emit('warning', {
        message: `collection ${this.#name}: caches could not be notified that the source has accepted ${counted(keys.length, 'write')}`,
        error,
      })
    }
  }

  #itemsOf(keys: readonly string[]): Written[] {
    return keys.flatMap((key): Written[] => {
      const operation = this.#queue.pending(key)
      if (this.#special.delete(key) || operation?.kind !== 'set') return []
      const { tagsOf, defaults } = this.#plan
      const value = operation.value as T
      const tags = value === null ? undefined : tagsOf?.(value, operation.id as Id)
      return [{ key, value, options: tags === undefined ? defaults : { ...defaults, tags } }]
    })
  }

  #tell(state: WriteBehindEvent['state'], detail: Omit<WriteBehindEvent, 'namespace' | 'collection' | 'state'>): void {
    const { events, cache } = this.#host
    if (events.has('writeBehind'))
      events.emit('writeBehind', { namespace: cache.name, collection: this.#name, state, ...detail })
  }

  #cannotRemove(id: Id): MillpondError {
    return new MillpondError(
      'OPTION_INVALID',
      `collection ${this.#name}: ${show(id)} was deleted, but there is no way to delete from the source: give remove`,
    )
  }
}

function partOf(write: SourceWrite, keys: readonly string[]): SourceWrite {
  const since = new Map<string, Position>()
  for (const key of keys) {
    const position = write.since.get(key)
    if (position !== undefined) since.set(key, position)
  }
  return { ...write, since }
}

function operationFrom(found: { readonly value: unknown } | undefined): Operation | undefined {
  const value = found?.value
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined
  const id = 'id' in value ? value.id : undefined
  if (value.kind === 'remove') return { kind: 'remove', id }
  return value.kind === 'set' && 'value' in value ? { kind: 'set', id, value: value.value } : undefined
}

/**
 * Another version of the program may have queued it.
 * @throws MillpondError `VALUE_UNSUPPORTED` if it has another shape.
 */
function fitted<Id, T>(records: Records<Id, T> | undefined, operation: Operation | undefined): Operation | undefined {
  if (records === undefined || operation?.kind !== 'set') return operation
  const taken = records.take(operation.value, operation.id as Id)
  if (taken !== undefined) return { ...operation, value: taken.value }
  throw new MillpondError(
    'VALUE_UNSUPPORTED',
    `${show(operation.id)} was queued by another version of the program in another format`,
  )
}
