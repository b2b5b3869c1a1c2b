// The file tier: entries in an append-only log in a folder, shared by all processes of a host. It cannot keep a ledger;
// use another tier for that.
import { accessSync, constants, mkdirSync } from 'node:fs'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { Refusal, Stored, Tier, TierBounds, TierItem, TierLimits, TierStep } from '../../core/contracts.ts'
import { isError, MillpondError, show } from '../../core/errors.ts'
import { outside } from '../../core/outside.ts'
import { unheld } from '../../core/unheld.ts'
import { pathPlace } from '../places.ts'
import { examineFolder } from './examine.ts'
import { type Entry, Log } from './log.ts'
import { type FileSettings, type FileTierOptions, resolveFile } from './options.ts'
import { readRecords } from './read-records.ts'
import { KIND, keyAt, packClear, packDrop, packPut } from './record.ts'
import { FIRST, type Segment } from './segment.ts'
import { makeRoom, needsUpkeep, scrub } from './upkeep.ts'

export type { FileTierOptions, FileWarning } from './options.ts'

export interface FileTier extends Tier {
  readonly name: 'file'
  /** The folder, as given in the options. */
  readonly path: string
  usage(): Promise<{ entries: number; bytes: number }>
  scan(prefix: string): AsyncIterable<readonly string[]>
  examine(): Promise<readonly TierStep[]>
}

/** Keys handled, and bytes written, before yielding to the event loop: a few milliseconds of work. */
const STEP = 256
const STEP_BYTES = 2 * 1_048_576
const STEP_MS = 4

/**
 * A tier in a folder of a local disk. Needs no package, survives a kill at any moment, and is bounded by its size on
 * disk.
 *
 * The folder is created and checked here, and read on the first call. When it is full, the oldest entries are evicted,
 * except those that were read since they were stored. It cannot keep a ledger: put `sqlite`, `redis` or `postgres`
 * beside it.
 *
 * @throws MillpondError `OPTION_INVALID` (option; a folder that cannot be created or written), `DURATION_INVALID`; a
 * call rejects with `SCHEMA_NEWER` if a later Millpond wrote the folder.
 * @example const cache = createCache({ tiers: [memory(), file({ path: './cache', maxBytes: 4 * 2 ** 30 }), sqlite({
 * path: './ledger.db' })] })
 */
export function file(options: FileTierOptions): FileTier {
  const settings = resolveFile(options)
  try {
    mkdirSync(settings.path, { recursive: true, mode: 0o700 })
    accessSync(settings.path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new MillpondError(
      'OPTION_INVALID',
      `file path: ${show(settings.path)} cannot be used: choose a folder that can be written`,
      {
        cause,
      },
    )
  }
  return new FolderTier(settings)
}

class FolderTier implements FileTier {
  readonly name = 'file'
  readonly scope = 'host'
  readonly durable = true
  readonly path: string
  readonly places: readonly string[]
  readonly limits: TierLimits
  readonly bounds: TierBounds
  readonly #settings: FileSettings
  #log: Log | undefined
  #opening: Promise<Log> | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  #isMakingRoom = false
  #isClosed = false

  constructor(settings: FileSettings) {
    this.path = settings.path
    this.places = [pathPlace('file', settings.path)]
    this.limits = { itemBytes: settings.itemBytes, entryBytes: settings.entryBytes }
    this.bounds = { maxBytes: settings.maxBytes }
    this.#settings = settings
  }

  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const answers: (Stored | undefined)[] = []
    for (const some of inSteps(keys)) {
      if (answers.length > 0) await yieldToOthers()
      const log = await this.#current('read')
      this.#try('read', () => {
        const now = Date.now()
        for (const key of some) answers.push(log.read(key, now))
      })
    }
    return answers
  }

  async write(items: readonly TierItem[]): Promise<readonly (Refusal | undefined)[]> {
    const refusals: (Refusal | undefined)[] = []
    for (const some of inLots(items, this.#settings.segmentBytes)) {
      // While space is being freed, writers yield to it: otherwise entries worth keeping would be evicted before they
      // are moved.
      if (refusals.length > 0 || this.#isMakingRoom) await yieldToOthers()
      const log = await this.#current('write')
      this.#try('write', () => {
        const now = Date.now()
        const entries: Entry[] = []
        const answers = some.map((item): Refusal | undefined => {
          const isTooLarge = item.body.length > this.#settings.itemBytes
          if (!isTooLarge && item.expiresAt > now)
            entries.push({ kind: KIND.put, key: item.key, bytes: packPut(item, log.seed) })
          // Also if the key occurs earlier in this batch.
          else entries.push(dropping(log, item.key))
          return isTooLarge ? 'too_large' : undefined
        })
        for (const answer of this.#append(log, entries) ? answers : some.map(() => 'full' as const))
          refusals.push(answer)
      })
    }
    return refusals
  }

  async drop(keys: readonly string[]): Promise<number> {
    let dropped = 0
    for (const some of inSteps(keys)) {
      const log = await this.#current('drop')
      this.#try('drop', () => {
        const there = [...new Set(some)].filter((key) => log.places.has(key))
        if (there.length > 0) log.append(there.map((key) => dropping(log, key)))
        dropped += there.length
      })
    }
    return dropped
  }

  /** Takes effect at once; the walk that follows only counts and frees space. */
  async clear(prefix: string): Promise<number> {
    const log = await this.#current('clear')
    let removed = prefix === '' ? log.places.live.entries : 0
    this.#try('clear', () => log.append([{ kind: KIND.clear, key: prefix, bytes: packClear(prefix, log.seed) }]))
    for (const segment of log.segments)
      for (let offset = FIRST, isAtEnd = false; !isAtEnd; await yieldToOthers()) {
        const step = this.#readSome('clear', log, segment, offset, (key, place, isOver) => {
          if (key.startsWith(prefix) && log.places.forgetCleared(key, segment.number, place) && !isOver) removed++
        })
        ;({ offset, isAtEnd } = step)
      }
    this.#try('clear', () => {
      for (let { oldest } = log; oldest !== undefined && oldest.live === 0; { oldest } = log) log.leave(oldest)
    })
    return removed
  }

  async *scan(prefix: string): AsyncGenerator<readonly string[]> {
    const log = await this.#current('scan')
    for (const segment of log.segments)
      for (let offset = FIRST, isAtEnd = false; !isAtEnd; ) {
        const keys: string[] = []
        const step = this.#readSome('scan', log, segment, offset, (key, place, isOver) => {
          if (!isOver && key.startsWith(prefix) && log.places.isNewest(key, segment.number, place)) keys.push(key)
        })
        ;({ offset, isAtEnd } = step)
        if (keys.length > 0) yield keys
        await yieldToOthers()
      }
  }

  async scrub(): Promise<void> {
    const log = await this.#current('scrub')
    try {
      await scrub(log, this.#settings, () => this.#log !== log)
    } catch (error) {
      this.#try('scrub', () => {
        throw error
      })
    }
  }

  /** Expired entries count until their segment is removed; `bytes` is the size of the whole folder. */
  async usage(): Promise<{ entries: number; bytes: number }> {
    const log = await this.#current('usage')
    return { entries: log.places.live.entries, bytes: log.bytes }
  }

  examine(): Promise<readonly TierStep[]> {
    return examineFolder(this, this.#settings)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#opening?.catch(() => {})
    clearInterval(this.#timer)
    this.#log?.close()
    this.#log = undefined
  }

  /** Reads the entries of a segment from `offset` on, for a few milliseconds. */
  #readSome(
    what: string,
    log: Log,
    segment: Segment,
    offset: number,
    take: (key: string, offset: number, isOver: boolean) => void,
  ): { readonly offset: number; readonly isAtEnd: boolean } {
    return this.#try(what, () => {
      if (this.#log !== log) throw this.#isClosed ? closed() : new Error('the folder was replaced')
      // The segment was removed meanwhile, with its entries.
      if (!log.holds(segment)) return { offset, isAtEnd: true }
      const now = Date.now()
      const step = readRecords(segment.fd, offset, log.seed, STEP_MS, (bytes, at, head, place) => {
        if (head.kind === KIND.put) take(keyAt(bytes, at, head), place, head.expiresAt <= now)
        return head.kind !== KIND.seal
      })
      return { offset: step.offset, isAtEnd: step.isAtEnd || step.offset >= segment.end || step.offset === offset }
    })
  }

  /** If the disk is full, removes the oldest segment and tries once more. Returns whether the entries were appended. */
  #append(log: Log, entries: readonly Entry[]): boolean {
    for (let attempt = 0; ; attempt++) {
      try {
        log.append(entries)
        if (needsUpkeep(log, this.#settings)) this.#makeRoom(log)
        return true
      } catch (error) {
        if (!isFull(error)) throw error
        const { oldest } = log
        if (attempt > 0 || oldest === undefined) {
          // Other processes may still find the previous value; this one knows that it is outdated.
          for (const { key } of entries) log.places.forget(key)
          return false
        }
        log.leave(oldest)
      }
    }
  }

  /** The log, caught up with what other processes appended. */
  async #current(what: string): Promise<Log> {
    if (this.#isClosed) throw closed()
    const log = this.#log ?? (await this.#opened(what))
    if (this.#try(what, () => log.isCurrent)) return log
    while (!this.#try(what, () => log.catchUp(STEP_MS))) {
      await yieldToOthers()
      if (this.#isClosed) throw closed()
    }
    return log
  }

  #opened(what: string): Promise<Log> {
    this.#opening ??= outside(() =>
      this.#open(what).catch((error: unknown) => {
        this.#opening = undefined
        throw error
      }),
    )
    return this.#opening
  }

  async #open(what: string): Promise<Log> {
    const log = this.#try(what, () => {
      mkdirSync(this.path, { recursive: true, mode: 0o700 })
      return new Log(this.#settings)
    })
    try {
      while (!this.#try(what, () => log.catchUp(STEP_MS))) {
        await yieldToOthers()
        if (this.#isClosed) throw closed()
      }
      // The previous writer may have used another limit, or may have been killed.
      this.#try(what, () => log.makeRoom(0))
    } catch (error) {
      log.close()
      throw error
    }
    this.#log = log
    this.#timer ??= unheld(outside(() => setInterval(() => this.#lookAfter(), this.#settings.upkeepMs)))
    return log
  }

  #lookAfter(): void {
    const log = this.#log
    if (log === undefined) return
    try {
      const isSame = log.refresh()
      if (isSame && log.catchUp(STEP_MS) && needsUpkeep(log, this.#settings)) this.#makeRoom(log)
      if (!isSame) this.#start(log, 'the folder was removed or replaced: it is reopened', undefined)
    } catch (cause) {
      this.#start(log, 'the folder could not be maintained: it is reopened', cause)
    }
  }

  /** The next call reopens the folder as it is then. */
  #start(log: Log, message: string, cause: unknown): void {
    log.close()
    this.#log = undefined
    this.#opening = undefined
    this.#settings.warn({ kind: 'replaced', message: `file tier ${show(this.path)}: ${message}`, cause })
  }

  #makeRoom(log: Log): void {
    if (this.#isMakingRoom) return
    this.#isMakingRoom = true
    makeRoom(log, this.#settings, () => this.#log !== log)
      .catch((cause: unknown) =>
        this.#settings.warn({
          kind: 'upkeep',
          message: `file tier ${show(this.path)}: space could not be freed in the background`,
          cause,
        }),
      )
      .finally(() => {
        this.#isMakingRoom = false
      })
  }

  #try<T>(what: string, work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof MillpondError) throw error
      const why = isError(error) ? error.message : String(error)
      throw new MillpondError('TIER_FAILED', `file tier ${show(this.path)}: ${what}: ${why}`, { cause: error })
    }
  }
}

const closed = (): MillpondError => new MillpondError('CLOSED', 'file: the tier is closed')

const dropping = (log: Log, key: string): Entry => ({ kind: KIND.drop, key, bytes: packDrop(key, log.seed) })

function isFull(error: unknown): boolean {
  return isError(error) && 'code' in error && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(error.code))
}

/** An empty batch yields one empty step, so that a closed tier still rejects. */
function* inSteps<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= STEP) yield items
  else for (let start = 0; start < items.length; start += STEP) yield items.slice(start, start + STEP)
}

/** Like `inSteps`, but also limited in bytes per step, unless a single item exceeds the limit. */
function* inLots(items: readonly TierItem[], most: number): Generator<readonly TierItem[]> {
  let from = 0
  let bytes = 0
  for (const [at, { body }] of items.entries()) {
    if (at > from && (at - from >= STEP || bytes + body.length > Math.min(most, STEP_BYTES))) {
      yield items.slice(from, at)
      from = at
      bytes = 0
    }
    bytes += body.length
  }
  yield items.slice(from)
}
