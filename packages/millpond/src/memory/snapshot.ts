// Warm restart: the hottest entries in a file, written in one piece or not at all, accepted only where the ledger
// agrees.
//
// The first frame (see there) is what the file says of itself, each other one an entry: a JSON head (space, epoch, seq,
// hits, weight) and what the codec made of the rest. The last frame counts the entries. A file that is damaged anywhere
// is set aside as a whole: a cache can be warmed again, a wrong value cannot be taken back.
import { randomUUID } from 'node:crypto'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Codec, EncodedParts } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import { frame, MAGIC } from './snapshot-frames.ts'

/**
 * An entry of a snapshot: what the codec carries, its key space, and the ledger's position at which it was last known
 * to be valid.
 */
export interface SnapshotEntry extends EncodedParts {
  readonly space: string
  /** Restore it only if the ledger is of this epoch and judges the position valid. */
  readonly asOf: Position
  /** How often it was read, as far as the policy counts: a whole number up to 255. */
  readonly hits: number
  /** What it weighed in memory, in bytes. */
  readonly weight: number
}

/** What a snapshot says of itself. */
export interface SnapshotMeta {
  /** Epoch milliseconds. */
  readonly savedAt: number
  /** The name of the cache whose entries these are: keys mean nothing in another one. */
  readonly cache: string
  /** Whatever else the writer wants to find again; JSON. */
  readonly note?: unknown
}

/** What a finished snapshot holds. */
export interface SnapshotWritten {
  readonly entries: number
  /** The size of the file. */
  readonly bytes: number
}

const CHUNK = 256 * 1024
/** The draft of a writer that died stays behind; one that lives needs seconds. */
const DRAFT = /^\.[0-9a-f-]{36}\.tmp$/
const DEAD_AFTER_MS = 3_600_000

/** A folder that cannot be read, or a draft that is gone meanwhile, is no reason not to write. */
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
 * Writes a snapshot beside `file` and renames it over it, so that a crash leaves the old one. Yields to the event loop
 * while it writes. Drafts that crashed writers left beside it more than an hour ago are removed. `codec`: of all
 * entries, or of those of each key space. Rejects with the file system's error when the folder cannot be written; the
 * old file is whole then.
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
