// Patterns of keys that are told apart: a bound on how many, however many there are, and the busy ones among them.
import { expect, it } from 'vitest'
import { ACTUAL_OF_PATTERN, scenariosOfPattern } from '../../src/insight/grid.ts'
import { Patterns } from '../../src/insight/patterns.ts'

/** Letters alone: digits would be taken for an id. */
const word = (number: number): string => [...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('')

it('are told apart up to a bound of a hundred thousand, and the one that is read often is found among them', () => {
  const patterns = new Patterns(scenariosOfPattern(1000), ACTUAL_OF_PATTERN)
  const read = (hash: number, key: string): void => {
    const study = patterns.of(hash, key, 'default', hash)
    if (study !== undefined) patterns.read(study)
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
