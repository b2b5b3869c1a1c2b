// Patterns of keys that are told apart: a bound on how many, however many there are, and the busy ones among them.
import { expect, it } from 'vitest'
import { hashOf } from '../../src/core/key-hash.ts'
import { ACTUAL_OF_PATTERN, scenariosOfPattern } from '../../src/insight/grid.ts'
import { Patterns } from '../../src/insight/patterns.ts'

/** Letters alone: digits would be taken for an id. */
const word = (number: number): string => [...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('')

it('are told apart up to a bound of a hundred thousand, and the one that is read often is found among them', () => {
  const patterns = new Patterns(scenariosOfPattern(1000), ACTUAL_OF_PATTERN)
  const read = (hash: number, key: string): void => {
    const study = patterns.of(hash, key, 'default', hash)
    patterns.read(study)
  }
  for (let number = 0; number < 100_000; number++) {
    read(Math.imul(number, 2_654_435_761) | 0, `${word(number)}:7`)
    if (number > 1000 && number % 10 === 0) read(Math.imul(number, 40_503) | 1, `busy:${number}`)
  }
  const [busiest] = patterns.list()
  expect(patterns.list()).toHaveLength(24)
  expect(busiest).toMatchObject({ pattern: 'busy:*', namespace: 'default' })
  expect(busiest?.recent).toBeGreaterThan(1000)
})

it('keeps what it has learnt of patterns that are read alike, where there are more of them than places', () => {
  const patterns = new Patterns(scenariosOfPattern(1000), ACTUAL_OF_PATTERN, 4)
  const met = new Set<string>()
  // One that is soon read no more gives its place to the first of those that are read twice as often.
  for (let read = 0; read < 110; read++)
    patterns.read(patterns.of(hashOf(`rare:${read}`, 0), `rare:${read}`, 'default', 0))
  for (let read = 0; read < 40_000; read++) {
    // Eight patterns of 500 keys; the first is read three times as often.
    const kind = read % 10 < 3 ? 0 : (read % 10) - 2
    const key = `${word(kind)}:${Math.floor(read / 10) % 500}`
    patterns.read(patterns.of(hashOf(key, 0), key, 'default', read))
    for (const { pattern } of patterns.list()) met.add(pattern)
  }
  expect(patterns.list()).toHaveLength(4)
  expect(met.size).toBe(5)
  const [busiest, ...others] = patterns.list()
  expect(busiest?.pattern).toBe(`${word(0)}:*`)
  expect((busiest?.recent ?? 0) / (busiest?.ofRecent ?? 0)).toBeCloseTo(0.3, 2)
  for (const { recent, ofRecent } of others) {
    expect(ofRecent).toBeGreaterThan(20_000)
    expect(recent / ofRecent).toBeCloseTo(0.1, 2)
  }
})

it('counts the reads of a pattern that came later among those since then', () => {
  const patterns = new Patterns(scenariosOfPattern(1000), ACTUAL_OF_PATTERN)
  const read = (key: string) => patterns.read(patterns.of(hashOf(key, 0), key, 'default', 0))
  for (let id = 0; id < 30_000; id++) read(`user:${id % 300}`)
  for (let id = 0; id < 30_000; id++) read(id % 2 === 0 ? `user:${id % 300}` : `deal:${id % 300}`)
  const [user, deal] = patterns.list()
  expect([user?.pattern, deal?.pattern]).toEqual(['user:*', 'deal:*'])
  expect((user?.recent ?? 0) / (user?.ofRecent ?? 0)).toBeCloseTo(0.75, 2)
  expect((deal?.recent ?? 0) / (deal?.ofRecent ?? 0)).toBeCloseTo(0.5, 2)
})
