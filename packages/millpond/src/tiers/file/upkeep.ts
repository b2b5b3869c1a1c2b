// Makes room before it is needed: the oldest segment leaves, and what is worth keeping in it moves to the end of the
// log.
//
// While less than half of the log is alive nothing that is alive is lost (compaction); else what was read since it was
// stored, up to half a segment (a second chance). One process does it at a time; two would only do the same work twice.
import { closeSync, openSync, statSync, unlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause, setImmediate as yieldToOthers } from 'node:timers/promises'
import type { Entry, Log } from './log.ts'
import type { FileSettings } from './options.ts'
import { readOn } from './read-on.ts'
import { giveBirth, KIND, keyAt, packDrop } from './record.ts'
import { FIRST, quietly, type Segment } from './segment.ts'

const LOCK = 'upkeep.lock'
/**
 * A lock that was not touched for so long belongs to nobody: its process is dead, or frozen and harmless when it wakes.
 */
const STALE_MS = 10_000
const LOCK_POLL_MS = 10
/** Milliseconds of work before others get the event loop. */
const STEP_MS = 4

/** What moves and what is written meanwhile both need room. */
const AHEAD = 6

/** Is there less room than for a few segments? */
export function needsUpkeep(log: Log, { maxBytes, segmentBytes }: FileSettings): boolean {
  return log.oldest !== undefined && log.bytesOnDisk + AHEAD * segmentBytes > maxBytes
}

/** Until there is room, or the log is closed. Errors of the file system pass. */
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
 * Everything that is alive is written again, and all that was there before leaves: no byte is left of what was dropped,
 * replaced, or is over.
 * @throws Error where another process makes room all the while; errors of the file system pass.
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
  // The next round may have it.
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
    const step = readOn(from.fd, offset, log.seed, STEP_MS, (bytes, at, head, place) => {
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
    // Where writers were faster it has left already.
    if (isOver() || !log.holds(from)) return
  }
}

/** What others drop at this very moment must not come back by it. */
function move(log: Log, kept: readonly Entry[]): void {
  for (const { bytes, birth = 0 } of kept) giveBirth(bytes, birth, log.seed)
  const dropped = log.places.watchDrops(() => log.append(kept))
  const back = kept.filter(({ key }) => dropped.has(key))
  if (back.length > 0)
    log.append(
      back.map(({ key, birth = 0 }) => ({ kind: KIND.drop, key, bytes: packDrop(key, log.seed, birth), birth })),
    )
}
