// What is kept of keys and namespaces has a bound, however long the ones and however many the others.
import { fakeClock } from 'millpond/testing'
import { describe, expect, it } from 'vitest'
import { HotTiers } from '../../src/insight/hot-tiers.ts'
import { HIT, Ring } from '../../src/insight/ring.ts'
import { SpaceNumbers } from '../../src/insight/space-numbers.ts'

describe('a ring of notes', () => {
  it('has a bound on what the keys take that wait, and counts what it does not keep', () => {
    const ring = new Ring()
    for (let note = 0; note < 1000; note++) ring.note(HIT, note, 1, note, `${note}`.padEnd(10_000, 'x'), 0)
    expect(ring.keys.reduce((sum, key) => sum + key.length, 0)).toBeLessThanOrEqual(2 ** 21 + 10_000)
    expect(ring.count).toBeGreaterThan(200)
    expect(ring.count + ring.lost).toBe(1000)
  })

  it('lets go of a key once the next note is taken, and has room again then', () => {
    const ring = new Ring()
    for (let note = 0; note < 300; note++) ring.note(HIT, note, 1, note, 'x'.repeat(10_000), 0)
    const first = ring.take()
    expect(ring.keys[first]).toHaveLength(10_000)
    while (ring.take() >= 0);
    expect(ring.keys.every((key) => key === '')).toBe(true)
    expect(ring.note(HIT, 1, 1, 1, 'one', 0)).toBeGreaterThanOrEqual(0)
  })

  it('keeps every key that waits where it is full again after one was taken, and hears again afterwards', () => {
    const ring = new Ring()
    const fill = () => {
      let noted = 0
      while (ring.note(HIT, 1, 1, 1, 'k'.repeat(100), 0) >= 0) noted++
      return noted
    }
    const places = fill()
    for (let round = 0; round < 100; round++) {
      ring.take()
      expect(fill()).toBe(1)
    }
    for (let at = ring.take(); at >= 0; at = ring.take()) expect(ring.keys[at]).toHaveLength(100)
    expect(fill()).toBe(places)
  })
})

describe('the hottest keys', () => {
  it('are told by their first characters where they are long', () => {
    const hot = new HotTiers(fakeClock())
    hot.note('memory', 'user:7', 'default')
    hot.note('memory', 'x'.repeat(10_000), 'other')
    expect(hot.top(2)[0]?.keys.map(({ key }) => key)).toEqual(['user:7', `other ${'x'.repeat(512)}…`])
  })
  it('fade: after a quarter of an hour a read counts half, and what was hot yesterday is not told', () => {
    const clock = fakeClock()
    const hot = new HotTiers(clock)
    const read = (key: string, times: number): void => {
      for (let turn = 0; turn < times; turn++) hot.note('memory', key, 'default')
    }
    const told = (): (readonly [string, number])[] =>
      hot.top(3)[0]?.keys.map(({ key, count }) => [key, count] as const) ?? []
    read('yesterday', 100)
    expect(told()).toEqual([['yesterday', 6400]])
    clock.advance(15 * 60_000)
    expect(told()).toEqual([['yesterday', 3200]])
    read('now', 60)
    expect(told()).toEqual([
      ['now', 3840],
      ['yesterday', 3200],
    ])
    clock.advance(60 * 60_000)
    expect(told()).toEqual([
      ['now', 240],
      ['yesterday', 200],
    ])
    // Beyond the time after which counts are made small again.
    clock.advance(24 * 60 * 60_000)
    read('now', 10)
    expect(told()).toEqual([['now', 640]])
    clock.advance(15 * 60_000)
    expect(told()).toEqual([['now', 320]])
  })

  it('wait to be counted in bounded room, and say once when it is time', () => {
    const hot = new HotTiers(fakeClock())
    const burst = () =>
      Array.from({ length: 600 }, (_, at) => hot.note('memory', `k${at % 2}`, 'default')).filter((isTime) => isTime)
    const counts = () => hot.top(2)[0]?.keys.map(({ count }) => count)
    expect(burst()).toHaveLength(1)
    // 512 have room, and each stands for 64 reads.
    expect(counts()).toEqual([256 * 64, 256 * 64])
    expect(burst()).toHaveLength(1)
    expect(counts()).toEqual([512 * 64, 512 * 64])
  })
})

describe('numbers of namespaces', () => {
  it('are the same for the same name, and one for all that come late, which is nobody’s', () => {
    const spaces = new SpaceNumbers()
    const numbers = Array.from({ length: 1000 }, (_, at) => spaces.of(`tenant-${at}`))
    expect(new Set(numbers).size).toBe(1000)
    expect(spaces.of('tenant-7')).toBe(numbers[7])
    expect(spaces.name(spaces.of('tenant-999'))).toBe('tenant-999')
    const late = spaces.of('tenant-1000')
    expect([spaces.name(late), spaces.of('tenant-1001')]).toEqual(['', late])
  })
})
