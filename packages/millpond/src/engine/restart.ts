// Warm restart: the hottest entries of memory go to a file, and come back judged by the ledger.
//
// With a shared ledger every entry names its position, so that a file of any age is safe: what was invalidated meanwhile is not believed. A ledger
// that lives in this process dies with it. Then only a file that `close` has written may be believed, and only once: it is removed before anything
// is served, so that a later crash cannot bring back what was invalidated since.
import { rm } from 'node:fs/promises'
import type { Codec } from '../core/contracts.ts'
import { hottestKeys, readSnapshot, type SnapshotEntry, writeSnapshot } from '../memory/snapshot.ts'
import { storeNear } from './far.ts'
import type { Space } from './space.ts'

export interface RestartOptions {
  readonly path: string
  /** How often the file is written while the cache runs; `Infinity` for on close only. With a ledger of this process alone it is written on close only. */
  readonly everyMs: number
  /** The most entries written, the hottest first. */
  readonly maxEntries: number
}

/** A warm restart at work. */
export interface Restart {
  readonly restored: Promise<Restored>
  /** Waits for the restore, writes the file once more, and ends. */
  stop(): Promise<void>
}

/** Restores at once, behind the cache's back, and writes the file from time to time. Failures are events. */
export function keepWarm(
  parts: Pick<Space, 'codec' | 'clock' | 'events' | 'warmth'>,
  options: RestartOptions,
  open: (namespace: string) => Space,
  spaces: () => readonly Space[],
): Restart {
  const { codec, clock, events, warmth } = parts
  const warn = (message: string, error?: unknown): void => events.emit('warning', { message: `warm restart: ${message}`, error })
  let cancel = (): void => {}
  let isStopped = false
  const save = async (): Promise<void> => {
    try {
      await saveHottest(spaces(), codec, options, clock.now())
    } catch (error) {
      warn(`${options.path} could not be written`, error)
    }
  }
  const later = (): void => {
    if (isStopped || options.everyMs === Number.POSITIVE_INFINITY || spaces().every((space) => space.ledger.isLocal)) return
    cancel = clock.after(options.everyMs, () => void save().then(later))
  }
  const restored = restoreHottest(open, codec, options)
    .then((result) => {
      if (result.problem !== undefined) warn(`${options.path} was set aside: ${result.problem}`)
      return result
    })
    .catch((error: unknown) => {
      warn(`${options.path} could not be restored`, error)
      return { restored: 0, refused: 0 }
    })
    .finally(() => {
      warmth.restoring = undefined
    })
  warmth.restoring = restored
  void restored.then(later)
  return {
    restored,
    async stop() {
      isStopped = true
      cancel()
      await restored
      for (const space of spaces()) await space.ledger.ensure()
      await save()
    },
  }
}

/** What a restore came to. */
export interface Restored {
  readonly restored: number
  /** Not believed any more: invalidated, expired, of another epoch, unreadable. */
  readonly refused: number
}

/** Writes the hottest entries of the given spaces. */
async function saveHottest(spaces: readonly Space[], codec: Codec, { path, maxEntries }: RestartOptions, now: number): Promise<void> {
  await writeSnapshot(path, hottestOfAll(spaces, maxEntries), { savedAt: now }, codec)
}

/**
 * Each space that holds something gets one entry, and its part of what is left of the limit by what else it holds. One whose ledger cannot be asked
 * is left out: nobody knows what has moved. Rounding the sums, not the parts, spends the limit to the last entry.
 */
async function* hottestOfAll(spaces: readonly Space[], limit: number): AsyncIterable<SnapshotEntry> {
  const known = spaces
    .flatMap((space) => (space.ledger.trusted() ? [{ space, others: (space.near?.size ?? 0) - 1 }] : []))
    .filter(({ others }) => others >= 0)
    .slice(0, limit)
  const total = known.reduce((sum, { others }) => sum + others, 0)
  const rest = Math.min(limit - known.length, total)
  const upTo = (held: number): number => Math.round((held / Math.max(1, total)) * rest)
  let held = 0
  for (const { space, others } of known) {
    const share = 1 + upTo(held + others) - upTo(held)
    held += others
    yield* hottest(space, share)
  }
}

async function* hottest(space: Space, limit: number): AsyncIterable<SnapshotEntry> {
  const { near, ledger } = space
  if (near === undefined) return
  for (const key of await hottestKeys(near, limit)) {
    if (!ledger.trusted()) return
    const slot = near.find(key)
    if (slot < 0 || near.staleUntil(slot) <= space.clock.now()) continue
    const tags = near.tags(slot)
    if (ledger.view.judge(key, tags, near.asOf(slot)) === 'void') continue
    yield {
      space: space.name,
      key,
      value: near.value(slot),
      createdAt: near.createdAt(slot),
      freshUntil: near.freshUntil(slot),
      staleUntil: near.staleUntil(slot),
      tags,
      asOf: { epoch: ledger.view.epoch, seq: near.asOf(slot) },
    }
  }
}

/** Brings back what is still valid. Coldest first, so that a smaller memory keeps the hottest. Never throws for a bad file: it is set aside. */
async function restoreHottest(
  open: (namespace: string) => Space,
  codec: Codec,
  { path }: RestartOptions,
): Promise<Restored & { readonly problem?: string }> {
  const read = await readSnapshot(path, codec)
  if (read.kind === 'set-aside') return { restored: 0, refused: 0, problem: read.problem }
  if (read.kind === 'none') return { restored: 0, refused: 0 }
  let restored = 0
  const spaces = new Map<string, { space: Space; isReady: boolean }>()
  for (const name of new Set(read.entries.map((entry) => entry.space))) {
    const space = open(name)
    if (space.ledger.isLocal) await rm(path, { force: true })
    spaces.set(name, { space, isReady: await space.ledger.ensure() })
  }
  for (const entry of [...read.entries].reverse()) {
    const found = spaces.get(entry.space)
    if (found?.isReady === true && restore(found.space, entry)) restored++
  }
  return { restored, refused: read.entries.length - restored + read.skipped }
}

function restore(space: Space, entry: SnapshotEntry): boolean {
  const { near, ledger, clock } = space
  if (near === undefined || entry.staleUntil <= clock.now() || near.find(entry.key) >= 0) return false
  // A local ledger counts from 0 in each process, and the file was valid when this one began: whatever has moved since is newer.
  const asOf = ledger.isLocal ? { epoch: ledger.view.epoch, seq: 0 } : entry.asOf
  return storeNear(space, entry, asOf)
}
