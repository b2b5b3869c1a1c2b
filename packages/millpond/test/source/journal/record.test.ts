import { describe, expect, it } from 'vitest'
import { encodePut, encodeSettled, scan } from '../../../src/source/journal/record.ts'

const records = Array.from({ length: 12 }, (_, at) => ({
  number: 1_000_000 + at,
  key: at === 3 ? 'half \ud800 pair' : `key:${at}`,
  body: Uint8Array.from({ length: at * 7 }, (_, index) =>
    at === 5 && index < 2 ? (index === 0 ? 0xb7 : 0x4a) : (index * 31) & 0xff,
  ),
}))
const parts = [...records.map(encodePut), encodeSettled('key:1', 1_000_001)]
const journal = Buffer.concat(parts)
const ends = parts.map((_, at) => parts.slice(0, at + 1).reduce((sum, part) => sum + part.length, 0))

describe('the records of a journal', () => {
  it('come back as they were written', () => {
    const { items, lost, end } = scan(journal)
    expect(items.map((item) => (item.kind === 'put' ? item.record : [item.key, item.number]))).toEqual([
      ...records,
      ['key:1', 1_000_001],
    ])
    expect({ lost, end }).toEqual({ lost: 0, end: journal.length })
  })

  it('come back up to the last whole one from every cut', () => {
    for (let cut = 0; cut <= journal.length; cut++) {
      const { items, end } = scan(journal.subarray(0, cut))
      const whole = ends.filter((at) => at <= cut)
      expect(items.length, `cut at ${cut}`).toBe(whole.length)
      expect(end).toBe(whole.at(-1) ?? 0)
    }
  })

  it('cost themselves alone when one of their bits flips', () => {
    for (let bit = 0; bit < journal.length * 8; bit++) {
      const flipped = Buffer.from(journal)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const hurt = ends.findIndex((end) => bit >> 3 < end)
      const { items, lost } = scan(flipped)
      expect(items.length, `bit ${bit}`).toBe(parts.length - 1)
      expect(lost).toBe(parts[hurt]?.length)
    }
  })

  it('refuse a key or a body that their head cannot say', () => {
    expect(() => encodePut({ number: 1, key: 'k'.repeat(0x1000000), body: new Uint8Array() })).toThrow(
      /VALUE_TOO_LARGE|at most/,
    )
  })
})
