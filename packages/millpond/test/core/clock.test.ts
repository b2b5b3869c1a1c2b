// The machine's clock, over a wall and a monotonic clock under the test's hand: what the wall may do to what is held.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { createMemoryStore } from '../../src/memory/index.ts'
import fc from '../properties.ts'

const HOUR = 3_600_000
/** `coarse` is read anew after so long. */
const TICK = 10

/** True time; what each clock adds to it; what taking a reading takes. */
const machine = { time: 0, wall: 0, monotonic: 0, readingMs: 0 }

beforeEach(() => {
  Object.assign(machine, { time: 5_000_000.4, wall: 1.8e12, monotonic: 0, readingMs: 0 })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const read = (offset: 'wall' | 'monotonic') => () => {
    const now = machine.time + machine[offset]
    machine.time += machine.readingMs
    return offset === 'wall' ? Math.floor(now) : now
  }
  vi.spyOn(Date, 'now').mockImplementation(read('wall'))
  vi.spyOn(performance, 'now').mockImplementation(read('monotonic'))
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Time passes, and the event loop turns. */
function pass(ms: number): void {
  machine.time += ms
  vi.advanceTimersByTime(TICK)
}

function watch() {
  const clock = systemClock()
  const falls: number[] = []
  clock.onSetBack?.((ms) => falls.push(ms))
  return { clock, falls, sum: () => falls.reduce((all, ms) => all + ms, 0) }
}

describe('set back', () => {
  it.each(['now', 'coarse'] as const)('is told before `%s` shows it', (reading) => {
    const { clock, falls } = watch()
    const read = (): number => (reading === 'now' ? clock.now() : clock.coarse)
    const before = read()
    machine.wall -= HOUR
    vi.advanceTimersByTime(TICK)
    const toldAt: number[] = []
    clock.onSetBack?.(() => toldAt.push(falls.length))
    expect(read()).toBe(before - HOUR)
    expect(toldAt).toEqual([1])
    expect(Math.abs((falls[0] ?? 0) - HOUR)).toBeLessThanOrEqual(1)
  })

  it('is seen by `now` at once, also while the event loop does not turn', () => {
    const { clock, sum } = watch()
    const before = clock.coarse
    machine.wall -= 5
    expect(clock.now()).toBe(before - 5)
    expect(clock.coarse).toBe(before - 5)
    expect(sum()).toBeGreaterThanOrEqual(4)
    machine.time += 1000
    machine.wall -= 500
    expect(clock.now()).toBe(before + 495)
    expect(sum()).toBeGreaterThanOrEqual(504)
  })

  it('is seen after an idle time that hides it', () => {
    const { clock, sum } = watch()
    clock.now()
    machine.wall -= HOUR
    pass(2 * HOUR)
    clock.now()
    expect(Math.abs(sum() - HOUR)).toBeLessThanOrEqual(1)
  })

  it('is told of a wall that runs slow, to the millisecond in the sum', () => {
    const { clock, sum } = watch()
    clock.now()
    for (let i = 0; i < 10_000; i++) {
      machine.wall -= 0.05
      pass(100)
      clock.now()
    }
    expect(Math.abs(sum() - 500)).toBeLessThanOrEqual(2)
  })

  it('is not what a process sees that is held up between two readings', () => {
    const { clock, falls } = watch()
    for (let i = 0; i < 1000; i++) {
      machine.readingMs = i % 7 === 0 ? 25 : 0.01
      clock.now()
      pass(20)
    }
    expect(falls).toEqual([])
  })

  it('is not told to who has stopped listening', () => {
    const clock = systemClock()
    const falls: number[] = []
    const stop = clock.onSetBack?.((ms) => falls.push(ms))
    clock.now()
    stop?.()
    machine.wall -= HOUR
    clock.now()
    expect(falls).toEqual([])
  })
})

describe('what memory holds', () => {
  type Step = { kind: 'pass' | 'set' | 'back' | 'forward' | 'sleep' | 'slow'; ms: number }
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(3000) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), ms: fc.integer({ min: 1, max: 5000 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('back' as const, 'forward' as const, 'sleep' as const),
        ms: fc.nat(2 * HOUR),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('back' as const, 'slow' as const), ms: fc.nat(50) }) },
  )
  /** A tick, and what two whole-millisecond readings can be off. */
  const SLACK = TICK + 4

  function run(steps: readonly Step[], isForward: boolean): void {
    const clock = systemClock()
    const store = createMemoryStore({ maxEntries: 1000, pressure: false }, { clock })
    const near = store.space('')
    const monotonic = (): number => machine.time + machine.monotonic
    const wall = (): number => machine.time + machine.wall
    const held = new Map<string, { ttl: number; monotonic: number; wall: number }>()
    machine.readingMs = 0.05
    for (const [index, { kind, ms }] of steps.entries()) {
      if (kind === 'back') machine.wall -= ms
      if (kind === 'forward' && isForward) machine.wall += ms
      if (kind === 'sleep' && isForward) {
        machine.time += ms
        machine.monotonic -= ms
      }
      if (kind === 'slow') machine.wall -= ms / 50
      if (kind === 'set') {
        const now = clock.now()
        held.set(`${index}`, { ttl: ms, monotonic: monotonic(), wall: wall() })
        near.set(`${index}`, {
          value: 1,
          createdAt: now,
          freshUntil: now + ms,
          staleUntil: now + ms,
          tags: [],
          asOf: 0,
        })
      }
      pass(kind === 'pass' ? ms : 0)
      for (const [key, entry] of held) {
        const now = clock.coarse
        const slot = near.find(key)
        const isServed = slot >= 0 && now < near.freshUntil(slot)
        const lived = monotonic() - entry.monotonic
        if (isServed) {
          expect(lived).toBeLessThan(entry.ttl + SLACK)
          expect(wall() - entry.wall).toBeLessThan(entry.ttl + SLACK)
        } else if (!isForward) expect(lived).toBeGreaterThan(entry.ttl - SLACK)
        else held.delete(key)
      }
    }
    store.close()
  }

  it('lives for its TTL by the wall or by the monotonic clock, whichever ends first', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => run(steps, true)))
  })

  it('lives no shorter when the wall is only set back or runs slow', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => run(steps, false)))
  })
})
