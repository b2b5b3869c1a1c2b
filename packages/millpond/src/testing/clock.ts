// A clock that moves only when a test says so, with separate wall, monotonic and coarse time, and timers that run in
// order.
import { check, checkOptions, type Shape, whole } from '../core/checks.ts'
import type { Clock } from '../core/contracts.ts'

export interface FakeClockOptions {
  /** Wall time at the start, epoch milliseconds. Default 2026-01-01T00:00:00Z. */
  readonly now?: number | undefined
  /** Monotonic time at the start, milliseconds. Default 1000. */
  readonly monotonic?: number | undefined
  /** How far apart coarse ticks are, milliseconds; 0 keeps the coarse field equal to `now()`. Default 0. */
  readonly tickMs?: number | undefined
}

/** A `Clock` that a test controls. All times in milliseconds. */
export interface FakeClock extends Clock {
  /** Time passes and the event loop turns: due timers run in order of their time, then of their creation. */
  advance(ms: number): void
  /** As `advance`, but lets promises settle before, between and after the timers. */
  run(ms: number): Promise<void>
  /**
   * Time passes while the process is stopped: no timer runs, the coarse field stays. The next `advance` (also by 0)
   * runs what is overdue.
   */
  stall(ms: number): void
  /**
   * The wall steps (an operator, NTP); negative steps back, and listeners of `onSetBack` are told. Monotonic time and
   * timers are not affected.
   */
  jump(ms: number): void
  /** The machine sleeps: the wall moves, monotonic time and timers stand. */
  suspend(ms: number): void
  /** Stops wall time while monotonic time goes on; returns a function that lets it run again. */
  freezeWall(): () => void
  /** Stops monotonic time (and every timer) while wall time goes on; returns a function that lets it run again. */
  freezeMonotonic(): () => void
  /** The number of waiting timers. */
  readonly pending: number
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly fn: () => void
}

const ms = check((value): value is number => typeof value === 'number' && Number.isFinite(value), 'milliseconds')
const OPTIONS: Shape<FakeClockOptions> = { now: ms, monotonic: ms, tickMs: whole(0) }

/** Makes a fake clock. Throws a `RangeError` when asked to pass a negative or non-finite time. */
export function fakeClock(options: FakeClockOptions = {}): FakeClock {
  checkOptions<FakeClockOptions>(options, OPTIONS, 'fakeClock')
  const tickMs = options.tickMs ?? 0
  let wall = options.now ?? 1_767_225_600_000
  let mono = options.monotonic ?? 1000
  let coarse = wall
  let order = 0
  let wallFrozen = 0
  let monoFrozen = 0
  const timers = new Set<Timer>()
  const listeners = new Set<(ms: number) => void>()

  function pass(ms: number): void {
    if (wallFrozen === 0) wall += ms
    if (monoFrozen === 0) mono += ms
    if (wallFrozen > 0 && monoFrozen === 0) fallBehind(ms)
  }

  function fallBehind(ms: number): void {
    coarse = Math.min(coarse, wall)
    if (ms > 0) for (const listener of listeners) listener(Math.ceil(ms))
  }

  function tick(): void {
    if (tickMs === 0 || wall < coarse || wall - coarse >= tickMs) coarse = wall
  }

  function next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of timers) {
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer
    }
    return first
  }

  /** Moves to the next timer within `left` ms and runs it; returns the time left, or undefined if none was due. */
  function step(left: number): number | undefined {
    const timer = next()
    if (timer === undefined) return undefined
    const wait = Math.max(0, timer.at - mono)
    if (wait > 0 && (monoFrozen > 0 || wait > left)) return undefined
    pass(wait)
    tick()
    timers.delete(timer)
    timer.fn()
    return left - wait
  }

  function finish(left: number): void {
    pass(left)
    tick()
  }

  return {
    now: () => wall,
    monotonic: () => mono,
    get coarse() {
      return coarse
    },
    after(ms, fn) {
      const timer: Timer = { at: mono + Math.max(0, ms), order: order++, fn }
      timers.add(timer)
      return () => {
        timers.delete(timer)
      }
    },
    advance(ms) {
      let left = duration(ms)
      tick()
      for (let after = step(left); after !== undefined; after = step(left)) left = after
      finish(left)
    },
    async run(ms) {
      let left = duration(ms)
      tick()
      await settle()
      for (let after = step(left); after !== undefined; after = step(left)) {
        left = after
        await settle()
      }
      finish(left)
      await settle()
    },
    stall(ms) {
      pass(duration(ms))
    },
    jump(ms) {
      wall += ms
      if (ms < 0) fallBehind(-ms)
    },
    onSetBack(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    suspend(ms) {
      wall += duration(ms)
    },
    freezeWall() {
      wallFrozen += 1
      return once(() => {
        wallFrozen -= 1
      })
    },
    freezeMonotonic() {
      monoFrozen += 1
      return once(() => {
        monoFrozen -= 1
      })
    },
    get pending() {
      return timers.size
    },
  }
}

function duration(ms: number): number {
  if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`time can only pass forward: ${ms} ms`)
  return ms
}

function once(fn: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    fn()
  }
}

/** Lets every promise that can settle do so. A turn of the check phase comes only after the microtasks have run dry. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
