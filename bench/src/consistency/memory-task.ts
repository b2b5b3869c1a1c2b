// What entries cost in a process, beside the caller's own strings: heap and buffers after a full collection.
import { randomBytes } from 'node:crypto'
import { surely } from './surely.ts'
import type { TaskParts } from './task-parts.ts'

export interface MemoryArgs {
  readonly count: number
  readonly tagsPerEntry: number
}

const VALUE_BYTES = 2048
const TAG_BYTES = 20
const AT_ONCE = 64

/**
 * Sets so many entries of 2 KB, each with so many of a thousand tags of 20 bytes; answers the bytes that the process
 * grew by.
 */
export async function bytesOfEntries({ cache }: TaskParts, { count, tagsPerEntry }: MemoryArgs): Promise<number> {
  await setAll(cache, 'warm-up', Math.ceil(count / 20), tagsPerEntry)
  const before = await held()
  await setAll(cache, 'entry', count, tagsPerEntry)
  return (await held()) - before
}

async function setAll(cache: TaskParts['cache'], prefix: string, count: number, tagsPerEntry: number): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const at = next++
      const value = randomBytes(VALUE_BYTES / 2).toString('hex')
      await surely(() => cache.set(`${prefix}:${at}`, value, tagsPerEntry === 0 ? undefined : tagsOf(at, tagsPerEntry)))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}

/** New strings for each entry, as a program that builds them would pass. */
function tagsOf(entry: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `tag:${(entry * count + at) % 1000}:`.padEnd(TAG_BYTES, 'x'))
}

async function held(): Promise<number> {
  const collect = globalThis.gc
  if (collect === undefined) throw new Error('this needs --expose-gc')
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    collect()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
