// The segments of one process: append-only files in sequence, and how much of each is still live.
//
// A segment may be deleted when nothing in it is live, and only together with all before it: the note that a record is
// settled must outlive the record. When more than half of the total is dead, the live records of the oldest are written
// again at the end, under their old numbers.
import { join } from 'node:path'
import type { AppendFile, JournalFiles } from './files.ts'
import { encodePut, encodeSettled, type JournalRecord, scan } from './record.ts'

const SUFFIX = '.log'
const DIGITS = 10

interface Segment {
  readonly path: string
  bytes: number
  /** Keys whose latest record is here. */
  readonly keys: Map<string, { readonly number: number; readonly bytes: number }>
}

/** An encoded record. */
export interface EncodedPut {
  readonly key: string
  readonly number: number
  readonly bytes: Buffer
}

/** @throws MillpondError `VALUE_TOO_LARGE` */
export const encoded = (record: JournalRecord): EncodedPut => ({
  key: record.key,
  number: record.number,
  bytes: encodePut(record),
})

/** Written, but not committed yet. */
export interface Draft {
  readonly puts: readonly EncodedPut[]
  readonly settled: ReadonlyMap<string, number>
  readonly bytes: number
}

export interface SegmentOptions {
  readonly segmentBytes: number
  /** Every name of a new file is synced too. */
  readonly sync: boolean
}

export class Segments {
  readonly #folder: string
  readonly #files: JournalFiles
  readonly #options: SegmentOptions
  /** Oldest first; the last one is written to. */
  readonly #all: Segment[] = []
  /** The segment of each key's latest record. */
  readonly #home = new Map<string, Segment>()
  #open: AppendFile | undefined
  #next = 1
  #bytes = 0
  #liveBytes = 0

  constructor(folder: string, files: JournalFiles, options: SegmentOptions) {
    this.#folder = folder
    this.#files = files
    this.#options = options
  }

  /** On disk, including dead records. */
  get bytes(): number {
    return this.#bytes
  }

  /** Keys that have not reached the source. */
  get size(): number {
    return this.#home.size
  }

  /**
   * Writes records and notes of what is settled to the operating system, in one write. They take effect at `commit`:
   * until then the previous state does, also on disk. One at a time.
   */
  write(puts: readonly EncodedPut[], settled: ReadonlyMap<string, number>): Draft {
    const notes = [...settled].filter(([key, number]) => (this.#numberOf(key) ?? Number.POSITIVE_INFINITY) <= number)
    const bytes = Buffer.concat([
      ...puts.map((put) => put.bytes),
      ...notes.map(([key, number]) => encodeSettled(key, number)),
    ])
    if (bytes.length > 0) {
      const file = this.#fileFor()
      try {
        file.write(bytes)
      } catch (error) {
        this.#abandon()
        throw error
      }
    }
    return { puts, settled, bytes: bytes.length }
  }

  /**
   * Makes what was written survive a power failure. The result of a failed sync is unknown: nothing more is written to
   * that file.
   */
  async sync(): Promise<void> {
    try {
      await this.#open?.sync()
    } catch (error) {
      this.#abandon()
      throw error
    }
  }

  commit({ puts, settled, bytes }: Draft): void {
    const segment = this.#all.at(-1)
    if (segment === undefined) return
    segment.bytes += bytes
    this.#bytes += bytes
    for (const put of puts) this.#place(put, segment)
    for (const [key, number] of settled)
      if ((this.#numberOf(key) ?? Number.POSITIVE_INFINITY) <= number) this.#drop(key)
    this.#sweep()
  }

  /** The live records of the oldest segment, if too much of the total is dead; else none. */
  worthMoving(): readonly EncodedPut[] {
    const oldest = this.#all[0]
    const dead = this.#bytes - this.#liveBytes
    if (oldest === undefined || this.#all.length < 2 || dead < this.#liveBytes + this.#options.segmentBytes) return []
    return this.#liveIn(oldest)
  }

  #liveIn(segment: Segment): readonly EncodedPut[] {
    const bytes = segment.keys.size === 0 ? undefined : this.#files.read(segment.path)
    if (bytes === undefined) return []
    const live = new Map<string, JournalRecord>()
    for (const item of scan(bytes).items)
      if (item.kind === 'put' && segment.keys.get(item.record.key)?.number === item.record.number)
        live.set(item.record.key, item.record)
    return [...live.values()].map(encoded)
  }

  /**
   * For a disk that accepts no more writes, not even the note that records are settled: the oldest files without live
   * records are deleted without it, if there are any. Older records for which a note would be needed are deleted with
   * the files before. `true`: there is more room.
   */
  relieve(settled: ReadonlyMap<string, number>): boolean {
    let isRelieved = false
    for (let [oldest] = this.#all; oldest !== undefined; [oldest] = this.#all) {
      if ([...oldest.keys].some(([key, { number }]) => (settled.get(key) ?? 0) < number)) break
      if (this.#all.length === 1) this.close()
      try {
        this.#files.remove(oldest.path)
      } catch {
        break // nor can it delete anything: the failed write tells why
      }
      this.#all.shift()
      for (const key of [...oldest.keys.keys()]) this.#drop(key)
      this.#bytes -= oldest.bytes
      isRelieved = true
    }
    return isRelieved
  }

  /**
   * All live records, and from now on another file: once they are written again there, the former files are deleted.
   */
  renew(): readonly EncodedPut[] {
    const live = this.#all.flatMap((segment) => this.#liveIn(segment))
    this.close()
    this.#fileFor()
    return live
  }

  close(): void {
    this.#open?.close()
    this.#open = undefined
  }

  #fileFor(): AppendFile {
    const last = this.#all.at(-1)
    if (this.#open !== undefined && last !== undefined && last.bytes < this.#options.segmentBytes) return this.#open
    this.close()
    const path = join(this.#folder, `${String(this.#next++).padStart(DIGITS, '0')}${SUFFIX}`)
    const file = this.#files.append(path)
    this.#open = file
    this.#all.push({ path, bytes: 0, keys: new Map() })
    if (this.#options.sync) this.#files.syncFolder(this.#folder)
    return file
  }

  /**
   * Cuts off what was begun, and goes on in a new file. One that nothing was kept in goes, or a disk that stays full
   * would fill with empty ones.
   */
  #abandon(): void {
    const last = this.#all.at(-1)
    try {
      this.#open?.truncate(last?.bytes ?? 0)
      this.close()
      if (last?.bytes === 0) {
        this.#files.remove(last.path)
        this.#all.pop()
      }
    } catch {
      // A torn end is skipped when it is read.
    }
    this.close()
  }

  #numberOf(key: string): number | undefined {
    return this.#home.get(key)?.keys.get(key)?.number
  }

  #place({ key, number, bytes }: EncodedPut, segment: Segment): void {
    this.#drop(key)
    segment.keys.set(key, { number, bytes: bytes.length })
    this.#home.set(key, segment)
    this.#liveBytes += bytes.length
  }

  #drop(key: string): void {
    const segment = this.#home.get(key)
    this.#liveBytes -= segment?.keys.get(key)?.bytes ?? 0
    segment?.keys.delete(key)
    this.#home.delete(key)
  }

  #sweep(): void {
    while (this.#all.length > 1 && this.#all[0]?.keys.size === 0) {
      const [gone] = this.#all.splice(0, 1)
      if (gone === undefined) return
      this.#bytes -= gone.bytes
      this.#files.remove(gone.path)
    }
  }
}

/**
 * The records in a folder of segments that have not reached the source: the latest of each key, in the order of their
 * numbers.
 */
export function readSegments(
  folder: string,
  files: JournalFiles,
): { records: JournalRecord[]; lost: number; last: number } {
  const latest = new Map<string, JournalRecord>()
  let lost = 0
  let last = 0
  for (const name of files.list(folder)) {
    if (!name.endsWith(SUFFIX)) continue
    const found = scan(files.read(join(folder, name)) ?? Buffer.alloc(0))
    lost += found.lost
    for (const item of found.items) {
      if (item.kind === 'put') {
        const { record } = item
        last = Math.max(last, record.number)
        if ((latest.get(record.key)?.number ?? 0) <= record.number) latest.set(record.key, record)
      } else {
        last = Math.max(last, item.number)
        if ((latest.get(item.key)?.number ?? Number.POSITIVE_INFINITY) <= item.number) latest.delete(item.key)
      }
    }
  }
  return { records: [...latest.values()].sort((a, b) => a.number - b.number), lost, last }
}
