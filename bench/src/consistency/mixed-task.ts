// One process of a mixed load: lanes that mostly read, and sometimes write to the truth and then tell the cache.
// Recorded line by line.
import { type HistoryLine, type HistoryRecorder, recordHistory, type Versioned } from 'millpond/testing'
import { randomFrom } from '../numbers.ts'
import type { TaskParts } from './task-parts.ts'

export interface MixedArgs {
  readonly keys: readonly string[]
  readonly lanes: number
  readonly ms: number
  readonly seed: number
}

const RETRY_MS = 60
/** An operation that pends longer than this is recorded as pending. */
const PATIENCE_MS = 15_000

let running: { recorder: HistoryRecorder; lines: HistoryLine[] } | undefined

/** Runs the lanes; resolves when every write that was begun is acked, or the patience is over. */
export async function runMixed(parts: TaskParts, args: MixedArgs): Promise<void> {
  const lines: HistoryLine[] = []
  const recorder = recordHistory({ process: parts.name, write: (some) => void lines.push(...some) })
  running = { recorder, lines }
  const until = performance.now() + args.ms
  const lanes = Array.from({ length: args.lanes }, (_, lane) => runLane(parts, recorder, args, lane, until))
  await Promise.race([Promise.all(lanes), sleep(args.ms + PATIENCE_MS)])
}

/** Reads every key a few times, and answers the whole record. */
export async function finishMixed(
  { cache, ask }: TaskParts,
  { keys }: { keys: readonly string[] },
): Promise<readonly HistoryLine[]> {
  if (running === undefined) throw new Error('no mixed load was run')
  const { recorder, lines } = running
  running = undefined
  const reads = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      for (const key of keys) await recorder.read(0, 'getOrSet', key, () => cache.getOrSet(key, () => load(key, ask)))
      await sleep(30)
    }
  }
  await Promise.race([reads(), sleep(PATIENCE_MS)])
  recorder.close()
  return lines
}

async function runLane(
  { cache, ask }: TaskParts,
  recorder: HistoryRecorder,
  { keys, seed }: MixedArgs,
  lane: number,
  until: number,
): Promise<void> {
  const random = randomFrom(seed * 31 + lane * 7919 + 1)
  const pick = (): string => keys[Math.floor(keys.length * random() ** 1.5)] ?? ''
  while (performance.now() < until) {
    if (random() < 0.06) {
      const key = pick()
      await ask({ commit: key })
      const forget = (): Promise<boolean> =>
        recorder.change(
          lane,
          'delete',
          { keys: [{ key }] },
          () => cache.delete(key),
          (applied) => applied,
        )
      while (!(await forget())) await sleep(RETRY_MS)
    } else {
      for (let count = 1 + Math.floor(random() * 6); count > 0; count--) {
        const key = pick()
        await recorder.read(lane, 'getOrSet', key, () =>
          cache.getOrSet(key, () => recorder.load(key, () => load(key, ask, delayFrom(random)))),
        )
      }
    }
    await sleep(6 + random() * 18)
  }
}

/** Most loads are quick, some are not: those are what an invalidation must beat. */
function delayFrom(random: () => number): number {
  const slow = random()
  if (slow < 0.3) return 5 + random() * 25
  if (slow < 0.38) return 50 + random() * 150
  return 0
}

async function load(key: string, ask: TaskParts['ask'], delayMs = 0): Promise<Versioned> {
  const version = await ask({ read: key })
  if (delayMs > 0) await sleep(delayMs)
  return { key, version }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
