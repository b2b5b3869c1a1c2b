// What a suite leaves behind in its process: each is told by its name, and nothing is once it was put back.
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { watchProcess } from '../left-behind.mjs'

const FUNCTIONS: readonly (readonly [name: string, owner: object, key: string])[] = [
  ['Date', globalThis, 'Date'],
  ['Date.now', Date, 'now'],
  ['performance.now', performance, 'now'],
  ['setTimeout', globalThis, 'setTimeout'],
  ['setInterval', globalThis, 'setInterval'],
  ['setImmediate', globalThis, 'setImmediate'],
  ['queueMicrotask', globalThis, 'queueMicrotask'],
  ['process.nextTick', process, 'nextTick'],
  ['Math.random', Math, 'random'],
  ['fetch', globalThis, 'fetch'],
  ['console.log', console, 'log'],
  ['console.warn', console, 'warn'],
  ['console.error', console, 'error'],
]

/** Synchronous: nothing else of the process sees the change. */
function leftOf(change: () => () => void): string[][] {
  const left = watchProcess()
  const putBack = change()
  try {
    const changed = left()
    putBack()
    return [changed, left()]
  } finally {
    putBack()
  }
}

test.each(FUNCTIONS)('%s', (name, owner, key) => {
  const changed = leftOf(() => {
    const was = Object.getOwnPropertyDescriptor(owner, key)
    Object.defineProperty(owner, key, { value: class {}, configurable: true, writable: true })
    return () => {
      if (was === undefined) Reflect.deleteProperty(owner, key)
      else Object.defineProperty(owner, key, was)
    }
  })
  expect(changed).toEqual([expect.arrayContaining([name]), []])
})

test.each(['unhandledRejection', 'uncaughtException'])('the listeners of %s', (event) => {
  const listener = () => {}
  const changed = leftOf(() => {
    process.on(event, listener)
    return () => void process.off(event, listener)
  })
  expect(changed).toEqual([[`the listeners of ${event}`], []])
})

test('the working directory', () => {
  const was = process.cwd()
  const changed = leftOf(() => {
    process.chdir(tmpdir())
    return () => process.chdir(was)
  })
  expect(changed).toEqual([['the working directory'], []])
})

test('variables that are new, other or gone', () => {
  const name = 'MILLPOND_LEFT_BEHIND'
  const setTo = (text: string | undefined) => {
    if (text === undefined) Reflect.deleteProperty(process.env, name)
    else Reflect.set(process.env, name, text)
  }
  const told = [[`process.env.${name}`], []]
  for (const [before, after] of [
    [undefined, 'a'],
    ['a', 'b'],
    ['b', undefined],
  ] as const) {
    setTo(before)
    expect(
      leftOf(() => {
        setTo(after)
        return () => setTo(before)
      }),
    ).toEqual(told)
  }
  setTo(undefined)
})
