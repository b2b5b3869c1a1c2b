// Finding what is over: by blocks with lower bounds, when room is needed and when its time comes.
import { describe, expect, it } from 'vitest'
import { Expiry } from '../../src/memory/expiry.ts'
import type { Slots } from '../../src/memory/slots.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import fc from '../properties.ts'

/** Deadlines by slot, and nothing else of memory's columns. */
function setUp(capacity = 1024) {
  const clock = fakeClock({ now: 1_000_000 })
  const deadlines = new Map<number, number>()
  const gone: number[] = []
  const slots = {
    end: capacity,
    deadAt: (slot: number) => deadlines.get(slot) ?? Number.POSITIVE_INFINITY,
  } as unknown as Slots
  const expiry = new Expiry(slots, clock, (slot) => {
    deadlines.delete(slot)
    gone.push(slot)
  })
  expiry.grow(capacity)
  const put = (slot: number, inMs: number): void => {
    deadlines.set(slot, clock.now() + inMs)
    expiry.watch(slot, clock.now() + inMs)
  }
  return { clock, deadlines, gone, expiry, put }
}

describe('expiry', () => {
  it('removes what is over within half a second of its time, and nothing before it', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 1023 }),
            fc.integer({ min: 0, max: 5000 }),
            fc.integer({ min: 0, max: 700 }),
          ),
          {
            maxLength: 40,
          },
        ),
        (steps) => {
          const { clock, deadlines, gone, put } = setUp()
          for (const [slot, inMs, pass] of steps) {
            if (!deadlines.has(slot)) put(slot, inMs)
            clock.advance(pass)
            for (const [left, at] of deadlines) expect(at, `slot ${left}`).toBeGreaterThan(clock.now() - 512)
          }
          clock.advance(6000)
          expect([deadlines.size, clock.pending]).toEqual([0, 0])
          expect(gone.length).toBe(new Set(gone.keys()).size)
        },
      ),
    )
  })

  it('never removes what lives on', () => {
    const { clock, gone, put } = setUp()
    put(1, 10_000)
    put(2, 300)
    clock.advance(1000)
    expect(gone).toEqual([2])
    clock.advance(8000)
    expect(gone).toEqual([2])
    clock.advance(1500)
    expect(gone).toEqual([2, 1])
  })

  it('makes room from one due block at a time, and says when there is none', () => {
    const { clock, gone, expiry, put } = setUp()
    for (const slot of [0, 1, 300, 600]) put(slot, 100)
    put(2, 60_000)
    clock.stall(150)
    expect([expiry.reclaim(clock.now()), gone]).toEqual([true, [0, 1]])
    expect([expiry.reclaim(clock.now()), expiry.reclaim(clock.now()), gone.length]).toEqual([true, true, 4])
    expect(expiry.reclaim(clock.now())).toBe(false)
  })

  it('mends a bound whose entry has left already', () => {
    const { clock, deadlines, gone, expiry, put } = setUp()
    put(5, 100)
    put(6, 5000)
    deadlines.delete(5) // deleted by its user
    clock.stall(200)
    expect([expiry.reclaim(clock.now()), gone]).toEqual([false, []])
    clock.advance(5500)
    expect(gone).toEqual([6])
  })

  it('has no timer for what never ends, none after clear, and makes none after close', () => {
    const { clock, expiry, put } = setUp()
    put(1, Number.POSITIVE_INFINITY)
    expect(clock.pending).toBe(0)
    put(2, 1000)
    expect(clock.pending).toBe(1)
    expiry.clear()
    expect(clock.pending).toBe(0)
    expiry.close()
    put(3, 1000)
    expect(clock.pending).toBe(0)
  })
})
