// How long another process shows the old value after an ack.
import { historyTime, type Versioned } from 'millpond/testing'
import { surely } from './surely.ts'
import type { TaskParts } from './task-parts.ts'

const READS_BETWEEN_BREATHS = 10

/** Commits the next version and tells the cache; answers when that was acked. This process has read the key before. */
export async function bump({ cache, ask }: TaskParts, { key }: { key: string }): Promise<number> {
  await cache.getOrSet(key, () => load(key, ask))
  await ask({ commit: key })
  await surely(() => cache.delete(key))
  return historyTime()
}

/**
 * Reads without a pause until a version shows; answers when the last read that showed an older one ended, 0 when it
 * never showed.
 */
export async function watchFor(
  { cache, ask }: TaskParts,
  { key, version, withinMs }: { key: string; version: number; withinMs: number },
): Promise<{ lastOld: number; shown: boolean }> {
  let lastOld = 0
  const until = performance.now() + withinMs
  while (performance.now() < until) {
    for (let read = 0; read < READS_BETWEEN_BREATHS; read++) {
      const value = await cache.getOrSet(key, () => load(key, ask))
      if ((value?.version ?? 0) >= version) return { lastOld, shown: true }
      lastOld = historyTime()
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { lastOld, shown: false }
}

async function load(key: string, ask: TaskParts['ask']): Promise<Versioned> {
  return { key, version: await ask({ read: key }) }
}
