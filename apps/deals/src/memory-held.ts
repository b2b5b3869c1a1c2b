// How much of what memory holds is values that may be answered with: "memory efficiency". Walks all entries, so it is for a report and not for each request.
import type { Cache } from 'millpond'
import type { Sources } from './counts.ts'

/** Beside its value an entry is weighed with its key, its tags, and what memory finds and judges it by (in bytes, of texts of one byte a character). */
const BESIDE = { entry: 80, tags: 56, tag: 24 }

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
    if (!space.holds(key.startsWith('[') ? JSON.parse(key) : key)) continue
    const beside = tags.reduce((sum, tag) => sum + BESIDE.tag + tag.length, tags.length === 0 ? 0 : BESIDE.tags)
    bytes += Math.max(0, weight - BESIDE.entry - key.length - beside)
  }
  return bytes
}
