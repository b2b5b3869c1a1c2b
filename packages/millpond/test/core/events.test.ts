// Events: what a listener does is its own affair.
import { memory } from 'millpond'
import { describe, expect, it } from 'vitest'
import { Events } from '../../src/core/events.ts'
import { closeAfterEach, open } from '../engine/setups.ts'

describe('events', () => {
  closeAfterEach()

  it.each([
    ['an event that does not exist', ['hits', () => {}]],
    ['a name of Object.prototype', ['constructor', () => {}]],
    ['no listener', ['hit']],
    ['a listener that is not a function', ['hit', {}]],
  ])('refuses %s', (_, args) => {
    expect(() => Reflect.apply(open().on, open(), args)).toThrowError(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })

  it('a listener that throws, rejects later or never ends disturbs neither the cache nor the other listeners', async () => {
    const cache = open({ tiers: [memory()] })
    const warnings: string[] = []
    const heard: string[] = []
    cache.on('warning', ({ message }) => {
      warnings.push(message)
      throw new Error('a listener of warnings, too')
    })
    cache.on('warning', async () => Promise.reject(new Error('and later')))
    cache.on('set', () => {
      throw new Error('at once')
    })
    cache.on('set', async () => {
      await Promise.resolve()
      throw new Error('later')
    })
    cache.on('set', () => Promise.reject(new Error('at once, as a promise')))
    cache.on('set', () => new Promise(() => {}))
    cache.on('set', ({ key, namespace }) => heard.push(`${namespace}/${key}`))
    await cache.set('k', 1)
    await cache.namespace('reports').set('k', 1)
    await new Promise((resolve) => setImmediate(resolve))
    expect(heard).toEqual(['default/k', 'reports/k'])
    expect(warnings.sort()).toEqual([
      ...Array.from({ length: 4 }, () => "a listener of 'set' rejected"),
      "a listener of 'set' threw",
      "a listener of 'set' threw",
    ])
  })

  it('stops the one listener that is asked to, once', () => {
    const events = new Events()
    let calls = 0
    const listener = (): number => calls++
    const stop = events.on('set', listener)
    events.on('set', listener)
    stop()
    stop()
    events.emit('set', { key: 'k', namespace: 'default' })
    expect(calls).toBe(1)
  })
})
