// The order of the suites: what takes longest first, all others as they were.
import { expect, test } from 'vitest'
import { longestFirst } from '../longest-first.mjs'

test('what is known to take long comes first, in its order, wherever the project lies', () => {
  const paths = [
    '/repo/packages/millpond/test/core/key.test.ts',
    '/repo/packages/millpond/test/docs.test.ts',
    '/repo/packages/millpond/test/core/glob.test.ts',
    '/repo/packages/millpond/test/races/defects.test.ts',
    'C:\\a\\packages\\millpond\\test\\memory\\weigh.test.ts',
    '/repo/packages/control/test/docs.test.ts',
  ]
  expect(longestFirst(paths)).toEqual([1, 3, 4, 0, 2, 5])
})
