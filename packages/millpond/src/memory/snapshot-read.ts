// Reads a snapshot: the whole file is verified first, and then read again entry by entry, so that only one entry is
// held.

import { type FileHandle, open, rename } from 'node:fs/promises'
import type { Codec } from '../core/contracts.ts'
import { isError } from '../core/errors.ts'
import type { SnapshotEntry, SnapshotMeta } from './snapshot.ts'
import { Damage, framesOf } from './snapshot-frames.ts'

/** An entry that is not decoded yet. */
export interface SnapshotItem extends Pick<SnapshotEntry, 'space' | 'asOf' | 'hits' | 'weight'> {
  /** `undefined`: the codec (the snapshot's, or the given one) cannot read it. */
  decode(codec?: Codec): ReturnType<Codec['decode']>
}

/** A valid snapshot. */
export interface OpenSnapshot {
  readonly kind: 'open'
  /** What the snapshot says of itself. */
  readonly meta: SnapshotMeta
  /** The number of entries. */
  readonly count: number
  /** In the order in which they were written. Yields to the event loop. */
  items(): AsyncIterable<SnapshotItem>
  /** The caller that opened it must close it. */
  close(): Promise<void>
}

/** The result of opening a snapshot. */
export type SnapshotOpened =
  | OpenSnapshot
  /** There is no file. */
  | { readonly kind: 'none' }
  /** The file is damaged, and was moved to `movedTo` if possible. */
  | { readonly kind: 'set-aside'; readonly problem: string; readonly movedTo?: string }

/** The highest read count of a policy. */
const MOST_HITS = 255

/** Opens a snapshot. Never throws: a missing file is `none`, a damaged one is set aside. */
export async function openSnapshot(file: string, codec: Codec): Promise<SnapshotOpened> {
  let handle: FileHandle | undefined
  try {
    const opened = await open(file, 'r')
    handle = opened
    const { meta, count } = await verify(opened)
    return { kind: 'open', meta, count, items: () => itemsOf(opened, codec, meta, count), close: () => opened.close() }
  } catch (error) {
    await handle?.close()
    if (error instanceof Damage) return setAside(file, error.message)
    if (isError(error) && 'code' in error && error.code === 'ENOENT') return { kind: 'none' }
    return { kind: 'set-aside', problem: `it cannot be read: ${String(error)}` }
  }
}

async function setAside(file: string, problem: string): Promise<SnapshotOpened> {
  const movedTo = `${file}.damaged`
  try {
    await rename(file, movedTo)
    return { kind: 'set-aside', problem, movedTo }
  } catch {
    return { kind: 'set-aside', problem }
  }
}

async function verify(handle: FileHandle): Promise<Pick<OpenSnapshot, 'meta' | 'count'>> {
  let meta: SnapshotMeta | undefined
  let last: Buffer | undefined
  let count = 0
  for await (const body of framesOf(handle)) {
    if (meta === undefined) {
      meta = readMeta(parseJson(body))
      continue
    }
    if (last !== undefined) {
      readHead(last)
      count++
    }
    last = body
  }
  if (meta === undefined || last === undefined) throw new Damage('it ends too early')
  const end = parseJson(last)
  if (!isRecord(end) || end.end !== count) throw new Damage('its end is missing')
  return { meta, count }
}

async function* itemsOf(
  handle: FileHandle,
  codec: Codec,
  { cache }: SnapshotMeta,
  count: number,
): AsyncGenerator<SnapshotItem> {
  let at = 0
  for await (const body of framesOf(handle)) {
    if (at > 0 && at <= count) {
      const head = readHead(body)
      const context = { cache, namespace: head.space, asOf: head.asOf }
      yield { ...head, decode: (its = codec) => its.decode(body.subarray(headEnd(body)), context) }
    }
    at++
  }
}

/** Where an entry's header ends and the codec's bytes begin. */
function headEnd(body: Buffer): number {
  return body.length < 4 ? body.length : 4 + body.readUInt32LE(0)
}

function readHead(body: Buffer): Omit<SnapshotItem, 'decode'> {
  const head = parseJson(body.subarray(4, headEnd(body)))
  if (!Array.isArray(head)) throw new Damage('an entry has no head')
  const [space, epoch, seq, hits, weight]: unknown[] = head
  if (
    typeof space !== 'string' ||
    typeof epoch !== 'string' ||
    !isCount(seq) ||
    !isCount(hits) ||
    hits > MOST_HITS ||
    !isCount(weight)
  )
    throw new Damage('the head of an entry is not valid')
  return { space, asOf: { epoch, seq }, hits, weight }
}

function readMeta(value: unknown): SnapshotMeta {
  if (!isRecord(value) || typeof value.savedAt !== 'number' || typeof value.cache !== 'string')
    throw new Damage('it does not say when and from which cache it was saved')
  const { savedAt, cache } = value
  return 'note' in value ? { savedAt, cache, note: value.note } : { savedAt, cache }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch (error) {
    throw new Damage(`it cannot be parsed: ${String(error)}`)
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
