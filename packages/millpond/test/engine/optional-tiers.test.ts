// T9: a tier whose package is not installed is an error with the remedy; marked `optional` it is left out, with a
// warning.
import { once } from 'node:events'
import { createCache, MillpondError, memory } from 'millpond'
import { expect, test } from 'vitest'
import { simulatedServer } from '../../src/testing/index.ts'
import { closeAfterEach, open } from './setups.ts'

closeAfterEach()

/** What `redis()` throws where ioredis is not there. */
function missing(): never {
  const cause = Object.assign(new Error("Cannot find module 'ioredis'"), { code: 'MODULE_NOT_FOUND' })
  throw new MillpondError(
    'OPTION_INVALID',
    'redis: the package ioredis could not be loaded: run "npm install ioredis"',
    { cause },
  )
}

test('T9: a tier may be given as the function that makes it, which is called once', async () => {
  let made = 0
  const use = () => {
    made++
    return simulatedServer().connect()
  }
  const cache = open({ tiers: [{ use: () => memory() }, { use, ttlFactor: 2 }] })
  await cache.set('k', 1)
  expect([made, cache.describe().tiers.length, await cache.get('k')]).toEqual([1, 2, 1])
})

test('T9: without its package it is an error that says what to install, wherever it is made', () => {
  expect(() => open({ tiers: [memory(), { use: missing }] })).toThrow(/run "npm install ioredis"/)
  expect(() => open({ tiers: [memory(), { use: missing, optional: false }] })).toThrow(/run "npm install ioredis"/)
})

test('T9: optional, it is left out, and who listens is told why', async () => {
  const cache = open({ tiers: [memory(), { use: missing, optional: true }] })
  const warned = new Promise((resolve) => cache.on('warning', resolve))
  await expect(warned).resolves.toMatchObject({
    message: expect.stringMatching(/^tiers\[1\] is optional and was left out.*npm install ioredis/),
    error: { code: 'OPTION_INVALID' },
  })
  expect(cache.info().config.tiers).toEqual(['memory'])
  await cache.set('k', 1)
  expect(await cache.get('k')).toBe(1)
})

test('T9: without a listener the process prints a warning', async () => {
  const warned = once(process, 'warning')
  open({ tiers: [memory(), { use: missing, optional: true }] })
  expect(await warned).toMatchObject([
    { name: 'MillpondWarning', message: expect.stringContaining('npm install ioredis') },
  ])
})

test('T9: any other fault of an optional tier is an error as ever', () => {
  const broken = () => {
    throw new Error('a syntax error in the package')
  }
  expect(() => open({ tiers: [memory(), { use: broken, optional: true }] })).toThrow('a syntax error')
  const wrong = () => {
    throw new MillpondError('OPTION_INVALID', 'redis url: "x" is not allowed')
  }
  expect(() => open({ tiers: [memory(), { use: wrong, optional: true }] })).toThrow('redis url')
})

test.each<[string, object, RegExp]>([
  ['a function that makes no tier', { use: () => 5 }, /tiers\[1\].use: .*is not a tier/],
  [
    'one that is made already',
    { use: simulatedServer().connect(), optional: true },
    /tiers\[1\]\.optional: the tier already exists.*\(\) => redis/,
  ],
  ['a text', { use: missing, optional: 'yes' }, /tiers\[1\]\.optional: "yes" is not allowed: give true or false/],
])('T9: optional is refused with %s', (_, use, message) => {
  expect(() => createCache({ tiers: [memory(), use as never] })).toThrow(message)
})

test('T9: all tiers left out is as no tier', () => {
  expect(() => open({ tiers: [{ use: missing, optional: true }] })).toThrow(/tiers: \[\] has no tier/)
})
