// What the page of an experiment says once a verdict was significant: it stays, unless harm came after it.
import { expect, it } from 'vitest'
import { standingOf, winnerOf } from '../src/pages/experiments/standing.ts'

const decided = { verdict: 'better', winner: 'longer', text: 'longer is better: +1.06' }

it.each([
  ['undecided', null, 'nothing is certain yet'],
  ['no_difference', 'as it is', 'no difference that matters'],
])('keeps what was significant, also where later traffic says less: %s', (verdict, winner, text) => {
  const experiment = { decided, judgement: { verdict, winner, text } }
  expect([standingOf(experiment), winnerOf(experiment)]).toEqual([decided, 'longer'])
})

it.each([
  ['harm', 'as it is', 'longer does harm: about 45.0 % of reads are stale'],
  ['uneven', null, 'the arms did not get the keys that were assigned to them'],
])('says after %s what was found, and offers no arm', (verdict, winner, text) => {
  const experiment = { decided, judgement: { verdict, winner, text } }
  expect([standingOf(experiment), winnerOf(experiment)]).toEqual([experiment.judgement, null])
})

it('is the present judgement while nothing is significant', () => {
  const judgement = { verdict: 'better', winner: 'longer', text: 'longer is better: +1.00' }
  expect([standingOf({ decided: null, judgement }), winnerOf({ decided: null, judgement })]).toEqual([
    judgement,
    'longer',
  ])
})
