// Warm restart: the hottest entries in a file, written atomically, and restored only if the ledger agrees.
//
// The first frame (`snapshot-frames.ts`) describes the file, each further one is an entry: a JSON header (space, epoch,
// seq, hits, weight) and the codec's bytes. The last frame counts the entries. A file that is damaged anywhere is set
// aside as a whole: a cold cache fills again, but a wrong value cannot be taken back.
import { randomUUID } from 'node:crypto'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Codec, EncodedParts } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import { frame, MAGIC } from './snapshot-frames.ts'

/**
 * An entry of a snapshot: the parts that the codec encodes, its key space, and the ledger position at which it was last
 * known to be valid.
 */
export interface SnapshotEntry extends EncodedParts {
  /** The name of its key space. */
  readonly space: string
  /** Restore it only if the ledger has this epoch and judges the position valid. */
  readonly asOf: Position
  /** How often it was read, as far as the policy counts: an integer up to 255. */
  readonly hits: number
  /** Its weight in memory, in bytes. */
  readonly weight: number
}

/** A snapshot's description of itself. */
export interface SnapshotMeta {
  /** Epoch milliseconds. */
  readonly savedAt: number
  /** The name of the cache: keys have no meaning in another one. */
  readonly cache: string
  /** Anything else that the writer wants to restore; JSON. */
  readonly note?: unknown
}

/** The content of a finished snapshot. */
export interface SnapshotWritten {
  /** The number of entries. */
  readonly entries: number
  /** The size of the file. */
  readonly bytes: number
}

const CHUNK = 256 * 1024
/** Drafts of crashed writers are left behind; a running one needs seconds. */
const DRAFT = /^\.[0-9a-f-]{36}\.tmp$/
const DEAD_AFTER_MS = 3_600_000

/** An unreadable folder, or a draft that has disappeared, does not prevent writing. */
async function removeDeadDrafts(file: string): Promise<void> {
  const folder = dirname(file)
  const name = basename(file)
  for (const found of await readdir(folder).catch(() => [])) {
    if (!found.startsWith(name) || !DRAFT.test(found.slice(name.length))) continue
    const path = join(folder, found)
    const written = (await stat(path).catch(() => undefined))?.mtimeMs ?? Infinity
    if (Date.now() - written > DEAD_AFTER_MS) await rm(path, { force: true }).catch(() => {})
  }
}

/**
 * Writes a snapshot next to `file` and renames it over it, so that a crash leaves the old one. Yields to the event loop
 * while writing. Drafts left there by crashed writers more than an hour ago are removed. `codec`: for all entries, or
 * for those of each key space. Rejects with the file system's error if the folder cannot be written; the old file is
 * then intact.
 */
export async function writeSnapshot(
  file: string,
  entries: Iterable<SnapshotEntry> | AsyncIterable<SnapshotEntry>,
  meta: SnapshotMeta,
  codec: Codec | ((space: string) => Codec),
): Promise<SnapshotWritten> {
  await removeDeadDrafts(file)
  const draft = `${file}.${randomUUID()}.tmp`
  const handle = await open(draft, 'wx', 0o600)
  try {
    let count = 0
    let bytes = 0
    let pending: Buffer[] = [MAGIC, frame(jsonBytes(meta))]
    let size = 0
    const flush = async (): Promise<void> => {
      const chunk = Buffer.concat(pending)
      await handle.writeFile(chunk)
      bytes += chunk.length
      pending = []
      size = 0
    }
    for await (const entry of entries) {
      const framed = frame(await entryBytes(entry, meta, typeof codec === 'function' ? codec(entry.space) : codec))
      pending.push(framed)
      count++
      size += framed.length
      if (size >= CHUNK) await flush()
    }
    pending.push(frame(jsonBytes({ end: count })))
    await flush()
    await handle.sync()
    await handle.close()
    await rename(draft, file)
    return { entries: count, bytes }
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(draft, { force: true })
    throw error
  }
}

async function entryBytes(entry: SnapshotEntry, { cache }: SnapshotMeta, codec: Codec): Promise<Buffer> {
  const { space, asOf, hits, weight, ...parts } = entry
  const head = jsonBytes([space, asOf.epoch, asOf.seq, hits, weight])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(head.length)
  return Buffer.concat([length, head, await codec.encode(parts, { cache, namespace: space, asOf })])
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
