// What a damaged connection makes of a script's answer is an error of the tier, never a number to reckon with.
import { describe, expect, it } from 'vitest'
import { whole } from '../../src/tiers/redis/script.ts'

describe('a whole number in an answer', () => {
  it.each([
    [0, 0],
    [-1, -1],
    ['17', 17],
    [Buffer.from('-1'), -1],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('%s is %s', (reply, number) => expect(whole(reply)).toBe(number))

  it.each([
    undefined,
    null,
    '',
    'OK',
    '1.5',
    1.5,
    '9007199254740993',
    Number.NaN,
    [],
    [1],
    [1, 2],
    {},
    Buffer.from(''),
    Buffer.from('+-1'),
    new Error('ERR'),
  ])('%s is none', (reply) => expect(() => whole(reply)).toThrow('no whole number'))
})
