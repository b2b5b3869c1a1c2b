// Frees space ahead of need: the oldest segment is removed, and what is worth keeping in it moves to the end of the
// log.
//
// While less than half of the log is live, all live entries are kept (compaction); otherwise those read since they were
// stored, up to half a segment (second chance). One process does it at a time; a second would only repeat the work.
import { closeSync, openSync, statSync, unlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause, setImmediate as yieldToOthers } from 'node:timers/promises'
import type { Entry, Log } from './log.ts'
import type { FileSettings } from './options.ts'
import { readRecords } from './read-records.ts'
import { giveBirth, KIND, keyAt, packDrop } from './record.ts'
import { FIRST, quietly, type Segment } from './segment.ts'

const LOCK = 'upkeep.lock'
/** A lock not touched for this long is stale: its process is dead, or frozen and harmless when it resumes. */
const STALE_MS = 10_000
const LOCK_POLL_MS = 10
/** Milliseconds of work before yielding to the event loop. */
const STEP_MS = 4

/** In segments: both moved and newly written entries need space. */
const AHEAD = 6

/** Whether there is less free space than a few segments. */
export function needsUpkeep(log: Log, { maxBytes, segmentBytes }: FileSettings): boolean {
  return log.oldest !== undefined && log.bytesOnDisk + AHEAD * segmentBytes > maxBytes
}

/** Frees space until there is enough, or the log is closed. File system errors propagate. */
export async function makeRoom(log: Log, settings: FileSettings, isOver: () => boolean): Promise<void> {
  const lock = join(settings.path, LOCK)
  if (!take(lock)) return
  try {
    while (!isOver() && needsUpkeep(log, settings)) {
      const { oldest } = log
      if (oldest === undefined) return
      await moveOn(
        log,
        oldest,
        settings,
        isOver,
        () => void quietly('ENOENT', () => utimesSync(lock, new Date(), new Date())),
      )
      if (!isOver() && log.holds(oldest)) log.leave(oldest)
    }
  } finally {
    quietly('ENOENT', () => unlinkSync(lock))
  }
}

/**
 * Rewrites all live entries and removes all earlier segments: no byte is left of dropped, replaced or expired entries.
 * @throws Error if another process keeps freeing space; file system errors propagate.
 */
export async function scrub(log: Log, settings: FileSettings, isOver: () => boolean): Promise<void> {
  const lock = join(settings.path, LOCK)
  const until = Date.now() + STALE_MS
  while (!take(lock)) {
    if (Date.now() > until) throw new Error('another process is still freeing space: try again later')
    await pause(LOCK_POLL_MS)
  }
  try {
    const last = log.endSegment()
    for (let { oldest } = log; oldest !== undefined && oldest.number <= last && !isOver(); { oldest } = log) {
      await moveOn(
        log,
        oldest,
        settings,
        isOver,
        () => void quietly('ENOENT', () => utimesSync(lock, new Date(), new Date())),
        true,
      )
      if (!isOver() && log.holds(oldest)) log.leave(oldest)
    }
    if (isOver()) throw new Error('the log was closed meanwhile')
  } finally {
    quietly('ENOENT', () => unlinkSync(lock))
  }
}

function take(lock: string): boolean {
  const fd = quietly('EEXIST', () => openSync(lock, 'wx', 0o600))
  if (fd !== undefined) {
    closeSync(fd)
    return true
  }
  const touchedAt = quietly('ENOENT', () => statSync(lock).mtimeMs) ?? 0
  // The next attempt may take it.
  if (Date.now() - touchedAt > STALE_MS) quietly('ENOENT', () => unlinkSync(lock))
  return false
}

async function moveOn(
  log: Log,
  from: Segment,
  settings: FileSettings,
  isOver: () => boolean,
  touch: () => void,
  isAll = false,
): Promise<void> {
  const isCompaction = isAll || log.places.live.bytes < settings.maxBytes / 2
  let budget = isCompaction ? Number.POSITIVE_INFINITY : settings.segmentBytes / 2
  for (let offset = FIRST, isAtEnd = false; !isAtEnd && budget > 0; ) {
    const now = Date.now()
    const kept: Entry[] = []
    const step = readRecords(from.fd, offset, log.seed, STEP_MS, (bytes, at, head, place) => {
      if (head.kind !== KIND.put || head.expiresAt <= now) return head.kind !== KIND.seal
      const key = keyAt(bytes, at, head)
      if (!log.places.isNewest(key, from.number, place) || !(isCompaction || log.places.takeMark(key))) return true
      kept.push({
        kind: KIND.put,
        key,
        bytes: Buffer.from(bytes.subarray(at, at + head.length)),
        birth: log.places.birthOf(key),
      })
      budget -= head.length
      return budget > 0
    })
    isAtEnd = step.isAtEnd || step.offset === offset || step.offset >= from.end
    offset = step.offset
    if (kept.length > 0) move(log, kept)
    touch()
    await yieldToOthers()
    // Writers may have removed it already.
    if (isOver() || !log.holds(from)) return
  }
}

/** Entries that others drop at the same moment must not come back. */
function move(log: Log, kept: readonly Entry[]): void {
  for (const { bytes, birth = 0 } of kept) giveBirth(bytes, birth, log.seed)
  const dropped = log.places.watchDrops(() => log.append(kept))
  const back = kept.filter(({ key }) => dropped.has(key))
  if (back.length > 0)
    log.append(
      back.map(({ key, birth = 0 }) => ({ kind: KIND.drop, key, bytes: packDrop(key, log.seed, birth), birth })),
    )
}
