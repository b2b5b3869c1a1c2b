// Records what one process does to a cache: a line per finished operation, and how late its event loop was.

import { checkOptions, fn, required, type Shape, text } from '../core/checks.ts'
import { isError } from '../core/errors.ts'
import { type ChangeOp, type HistoryLine, historyTime, type Operation, type ReadOp } from './history.ts'

/** What a cached value must contain, so that a read of it can be judged. */
export interface Versioned {
  /** The key that the value was stored under. */
  readonly key: string
  /** The version of the truth that the value shows. */
  readonly version: number
}

export interface RecorderOptions {
  /** The name of this run of the process. */
  readonly process: string
  /** Gets finished lines, a few at a time: write them at once, since a kill may come next. */
  readonly write: (lines: readonly HistoryLine[]) => void
}

/** The target of a change: keys, a tag, or neither for `clear`. */
export interface ChangeTarget {
  /** Each key gets a line of its own. For `set`, with the version that is stored. */
  readonly keys?: readonly { readonly key: string; readonly version?: number }[]
  /** The tag of `invalidateTags`. */
  readonly tag?: string
}

export type ReadWork = () => Promise<Versioned | undefined> | Versioned | undefined

export interface HistoryRecorder {
  /** Runs a read and returns its result; a rejection is recorded and becomes `undefined`. */
  read(lane: number, op: ReadOp, key: string, work: ReadWork, strong?: boolean): Promise<Versioned | undefined>
  /**
   * Runs a change; resolves with whether it was acknowledged. `isApplied` judges its result. A rejection is recorded.
   */
  change<R>(
    lane: number,
    op: ChangeOp,
    target: ChangeTarget,
    work: () => Promise<R>,
    isApplied?: (result: R) => boolean,
  ): Promise<boolean>
  /** Runs a loader and records it. */
  load<R>(key: string, work: () => Promise<R>): Promise<R>
  /** Writes the finished lines. */
  flush(): void
  /** Writes unfinished operations as pending, and ends. */
  close(): void
}

const FLUSH_MS = 20
const LAG_TICK_MS = 10
const LAG_WINDOW_MS = 100

type Draft = Omit<Operation, 'end' | 'acked'>
type Ending = Pick<Operation, 'end' | 'acked'> & Partial<Operation>

const OPTIONS: Shape<RecorderOptions> = {
  process: required(text),
  write: required(fn('a function that takes finished lines')),
}

/** Starts recording. Its timers keep the process alive until `close`. */
export function recordHistory(options: RecorderOptions): HistoryRecorder {
  checkOptions<RecorderOptions>(options, OPTIONS, 'recordHistory')
  const { process, write } = options
  const pending = new Set<readonly Draft[]>()
  let lines: HistoryLine[] = []
  let closed = false
  const stopLag = sampleLag(process, (line) => lines.push(line))
  const flushing = setInterval(flush, FLUSH_MS)

  function flush(): void {
    if (lines.length === 0) return
    const finished = lines
    lines = []
    write(finished)
  }

  function begin(drafts: readonly Draft[]): (ending: Ending) => void {
    pending.add(drafts)
    return (ending) => {
      if (!pending.delete(drafts)) return
      for (const draft of drafts) lines.push({ ...draft, ...ending })
    }
  }

  return {
    async read(lane, op, key, work, strong = false) {
      const end = begin([{ kind: 'op', process, lane, op, key, ...(strong ? { strong } : {}), start: historyTime() }])
      try {
        const value = await work()
        const at = historyTime()
        end({ end: at, acked: true, ...(value === undefined ? {} : { version: value.version, of: value.key }) })
        return value
      } catch (error) {
        end({ end: historyTime(), acked: false, error: describeError(error) })
        return undefined
      }
    },
    async change(lane, op, target, work, isApplied = () => true) {
      const base = { kind: 'op', process, lane, op, start: historyTime() } as const
      const { keys, tag } = target
      const end = begin(
        keys === undefined
          ? [{ ...base, ...(tag === undefined ? {} : { tag }) }]
          : keys.map((one) => ({ ...base, ...one })),
      )
      try {
        const result = await work()
        const acked = isApplied(result)
        end({ end: historyTime(), acked })
        return acked
      } catch (error) {
        end({ end: historyTime(), acked: false, error: describeError(error) })
        return false
      }
    },
    async load(key, work) {
      const start = historyTime()
      try {
        return await work()
      } finally {
        lines.push({ kind: 'load', process, key, start, end: historyTime() })
      }
    },
    flush,
    close() {
      if (closed) return
      closed = true
      clearInterval(flushing)
      stopLag()
      const end = historyTime()
      for (const drafts of pending)
        for (const draft of drafts) lines.push({ ...draft, end, acked: false, pending: true })
      pending.clear()
      flush()
    },
  }
}

/** Measures how late a 10 ms timer is, and reports the worst of each 100 ms. */
function sampleLag(process: string, tell: (line: HistoryLine) => void): () => void {
  let start = historyTime()
  let last = start
  let worst = 0
  const tick = (): void => {
    const now = historyTime()
    worst = Math.max(worst, now - last - LAG_TICK_MS)
    last = now
    if (now - start < LAG_WINDOW_MS) return
    tell({ kind: 'lag', process, start, end: now, lagMs: worst })
    start = now
    worst = 0
  }
  const timer = setInterval(tick, LAG_TICK_MS)
  return () => {
    clearInterval(timer)
    const end = historyTime()
    tell({ kind: 'lag', process, start, end, lagMs: Math.max(worst, end - last - LAG_TICK_MS) })
  }
}

/** An error as it is written to a history line. */
export function describeError(error: unknown): NonNullable<Operation['error']> {
  if (!isError(error)) return { name: typeof error, message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { name: error.name, message: error.message.slice(0, 200), ...(code === undefined ? {} : { code }) }
}
