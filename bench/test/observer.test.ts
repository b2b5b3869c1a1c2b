// Shares of a CPU profile, of profiles whose shares are known, and the interval of differences.
import { expect, it } from 'vitest'
import { intervalOf } from '../src/observer/interval.ts'
import { type Profile, shareUnder } from '../src/observer/profile.ts'

const node = (id: number, functionName: string, url: string, ...children: number[]) => ({
  id,
  callFrame: { functionName, url },
  children,
})
const profile = (samples: number[]): Profile => ({
  nodes: [
    node(1, '(root)', '', 2, 3, 5, 6),
    node(2, '(idle)', ''),
    node(3, 'look', '/x/packages/control/dist/clock.js', 4),
    node(4, 'stats', '/x/packages/millpond/dist/stats.js'),
    node(5, 'stats', '/x/packages/millpond/dist/stats.js'),
    node(6, '(garbage collector)', ''),
  ],
  startTime: 0,
  endTime: samples.length * 1e6,
  samples,
  timeDeltas: samples.map(() => 1e6),
})

it('is the time under the functions and what they call, of all that was work', () => {
  const { share, busy } = shareUnder(profile([3, 4, 5, 6, 5, 5, 2, 2, 2, 2]), /packages\/control/, 100, 0)
  expect(share).toBeCloseTo(2 / 6)
  expect(busy).toBeCloseTo(0.6)
})

it('leaves out what came before the run and at its edges', () => {
  expect(shareUnder(profile([3, 3, 3, 3, 3, 3, 5, 4, 3, 3]), /packages\/control/, 6, 2).share).toBeCloseTo(1 / 2)
})

it('is 0 of nothing', () => {
  expect(shareUnder(profile([2, 2]), /packages\/control/, 10, 0)).toEqual({ share: 0, busy: 0 })
})

it('has the interval of the tables: of ten differences without their eight least and eight greatest pairs', () => {
  expect(intervalOf([7, 2, 10, 4, 1, 9, 3, 8, 6, 5])).toEqual({ middle: 5.5, from: 3, to: 8 })
})
