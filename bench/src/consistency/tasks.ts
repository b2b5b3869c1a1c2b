// What a process of the comparison can be told to do.
import type { Versioned } from 'millpond/testing'
import { cpuPerRead } from './cpu-task.ts'
import { bytesOfEntries } from './memory-task.ts'
import { finishMixed, runMixed } from './mixed-task.ts'
import { bump, watchFor } from './propagation-task.ts'
import { surely } from './surely.ts'
import type { TaskParts } from './task-parts.ts'

export interface Tasks {
  raceAlone(parts: TaskParts, args: { tries: number; byTag: boolean; loadMs: number }): Promise<number>
  startLoads(parts: TaskParts, args: { keys: readonly string[]; tag?: string; loadMs: number }): Promise<void>
  endLoads(parts: TaskParts, args: object): Promise<void>
  forget(parts: TaskParts, args: { keys: readonly string[]; tag?: string }): Promise<void>
  countOld(parts: TaskParts, args: { keys: readonly string[]; tag?: string }): Promise<readonly string[]>
  coldCalls(parts: TaskParts, args: { key: string; calls: number; at: number; loadMs: number }): Promise<number>
  hotCalls(
    parts: TaskParts,
    args: { key: string; ttlMs: number; forMs: number; at: number; loadMs: number },
  ): Promise<number>
  fill(parts: TaskParts, args: { count: number; tag: string; from: number }): Promise<void>
  forgetTag(parts: TaskParts, args: { tag: string }): Promise<{ ms: number }>
  hit(parts: TaskParts, args: { key: string; tags: readonly string[]; reads: number }): Promise<void>
  runMixed: typeof runMixed
  finishMixed: typeof finishMixed
  bump: typeof bump
  watchFor: typeof watchFor
  bytesOfEntries: typeof bytesOfEntries
  cpuPerRead: typeof cpuPerRead
}

export type TaskName = keyof Tasks

const OLD: Versioned = { key: 'old', version: 1 }
const NEW: Versioned = { key: 'new', version: 2 }
const AT_ONCE = 64

let loading: Promise<unknown>[] = []

const tasks: Tasks = {
  /** Invalidates while a load runs; counts how often the value that the load had begun with is there afterwards. */
  async raceAlone({ cache }, { tries, byTag, loadMs }) {
    let stale = 0
    for (let at = 0; at < tries; at++) {
      const key = `race:${byTag}:${at}`
      const tag = `race-tag:${at}`
      const options = byTag ? { tags: [tag] } : {}
      const loader = slowLoader(loadMs)
      const loading = cache.getOrSet(key, loader.load, options)
      await loader.begun
      await surely(async () => (byTag ? cache.invalidateTag?.(tag) : cache.delete(key)))
      await loading
      const read = await cache.getOrSet(key, async () => NEW, options)
      if (read?.version !== NEW.version) stale += 1
    }
    return stale
  },
  /** Resolves when every loader runs. */
  async startLoads({ cache }, { keys, tag, loadMs }) {
    const loaders = keys.map(() => slowLoader(loadMs))
    loading = keys.map((key, at) => cache.getOrSet(key, loaders[at]?.load ?? (async () => OLD), tagged(tag)))
    await Promise.all(loaders.map((loader) => loader.begun))
  },
  async endLoads() {
    await Promise.all(loading)
    loading = []
  },
  async forget({ cache }, { keys, tag }) {
    if (tag === undefined) await Promise.all(keys.map((key) => surely(() => cache.delete(key))))
    else await surely(async () => cache.invalidateTag?.(tag))
  },
  async countOld({ cache }, { keys, tag }) {
    const read = await Promise.all(keys.map((key) => cache.getOrSet(key, async () => NEW, tagged(tag))))
    return keys.filter((_, index) => read[index]?.version !== NEW.version)
  },
  /** How many loads so many calls at one instant were. */
  async coldCalls({ cache }, { key, calls, at, loadMs }) {
    let loads = 0
    await until(at)
    const load = async (): Promise<Versioned> => {
      loads += 1
      await sleep(loadMs)
      return NEW
    }
    await Promise.all(Array.from({ length: calls }, () => cache.getOrSet(key, load)))
    return loads
  },
  async hotCalls({ cache }, { key, ttlMs, forMs, at, loadMs }) {
    let loads = 0
    await until(at)
    const load = async (): Promise<Versioned> => {
      loads += 1
      await sleep(loadMs)
      return NEW
    }
    while (Date.now() < at + forMs) {
      await cache.getOrSet(key, load, { ttlMs })
      await sleep(2)
    }
    return loads
  },
  async fill({ cache }, { count, tag, from }) {
    let next = from
    const lane = async (): Promise<void> => {
      while (next < from + count) {
        const key = `tagged:${next++}`
        await surely(() => cache.set(key, NEW, [tag]))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, lane))
  },
  async forgetTag({ cache }, { tag }) {
    const start = performance.now()
    await cache.invalidateTag?.(tag)
    return { ms: performance.now() - start }
  },
  async hit({ cache }, { key, tags, reads }) {
    if ((await cache.get(key)) === undefined) await surely(() => cache.set(key, NEW, tags))
    for (let read = 0; read < reads; read++) {
      if ((await cache.get(key)) === undefined) throw new Error('that was no hit')
    }
  },
  runMixed,
  finishMixed,
  bump,
  watchFor,
  bytesOfEntries,
  cpuPerRead,
}

export type ArgsOf = { [N in TaskName]: Parameters<Tasks[N]>[1] }
export type ResultOf = { [N in TaskName]: Awaited<ReturnType<Tasks[N]>> }
const table: { [N in TaskName]: (parts: TaskParts, args: ArgsOf[N]) => Promise<ResultOf[N]> } = tasks

/** Runs a task by its name. */
export function runTask<N extends TaskName>(parts: TaskParts, task: N, args: ArgsOf[N]): Promise<ResultOf[N]> {
  return table[task](parts, args)
}

/** A loader that has read the source when it begins and answers later: what it answers is old by then. */
function slowLoader(ms: number): { load: () => Promise<Versioned>; begun: Promise<void> } {
  let begin: () => void = () => undefined
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const load = async (): Promise<Versioned> => {
    begin()
    await sleep(ms)
    return OLD
  }
  return { load, begun }
}

function tagged(tag: string | undefined): { tags?: readonly string[] } {
  return tag === undefined ? {} : { tags: [tag] }
}

async function until(at: number): Promise<void> {
  await sleep(Math.max(0, at - Date.now()))
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
