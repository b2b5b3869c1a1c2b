// Warm restart: the hottest entries in a file, written in one piece or not at all, believed only where the ledger agrees.
//
// A file is a line of magic, then frames: length, CRC-32, bytes. The first frame is what the file says of itself, each other one an entry: a
// JSON head (space, epoch, seq) and what the codec made of the rest. The last frame counts the entries. A file that is damaged anywhere is
// set aside as a whole: a cache can be warmed again, a wrong value cannot be taken back.
import { randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { Codec, EncodedParts, Near } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'

/** An entry of a snapshot: what the codec carries, its key space, and the ledger's position at which it was last known to be valid. */
export interface SnapshotEntry extends EncodedParts {
  readonly space: string
  /** Restore it only if the ledger is of this epoch and judges the position valid. */
  readonly asOf: Position
}

/** What a snapshot says of itself. */
export interface SnapshotMeta {
  /** Epoch milliseconds. */
  readonly savedAt: number
  /** Whatever else the writer wants to find again; JSON. */
  readonly note?: unknown
}

/** What a finished snapshot holds. */
export interface SnapshotWritten {
  readonly entries: number
  /** The size of the file. */
  readonly bytes: number
}

/** What became of reading a snapshot. */
export type SnapshotRead =
  /** There is no file. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'read'
      readonly meta: SnapshotMeta
      /** In the order in which they were written. */
      readonly entries: readonly SnapshotEntry[]
      /** Entries that the codec could not read. */
      readonly skipped: number
    }
  /** The file could not be trusted; it is now at `movedTo`, where that was possible. */
  | { readonly kind: 'set-aside'; readonly problem: string; readonly movedTo?: string }

const MAGIC = Buffer.from('millpond snapshot 1\n')
const FRAME = 8
const CHUNK = 256 * 1024
/** The draft of a writer that died stays behind; one that lives needs seconds. */
const DRAFT = /^\.[0-9a-f-]{36}\.tmp$/
const DEAD_AFTER_MS = 3_600_000
/** Keys looked at before others get their turn. */
const SLICE = 4096

/**
 * The keys of a space, the most often read first, at most `limit` of them. Yields to the event loop every few thousand keys; an entry that comes or
 * goes meanwhile may be named or not.
 */
export async function hottestKeys(near: Near, limit: number): Promise<string[]> {
  // Reads are counted in a byte at most: a list for each count needs no sorting.
  const byHits: string[][] = []
  let seen = 0
  for (const key of near.keys()) {
    const hits = near.hits(near.find(key))
    byHits[hits] ??= []
    const keys = byHits[hits]
    if (keys.length < limit) keys.push(key)
    if (++seen % SLICE === 0) await nextTurn()
  }
  return byHits.reverse().flat().slice(0, limit)
}

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
 * Writes a snapshot beside `file` and renames it over it, so that a crash leaves the old one. Yields to the event loop while it writes. Drafts that
 * crashed writers left beside it more than an hour ago are removed.
 * Rejects with the file system's error when the folder cannot be written; the old file is whole then.
 */
export async function writeSnapshot(
  file: string,
  entries: Iterable<SnapshotEntry> | AsyncIterable<SnapshotEntry>,
  meta: SnapshotMeta,
  codec: Codec,
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
      const framed = frame(entryBytes(entry, codec))
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

/** Reads a snapshot. Never throws: a missing file is `none`, a damaged one is set aside. */
export async function readSnapshot(file: string, codec: Codec): Promise<SnapshotRead> {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'none' }
    return { kind: 'set-aside', problem: `it cannot be read: ${String(error)}` }
  }
  try {
    return parse(bytes, codec)
  } catch (error) {
    const problem = error instanceof Damage ? error.message : `it cannot be understood: ${String(error)}`
    const movedTo = `${file}.damaged`
    const moved = await rename(file, movedTo).then(
      () => true,
      () => false,
    )
    return moved ? { kind: 'set-aside', problem, movedTo } : { kind: 'set-aside', problem }
  }
}

class Damage extends Error {}

function parse(bytes: Buffer, codec: Codec): SnapshotRead {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Damage('it is no snapshot, or one of another version')
  const bodies = [...frames(bytes)]
  const [first] = bodies
  const last = bodies.at(-1)
  if (first === undefined || last === undefined || bodies.length < 2) throw new Damage('it ends too early')
  const meta = readMeta(parseJson(first))
  const end = parseJson(last)
  if (!isRecord(end) || end.end !== bodies.length - 2) throw new Damage('its end is missing')
  const entries: SnapshotEntry[] = []
  let skipped = 0
  for (const body of bodies.slice(1, -1)) {
    const entry = readEntry(body, codec)
    if (entry === undefined) skipped++
    else entries.push(entry)
  }
  return { kind: 'read', meta, entries, skipped }
}

function* frames(bytes: Buffer): IterableIterator<Buffer> {
  for (let at = MAGIC.length; at < bytes.length; ) {
    if (at + FRAME > bytes.length) throw new Damage(`it is cut at byte ${at}`)
    const length = bytes.readUInt32LE(at)
    const sum = bytes.readUInt32LE(at + 4)
    const body = bytes.subarray(at + FRAME, at + FRAME + length)
    if (body.length !== length) throw new Damage(`it is cut at byte ${at}`)
    if (crc32(body) !== sum) throw new Damage(`it is damaged near byte ${at}`)
    yield body
    at += FRAME + length
  }
}

function frame(body: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(FRAME + body.length)
  framed.writeUInt32LE(body.length, 0)
  framed.writeUInt32LE(crc32(body), 4)
  framed.set(body, FRAME)
  return framed
}

function entryBytes(entry: SnapshotEntry, codec: Codec): Buffer {
  const { space, asOf, ...parts } = entry
  const head = jsonBytes([space, asOf.epoch, asOf.seq])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(head.length)
  return Buffer.concat([length, head, codec.encode(parts)])
}

function readEntry(body: Buffer, codec: Codec): SnapshotEntry | undefined {
  const length = body.length < 4 ? body.length : body.readUInt32LE(0)
  const head = parseJson(body.subarray(4, 4 + length))
  if (!Array.isArray(head)) throw new Damage('an entry has no head')
  const [space, epoch, seq]: unknown[] = head
  if (typeof space !== 'string' || typeof epoch !== 'string' || typeof seq !== 'number') throw new Damage('the head of an entry is not one')
  const parts = codec.decode(body.subarray(4 + length))
  if (parts === undefined) return undefined
  const { key, value, createdAt, freshUntil, staleUntil, tags } = parts
  return { key, value, createdAt, freshUntil, staleUntil, tags, space, asOf: { epoch, seq } }
}

function readMeta(value: unknown): SnapshotMeta {
  if (!isRecord(value) || typeof value.savedAt !== 'number') throw new Damage('it does not say when it was saved')
  return 'note' in value ? { savedAt: value.savedAt, note: value.note } : { savedAt: value.savedAt }
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString())
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
