// Giving memory back and taking it again: how much, how often, and when not.
import { describe, expect, it } from 'vitest'
import { Pressure } from '../../src/memory/pressure.ts'
import { fakeClock } from '../../src/testing/clock.ts'

const LIMIT = 1_000_000

function setUp(share = 0.8) {
  const clock = fakeClock()
  const heap = { used: 0, limit: LIMIT }
  let looks = 0
  const pressure = new Pressure(
    share,
    clock,
    () => looks++,
    () => heap,
  )
  const verdict = (used: number): number => {
    heap.used = used
    return pressure.verdict()
  }
  return { clock, heap, pressure, looks: () => looks, verdict }
}

describe('pressure', () => {
  it('shrinks at once, then only after a collection or a second', () => {
    const { clock, verdict } = setUp()
    expect(verdict(810_000)).toBe(0.85)
    expect(verdict(900_000)).toBe(1) // what was given back cannot show yet
    expect(verdict(805_000)).toBe(0.85) // a collection was seen, and it is not enough
    expect(verdict(820_000)).toBe(1)
    clock.advance(1000)
    expect(verdict(820_000)).toBe(0.85)
  })

  it('grows only where there is clearly room, and a second after it has shrunk', () => {
    const { clock, verdict } = setUp()
    expect(verdict(810_000)).toBe(0.85)
    expect(verdict(500_000)).toBe(1)
    clock.advance(1000)
    expect([verdict(750_000), verdict(700_001), verdict(699_999)]).toEqual([1, 1, 1.25])
  })

  it('asks again after a 64th of the limit was written', () => {
    const { pressure, verdict } = setUp()
    verdict(0)
    expect(pressure.wrote(LIMIT / 64 - 1)).toBe(false)
    expect(pressure.wrote(1)).toBe(true)
    verdict(0)
    expect(pressure.wrote(1)).toBe(false)
  })

  it('looks each second while it watches, with one timer, and rests', () => {
    const { clock, pressure, looks } = setUp()
    pressure.watch()
    pressure.watch()
    expect(clock.pending).toBe(1)
    clock.advance(1000)
    expect([looks(), clock.pending]).toEqual([1, 0])
    pressure.watch()
    pressure.rest()
    clock.advance(5000)
    expect([looks(), clock.pending]).toEqual([1, 0])
  })

  it('tells who holds enough to matter, and a limit that limits nothing', () => {
    const { pressure, heap, verdict } = setUp()
    Object.assign(heap, { most: 4 * LIMIT })
    verdict(0)
    expect([pressure.isWorthWatching(LIMIT / 32), pressure.isWorthWatching(LIMIT / 32 + 1)]).toEqual([false, true])
    expect([pressure.isBeyond(4 * LIMIT), pressure.isBeyond(4 * LIMIT + 1)]).toEqual([false, true])
  })
})
