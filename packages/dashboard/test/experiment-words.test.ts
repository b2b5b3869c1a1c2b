// What the page of an experiment says once a verdict was sure: it stays, unless harm came after it.
import { expect, it } from 'vitest'
import type { Experiment } from '../src/api/experiments.ts'
import { reasonOf, verdictOf, winnerOf } from '../src/pages/experiments/words.ts'

const decided = { at: '2026-11-28T10:00:00.000Z', verdict: 'better', winner: 'longer', text: 'longer is better: +1.06' }
const found = (verdict: string, winner: string | null, text: string) =>
  ({ decided, judgement: { verdict, winner, text }, state: 'ended', applied: null }) as unknown as Experiment
const numbers = { count: String } as never

it('keeps what was sure, also where later traffic says less', () => {
  const experiment = found('undecided', null, 'nothing is certain yet')
  expect([verdictOf(experiment), reasonOf(numbers, experiment), winnerOf(experiment)]).toEqual([
    'longer is better',
    'longer is better: +1.06',
    'longer',
  ])
})

it.each([
  ['harm', 'as it is', 'longer does harm: about 45.0 % of reads are stale', 'It did harm and was stopped'],
  ['uneven', null, 'the arms did not get the keys', 'The arms did not get the assigned keys'],
] as const)('says after %s what it found, and offers no arm', (verdict, winner, text, title) => {
  const experiment = found(verdict, winner, text)
  expect([verdictOf(experiment), reasonOf(numbers, experiment), winnerOf(experiment)]).toEqual([title, text, null])
})
