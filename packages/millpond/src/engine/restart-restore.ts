// Restores entries: hottest first, until memory is full, each with its read marks.
import { renameSync, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { DecodedParts, MemorySpace, MemoryStore } from '../core/contracts.ts'
import { type OpenSnapshot, openSnapshot, type SnapshotItem } from '../memory/snapshot-read.ts'
import { Turns } from '../memory/turns.ts'
import type { RestartParts, Restored } from './restart-parts.ts'
import type { Space } from './space.ts'
import { storeInMemory } from './store-in-memory.ts'

/** `problem`: what is wrong with the file, phrased to follow its name. */
export interface RestoreOutcome extends Restored {
  readonly problem?: string
}

/**
 * Restores entries that are still valid, as far as there is space. Never throws for a bad file: it is set aside. A file
 * of another cache is left alone. With a ledger of this process alone the file is moved away before this returns.
 */
export async function restoreHottest(
  parts: RestartParts,
  path: string,
  open: (namespace: string) => Space,
): Promise<RestoreOutcome> {
  const file = parts.ledgerStore === undefined ? takeAway(path) : path
  const snapshot = await openSnapshot(file, parts.services.codec)
  if (snapshot.kind === 'none') return { restored: 0, refused: 0 }
  if (snapshot.kind === 'set-aside')
    return {
      restored: 0,
      refused: 0,
      problem: `was set aside${snapshot.movedTo === undefined ? '' : ` as ${snapshot.movedTo}`}: ${snapshot.problem}`,
    }
  try {
    const problem = strangerIn(snapshot, parts.cacheName)
    if (problem !== undefined) {
      if (file !== path) await rename(file, path)
      return { restored: 0, refused: snapshot.count, problem }
    }
    if (parts.ledgerStore === undefined) await rm(file, { force: true })
    const restored = parts.memoryStore === undefined ? 0 : await restoreItems(snapshot, parts.memoryStore, open)
    return { restored, refused: snapshot.count - restored }
  } finally {
    await snapshot.close()
  }
}

/**
 * A file that may be accepted only once must not be found again if the process dies now. Synchronous, since the creator
 * of a cache may invalidate at once, and have it acknowledged.
 */
function takeAway(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return path
  const taken = `${path}.restoring`
  renameSync(path, taken)
  return taken
}

function strangerIn({ meta }: OpenSnapshot, name: string): string | undefined {
  if (meta.cache === name) return undefined
  return `holds entries of the cache '${meta.cache}', and this one is '${name}': none was trusted; give each cache a path of its own`
}

interface RestoredEntry {
  readonly memory: MemorySpace
  readonly key: string
  readonly hits: number
}

/** Hottest first: how many are still valid, and so how many fit, is not known in advance. */
async function restoreItems(
  snapshot: OpenSnapshot,
  store: MemoryStore,
  open: (namespace: string) => Space,
): Promise<number> {
  const { maxEntries, maxBytes } = store.limits
  const ready = readySpaces(open)
  const brought: RestoredEntry[] = []
  for await (const item of snapshot.items()) {
    if (store.entries >= maxEntries) break
    if (store.bytes + item.weight > maxBytes) continue
    const space = await ready(item.space)
    const parts = space?.memory === undefined ? undefined : await item.decode(space.codec)
    if (space?.memory === undefined || parts === undefined) continue
    await space.foreign?.hear([parts.tags])
    const before = store.entries
    if (!restore(space, space.memory, item, parts)) continue
    brought.push({ memory: space.memory, key: parts.key, hits: item.hits })
    // An entry was evicted for it: there is less space than the limits say, since the heap is short.
    if (store.entries <= before) break
  }
  return putInOrder(brought)
}

/** Opens each namespace and asks its ledger, once; `undefined` if it does not answer. */
function readySpaces(open: (namespace: string) => Space): (name: string) => Promise<Space | undefined> {
  const known = new Map<string, Promise<Space | undefined>>()
  const make = async (name: string): Promise<Space | undefined> => {
    const space = open(name)
    return (await space.ledger.ensure()) ? space : undefined
  }
  return (name) => {
    const space = known.get(name) ?? make(name)
    known.set(name, space)
    return space
  }
}

/** With all marks but the last, so that it is not taken for cold while others are still being restored. */
function restore(space: Space, memory: MemorySpace, item: SnapshotItem, entry: DecodedParts): boolean {
  const { ledger, services } = space
  const { key } = entry
  if (entry.staleUntil <= services.clock.now() || memory.find(key) >= 0) return false
  // A local ledger counts from 0 in each process, and the file was valid when this one began: whatever has moved since
  // is newer.
  const asOf = ledger.isLocal ? { epoch: ledger.view.epoch, seq: 0 } : (entry.sealed?.asOf ?? item.asOf)
  // A file counts as a tier apart from the ledger: entries invalidated since were not dropped from it.
  if (ledger.view.judgeApart(key, entry.tags, asOf.seq) === 'invalid') return false
  const fitted = space.shapes.fit(key, entry.value)
  if (typeof fitted === 'string') return false
  const own =
    fitted === undefined || fitted.value === entry.value
      ? entry
      : { ...entry, value: fitted.value, isNarrow: undefined }
  if (!storeInMemory(space, own, asOf)) return false
  const slot = memory.find(key)
  for (let mark = 1; mark < item.hits; mark++) memory.hit(slot)
  return true
}

/**
 * Sets the last marks in order of heat, hottest last: some policies know only the most recent use. Counts the entries
 * held.
 */
async function putInOrder(brought: readonly RestoredEntry[]): Promise<number> {
  const turns = new Turns()
  let held = 0
  for (let at = brought.length - 1; at >= 0; at--) {
    const { memory, key, hits } = brought[at] as RestoredEntry
    const slot = memory.find(key)
    if (slot >= 0) held++
    if (slot >= 0 && hits > 0) memory.hit(slot)
    await turns.rest()
  }
  return held
}
