// Log lines: always one line of JSON, whatever the fields hold.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLog, logLine } from '../../src/observe/index.ts'

const head = { at: 1_700_000_000_000, level: 'warn', service: 'shop', event: 'tier.error', message: 'redis did not answer' } as const

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
    expect(parsed(logLine({ ...head, fields: { message: 'forged', '@timestamp': 0, 'log.level': 'debug' } }))).toMatchObject({
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
    expect(() => Reflect.apply(createLog, undefined, [{ level: 'loud' }])).toThrowError(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})
