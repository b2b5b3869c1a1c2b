// The fake clock keeps the promises that tests of time lean on.
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import fc from '../properties.ts'

describe('fake clock', () => {
  test('runs due timers in order of time, then of making, each at its own time', () => {
    const clock = fakeClock({ now: 0, monotonic: 0 })
    const seen: [string, number][] = []
    const mark = (name: string) => () => seen.push([name, clock.monotonic()])
    clock.after(30, mark('c'))
    clock.after(10, mark('a'))
    clock.after(10, mark('b'))
    clock.after(31, mark('late'))
    clock.advance(30)
    expect(seen).toEqual([
      ['a', 10],
      ['b', 10],
      ['c', 30],
    ])
    expect(clock.monotonic()).toBe(30)
    expect(clock.pending).toBe(1)
  })

  test('a timer set by a timer runs within the same advance when it is due', () => {
    const clock = fakeClock({ now: 0, monotonic: 0 })
    const seen: number[] = []
    const again = () => {
      seen.push(clock.monotonic())
      clock.after(10, again)
    }
    clock.after(10, again)
    clock.advance(35)
    expect(seen).toEqual([10, 20, 30])
    expect(clock.now()).toBe(35)
  })

  test('cancelling removes the timer, also from within another', () => {
    const clock = fakeClock()
    let ran = 0
    const cancel = clock.after(10, () => ran++)
    clock.after(5, cancel)
    clock.advance(20)
    expect(ran).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('run lets promises settle between timers', async () => {
    const clock = fakeClock({ now: 0, monotonic: 0 })
    const seen: string[] = []
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve))
    const walk = (async () => {
      for (const name of ['a', 'b', 'c']) {
        await sleep(10)
        await Promise.resolve()
        seen.push(`${name}@${clock.monotonic()}`)
      }
    })()
    await clock.run(30)
    await walk
    expect(seen).toEqual(['a@10', 'b@20', 'c@30'])
  })

  test('stall: time passes, no timer runs, the coarse field stays until the loop turns', () => {
    const clock = fakeClock({ now: 1000, monotonic: 0 })
    let ranAt = -1
    clock.after(100, () => {
      ranAt = clock.monotonic()
    })
    clock.stall(5000)
    expect([clock.now(), clock.monotonic(), clock.coarse, ranAt]).toEqual([6000, 5000, 1000, -1])
    clock.advance(0)
    expect([clock.coarse, ranAt]).toEqual([6000, 5000])
  })

  test('jump moves the wall only, both ways; suspend moves the wall only', () => {
    const clock = fakeClock({ now: 10_000, monotonic: 0 })
    let ran = 0
    clock.after(10, () => ran++)
    clock.jump(-5000)
    expect([clock.now(), clock.monotonic()]).toEqual([5000, 0])
    clock.suspend(60_000)
    expect([clock.now(), clock.monotonic(), ran]).toEqual([65_000, 0, 0])
  })

  test('a frozen wall lets timers run, a frozen monotonic clock holds them', () => {
    const clock = fakeClock({ now: 0, monotonic: 0 })
    const seen: string[] = []
    clock.after(10, () => seen.push('first'))
    clock.after(30, () => seen.push('second'))
    const thawWall = clock.freezeWall()
    clock.advance(20)
    expect([clock.now(), clock.monotonic(), seen]).toEqual([0, 20, ['first']])
    thawWall()
    thawWall()
    const thaw = clock.freezeMonotonic()
    clock.advance(100)
    expect([clock.now(), clock.monotonic(), seen]).toEqual([100, 20, ['first']])
    thaw()
    clock.advance(10)
    expect([clock.now(), clock.monotonic(), seen]).toEqual([110, 30, ['first', 'second']])
  })

  test('a coarse tick lags at most its length behind', () => {
    const clock = fakeClock({ now: 0, monotonic: 0, tickMs: 25 })
    clock.advance(24)
    expect(clock.coarse).toBe(0)
    clock.advance(1)
    expect(clock.coarse).toBe(25)
    clock.jump(-10)
    clock.advance(0)
    expect(clock.coarse).toBe(15)
  })

  test('time cannot pass backwards', () => {
    expect(() => fakeClock().advance(-1)).toThrow('-1')
    expect(() => fakeClock().stall(Number.NaN)).toThrow('NaN')
  })

  test('property: one long advance equals the same time in pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(50), { maxLength: 20 }),
        fc.array(fc.nat(30), { minLength: 1, maxLength: 10 }),
        (delays, pieces) => {
          const log = (advance: (clock: ReturnType<typeof fakeClock>) => void) => {
            const clock = fakeClock({ now: 0, monotonic: 0 })
            const seen: [number, number][] = []
            delays.forEach((ms, index) => {
              clock.after(ms, () => seen.push([index, clock.monotonic()]))
            })
            advance(clock)
            return { seen, at: clock.monotonic() }
          }
          const total = pieces.reduce((sum, ms) => sum + ms, 0)
          const whole = log((clock) => clock.advance(total))
          const parts = log((clock) => {
            for (const ms of pieces) clock.advance(ms)
          })
          expect(parts).toEqual(whole)
        },
      ),
    )
  })
})
