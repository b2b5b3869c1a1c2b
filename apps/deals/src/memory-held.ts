// The share of memory held by live values: "memory efficiency". Scans all entries, so it is for reports and not for
// each request.
import { type Cache, decodeKey } from 'millpond'
import { entryOverhead } from 'millpond/memory'
import type { Sources } from './counts.ts'

/** 0 to 1: the bytes of live values over all that is held. `null` while nothing is. */
export function memoryEfficiency({ cache, strategic, response, records, front }: Sources): number | null {
  const held = cache?.info().memory?.bytes ?? 0
  if (held === 0) return null
  let live = 0
  for (const space of [strategic, response, records, front]) if (space !== undefined) live += liveBytes(space)
  return live / held
}

function liveBytes(space: Cache): number {
  let bytes = 0
  for (const { key, tags, bytes: weight } of space.entries()) {
    if (space.holds(decodeKey(key))) bytes += weight - entryOverhead(key, tags)
  }
  return bytes
}
