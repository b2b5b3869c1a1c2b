// A journal: acknowledged writes that have not reached the source, kept in a folder across a crash of the process (and,
// with `sync`, of the machine).
//
// One folder serves many processes. Each appends to its own segments, so that writing needs no lock; a starting process
// takes over what dead ones have left. All requests within one turn of the event loop are one write, and
// acknowledgements come in a later turn. With `sync` everything that arrived while the disk was busy shares the next
// fdatasync (group commit: DeWitt et al., Implementation Techniques for Main Memory Database Systems, 1984).
//
// Records are numbered by the wall clock in microseconds, and always above those seen before: so those of several
// processes of one host keep the order in which they were acknowledged, as far as their common clock does.
import { setImmediate } from 'node:timers'
import { isError, MillpondError } from '../../core/errors.ts'
import { unheld } from '../../core/unheld.ts'
import { type Claim, claim } from './claim.ts'
import { type JournalFiles, nodeFiles } from './files.ts'
import { DOUBT_MS, HEARTBEAT_MS } from './owner.ts'
import type { JournalRecord } from './record.ts'
import { type EncodedPut, encoded, readSegments, Segments } from './segments.ts'

export interface JournalOptions {
  /** The journal's folder; created if missing, shared by all processes of this host. */
  readonly path: string
  /** What its records belong to. Another journal in the same folder is refused. Default: unspecified. */
  readonly owner?: string
  /** Acknowledge only what survives a power failure. Default false: what survives the end of the process. */
  readonly sync?: boolean
  /** A segment's size, in bytes. Default 8 MiB. */
  readonly segmentBytes?: number
  /** For tests. */
  readonly files?: JournalFiles
  /** For tests: wall time, epoch milliseconds. */
  readonly now?: () => number
}

/** The leftovers of earlier processes. */
export interface Recovered {
  /** The latest record of each key, in the order in which they were acknowledged. */
  readonly records: readonly JournalRecord[]
  /** Bytes that belong to no record: torn ends, which were never acknowledged, or damage. */
  readonly lostBytes: number
}

interface Waiting {
  readonly puts: readonly EncodedPut[]
  resolve(): void
  reject(error: unknown): void
}

const SEGMENT_BYTES = 8 * 1024 * 1024
/** Settled records are noted after at most this long: until then a crash repeats them. */
const SETTLE_MS = 50
const MICROSECONDS = 1000

export class Journal {
  readonly #claim: Claim
  readonly #segments: Segments
  readonly #files: JournalFiles
  readonly #sync: boolean
  readonly #now: () => number
  readonly #heartbeat: NodeJS.Timeout
  #beatAt: number
  #last = 0
  #waiting: Waiting[] = []
  #settled = new Map<string, number>()
  #isWriting = false
  #turn: NodeJS.Immediate | undefined
  #noting: NodeJS.Timeout | undefined
  #isScrubbing = false
  #isClosing = false
  #isClosed = false

  /**
   * @throws MillpondError `OPTION_INVALID` or `SCHEMA_NEWER` for a folder that is not a journal of this format;
   * `JOURNAL_FAILED` if it cannot be written.
   */
  constructor(options: JournalOptions) {
    this.#files = options.files ?? nodeFiles
    this.#sync = options.sync ?? false
    this.#now = options.now ?? Date.now
    this.#claim = failing(`journal ${options.path}`, () => claim(options.path, options.owner ?? '', this.#files))
    this.#segments = new Segments(this.#claim.folder, this.#files, {
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
      sync: this.#sync,
    })
    this.#beatAt = this.#now()
    this.#heartbeat = unheld(setInterval(() => this.#beat(), HEARTBEAT_MS))
  }

  /** Keys that have not reached the source, and the size of their journal on disk. */
  get size(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#segments.size, bytes: this.#segments.bytes }
  }

  /**
   * Takes over what dead processes have left, and keeps it as its own until it is settled. Blocks for as long as
   * reading and writing it takes.
   * @throws MillpondError `JOURNAL_FAILED`; nothing is lost, and it may be called again.
   */
  async recover(): Promise<Recovered> {
    const latest = new Map<string, JournalRecord>()
    let lostBytes = 0
    for (let folder = this.#claim.takeOver(); folder !== undefined; folder = this.#claim.takeOver()) {
      const { records, lost, last } = readSegments(folder, this.#files)
      lostBytes += lost
      this.#last = Math.max(this.#last, last)
      await this.#keep(records.map(encoded))
      for (const record of records)
        if ((latest.get(record.key)?.number ?? 0) <= record.number) latest.set(record.key, record)
      this.#files.remove(folder)
    }
    return { records: [...latest.values()].sort((a, b) => a.number - b.number), lostBytes }
  }

  /**
   * Keeps values until they are settled; returns their numbers, in order. Resolves when they are as durable as the
   * journal promises.
   * @throws MillpondError `JOURNAL_FAILED` if they cannot be written (a full disk, for example): none of them is kept,
   * earlier ones are. `CLOSED` after `close`; `VALUE_TOO_LARGE`.
   */
  async append(entries: readonly { readonly key: string; readonly body: Uint8Array }[]): Promise<readonly number[]> {
    if (this.#isClosing) throw new MillpondError('CLOSED', 'the journal is closed: open another one')
    const puts = entries.map(({ key, body }) => encoded({ number: this.#number(), key, body }))
    await this.#keep(puts)
    return puts.map(({ number }) => number)
  }

  /** The key has reached the source up to this number: recorded with the next write. */
  settle(key: string, number: number): void {
    if ((this.#settled.get(key) ?? 0) < number) this.#settled.set(key, number)
    this.#noting ??= unheld(
      setTimeout(() => {
        this.#noting = undefined
        this.#schedule()
      }, SETTLE_MS),
    )
  }

  /**
   * Writes the live records into a new file, and removes the others: nothing of the settled ones is left.
   * @throws MillpondError `JOURNAL_FAILED`; then nothing is lost, and nothing removed.
   */
  async scrub(): Promise<void> {
    this.#isScrubbing = true
    await this.#keep([])
  }

  /** Records what is settled and leaves the rest to the next process that opens the journal. */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    clearTimeout(this.#noting)
    clearInterval(this.#heartbeat)
    await this.#keep([]).catch(() => {}) // unrecorded ones are repeated
    this.#isClosed = true
    this.#segments.close()
    this.#claim.release(this.#segments.size === 0)
  }

  #number(): number {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#now() * MICROSECONDS))
    return this.#last
  }

  #keep(puts: readonly EncodedPut[]): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ puts, resolve, reject })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#isWriting || this.#isClosed) return
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined
      void this.#write()
    })
  }

  /** One write, and one sync, for everything that waits. */
  async #write(): Promise<void> {
    const batch = this.#waiting
    const settled = this.#settled
    this.#waiting = []
    this.#settled = new Map()
    this.#isWriting = true
    const isScrubbing = this.#isScrubbing
    this.#isScrubbing = false
    const puts = batch.flatMap((one) => one.puts)
    try {
      this.#checkClaim()
      try {
        await this.#put(puts, settled, isScrubbing)
      } catch (error) {
        if (!this.#segments.relieve(settled)) throw error
        await this.#put(puts, settled, isScrubbing)
      }
      for (const { resolve } of batch) resolve()
    } catch (error) {
      for (const [key, number] of settled) if ((this.#settled.get(key) ?? 0) < number) this.#settled.set(key, number)
      const failure = failed('the journal could not be written: this write was rejected, earlier ones are safe', error)
      for (const { reject } of batch) reject(failure)
    } finally {
      this.#isWriting = false
      if (this.#waiting.length > 0) this.#schedule()
    }
  }

  async #put(puts: readonly EncodedPut[], settled: ReadonlyMap<string, number>, isScrubbing: boolean): Promise<void> {
    const live = isScrubbing ? this.#segments.renew() : this.#segments.worthMoving()
    // Records that are settled now are not written again; and moved records come before newer ones of their key.
    const moving = live.filter(({ key, number }) => (settled.get(key) ?? 0) < number)
    const draft = this.#segments.write([...moving, ...puts], settled)
    if (this.#sync) await this.#segments.sync()
    this.#segments.commit(draft)
  }

  /** A process that was frozen for long may have been given up, and its folder taken over. */
  #checkClaim(): void {
    if (this.#now() - this.#beatAt >= DOUBT_MS) this.#beat()
    if (this.#beatAt === Number.NEGATIVE_INFINITY)
      throw new MillpondError(
        'JOURNAL_FAILED',
        'another process has taken over this journal while this one was frozen: open it again',
      )
  }

  #beat(): void {
    try {
      this.#beatAt = this.#claim.beat() ? this.#now() : Number.NEGATIVE_INFINITY
    } catch {
      // A disk that refuses this will refuse the next write, which reports it.
    }
  }
}

function failing<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof MillpondError ? error : failed(`${what} cannot be opened`, error)
  }
}

const failed = (what: string, cause: unknown): MillpondError =>
  cause instanceof MillpondError
    ? cause
    : new MillpondError('JOURNAL_FAILED', `${what} (${isError(cause) ? cause.message : cause})`, { cause })
