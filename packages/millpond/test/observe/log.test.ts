// Log lines: always one line of JSON, whatever the fields hold.
import { describe, expect, it } from 'vitest'
import { Events } from '../../src/core/events.ts'
import { type CacheOptions, createCache, memory, type Tier } from '../../src/index.ts'
import { logEvents } from '../../src/observe/event-lines.ts'
import { createLog, type Level, logLine } from '../../src/observe/index.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import fc from '../properties.ts'

const head = {
  at: 1_700_000_000_000,
  level: 'warn',
  service: 'shop',
  event: 'tier.error',
  message: 'redis did not answer',
} as const

function parsed(line: string): Record<string, unknown> {
  expect(line.indexOf('\n')).toBe(line.length - 1)
  return JSON.parse(line)
}

describe('M3 structured log', () => {
  it('has the fields that an ELK stack looks for', () => {
    const error = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    expect(parsed(logLine({ ...head, fields: { tier: 'redis', ms: 12.5, error, size: 5n } }))).toMatchObject({
      '@timestamp': '2023-11-14T22:13:20.000Z',
      'log.level': 'warn',
      message: 'redis did not answer',
      'service.name': 'shop',
      'event.action': 'tier.error',
      'ecs.version': '8.11.0',
      tier: 'redis',
      ms: 12.5,
      size: '5',
      'error.type': 'Error',
      'error.message': 'refused',
      'error.code': 'ECONNREFUSED',
    })
  })

  it('fields never overwrite the head', () => {
    expect(
      parsed(logLine({ ...head, fields: { message: 'forged', '@timestamp': 0, 'log.level': 'debug' } })),
    ).toMatchObject({
      message: head.message,
      'log.level': 'warn',
    })
  })

  it('is one line of JSON for any fields', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.dictionary(fc.string(), fc.anything({ withBigInt: true, withDate: true, withMap: true })),
        (message, fields) => {
          parsed(logLine({ ...head, message, fields }))
        },
      ),
    )
  })

  it('cycles, getters that throw, and endless texts cost the fields, not the line', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const throwing = {
      get a(): never {
        throw new Error('no')
      },
    }
    for (const fields of [cycle, { throwing }, { list: Array.from({ length: 100_000 }, () => 'x') }]) {
      const line = logLine({ ...head, fields })
      expect(parsed(line).labels).toHaveProperty('fields_dropped')
      expect(line.length).toBeLessThan(20_000)
    }
    expect(logLine({ ...head, message: 'x'.repeat(1_000_000) }).length).toBeLessThan(20_000)
    expect(parsed(logLine({ ...head, at: Number.NaN }))['@timestamp']).toBe('1970-01-01T00:00:00.000Z')
  })

  it('writes from its level up', () => {
    const lines: string[] = []
    const log = createLog({ level: 'warn', write: (line) => lines.push(line), now: () => 0 })
    log.debug('a', 'no')
    log.info('b', 'no')
    log.warn('c', 'yes')
    log.error('d', 'yes', { key: 'k' })
    expect(lines.map((line) => parsed(line)['event.action'])).toEqual(['c', 'd'])
    expect(() => Reflect.apply(createLog, undefined, [{ level: 'loud' }])).toThrowError(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })
})

describe('M3 log lines of a cache', () => {
  const failing = (): Tier => ({
    name: 'far',
    scope: 'process',
    durable: false,
    read: () => Promise.reject(new Error('away')),
    write: () => Promise.reject(new Error('away')),
    drop: () => Promise.reject(new Error('away')),
    clear: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  })
  const lines: Record<string, unknown>[] = []
  const logged = (level: Level, more: CacheOptions = {}) => {
    lines.length = 0
    return createCache({ name: 'shop', ...more, log: createLog({ level, write: (text) => lines.push(parsed(text)) }) })
  }
  const actions = () => lines.map((line) => line['event.action'])

  it('tell what happens, by level; keys of single reads at debug alone, values never', async () => {
    const cache = logged('debug')
    await cache.set('user:7', 'a secret')
    await cache.get('user:7')
    await cache.get('user:8')
    await cache.invalidateTags(['users'])
    expect(actions()).toEqual(['cache.set', 'cache.hit', 'cache.miss', 'cache.invalidate'])
    expect(lines[2]).toMatchObject({
      'log.level': 'debug',
      millpond: { cache: 'shop', namespace: 'default', key: 'user:8', cause: 'cold' },
    })
    expect(lines[3]).toMatchObject({ 'log.level': 'info', millpond: { reason: 'tag_based', targets: 1 } })
    expect(JSON.stringify(lines)).not.toContain('a secret')
    const quiet = logged('info')
    await quiet.get('user:7')
    await quiet.invalidateTags(['users'])
    await expect(quiet.getOrSet('user:9', () => Promise.reject(new Error('no source')))).rejects.toThrow()
    expect(actions()).toEqual(['cache.invalidate', 'load.failed'])
    expect(JSON.stringify(lines)).not.toContain('user:9')
    const silent = logged('error')
    await silent.invalidateTags(['users'])
    expect(lines).toEqual([])
    await Promise.all([cache.close(), quiet.close(), silent.close()])
  })

  it('of a tier that is away come once a second, and say how many were left out', async () => {
    const clock = fakeClock()
    const cache = logged('warn', { clock, tiers: [memory(), { use: failing(), breaker: false }] })
    for (let at = 0; at < 50; at++) await cache.get(`k${at}`)
    expect(actions()).toEqual(['tier.failed'])
    expect(lines[0]).toMatchObject({
      'log.level': 'warn',
      'error.message': 'away',
      millpond: { tier: 'far', verb: 'read' },
    })
    await clock.advance(1000)
    await cache.get('again')
    expect(lines[1]).toMatchObject({ millpond: { left_out: 49 } })
    await cache.close()
  })

  it('of more kinds than are kept apart share a line a second, until others have been quiet for one', () => {
    lines.length = 0
    const events = new Events()
    let at = 0
    logEvents('shop', events, createLog({ write: (text) => lines.push(parsed(text)) }), () => at)
    const fail = (namespace: string): void =>
      events.emit('loadError', { namespace, key: 'k', error: new Error('away') })
    for (let tenant = 0; tenant < 1500; tenant++) fail(`t${tenant}`)
    expect(lines).toHaveLength(1001)
    at = 1000
    for (let tenant = 2000; tenant < 2500; tenant++) fail(`t${tenant}`)
    expect(lines).toHaveLength(1501)
    fail('t2000')
    expect(lines).toHaveLength(1501)
  })

  it('of a warning that is said again and again come once a second', () => {
    lines.length = 0
    const events = new Events()
    logEvents('shop', events, createLog({ write: (text) => lines.push(parsed(text)) }), () => 0)
    for (let at = 0; at < 50; at++)
      events.emit('warning', { message: 'no time to live was chosen', error: new Error('broken') })
    events.emit('warning', { message: 'another one' })
    expect(lines.map(({ message }) => message)).toEqual(['no time to live was chosen', 'another one'])
  })

  it('register no listener for events below their level', () => {
    const heard = (level: Level): boolean[] => {
      const events = new Events()
      logEvents('shop', events, createLog({ level, write: () => {} }), () => 0)
      return [
        events.hearsHits,
        events.hearsRemovals,
        events.has('miss'),
        events.has('invalidate'),
        events.has('tierError'),
        events.has('breaker'),
      ]
    }
    expect(heard('debug')).toEqual([true, true, true, true, true, true])
    expect(heard('info')).toEqual([false, false, false, true, true, true])
    expect(heard('warn')).toEqual([false, false, false, false, true, true])
    expect(heard('error')).toEqual([false, false, false, false, false, true])
  })

  it('have the fields of the log itself, and tell a breaker that opens', async () => {
    const written: string[] = []
    const log = createLog({ fields: { 'service.node.name': 'web-1', shard: 1 }, write: (text) => written.push(text) })
    log.info('began', 'it began', { shard: 2 })
    expect(parsed(written[0] ?? '')).toMatchObject({ 'service.node.name': 'web-1', shard: 2 })
    const cache = logged('error', { tiers: [memory(), { use: failing(), breaker: { threshold: 3 } }] })
    for (let at = 0; at < 5; at++) await cache.get(`k${at}`)
    expect(actions()).toEqual(['breaker.open'])
    await cache.close()
  })
})
