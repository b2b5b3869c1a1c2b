// What redis() accepts, and how it refuses the rest.
import { describe, expect, test } from 'vitest'
import { MillpondError } from '../../src/core/errors.ts'
import { type RedisTierOptions, redis } from '../../src/tiers/redis/index.ts'

function refusal(options: RedisTierOptions): MillpondError {
  try {
    redis(options)
  } catch (error) {
    if (error instanceof MillpondError) return error
    throw error
  }
  throw new Error('it was accepted')
}

describe('a malformed URL throws where it stands, shows itself without its secrets, and says how one looks', () => {
  test.each([
    [''],
    ['localhost'],
    ['localhost:6379'],
    ['//localhost'],
    ['http://localhost:6379'],
    ['redis:/localhost'],
    ['redis://'],
    ['redis://:6379'],
    ['redis://localhost:port'],
    ['redis://localhost:99999'],
    ['redis://localhost/shop'],
    ['redis://localhost/1/2'],
    ['redis://localhost/-1'],
    ['redis://localhost?db=3'],
    ['redis://user:%zz@localhost'],
    ['redis://user:secret@local host'],
    ['redis://user:secret@localhost:port'],
    ['redis//user:secret@localhost'],
    ['user:secret@localhost'],
  ])('%j', (url) => {
    const error = refusal({ url })
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toMatch(/^\[millpond\] redis url: ".*redis:\/\/user:password@host:6379\/0$/)
    expect(error.message).not.toMatch(/secret|%zz/)
  })

  test.each([
    ['redis://localhost'],
    ['redis://127.0.0.1:6380/15'],
    ['rediss://user:p%40ss@[::1]:6379/'],
    ['valkey://cache.internal'],
    ['valkeys://:password@cache.internal/0'],
  ])('%j is accepted', async (url) => {
    await redis({ url }).close()
  })
})

describe('other options', () => {
  test.each([
    [{ url: 'redis://a', host: 'b' }, /host: "b" is given beside url/],
    [{ host: '' }, /host: ""/],
    [{ host: 'a b' }, /host: "a b"/],
    [{ port: 0 }, /port: 0/],
    [{ port: 70_000 }, /port: 70000/],
    [{ port: 1.5 }, /port: 1.5/],
    [{ db: -1 }, /db: -1/],
    [{ db: 0.5 }, /db: 0.5/],
    [{ path: '' }, /path: ""/],
    [{ commandTimeout: 0 }, /commandTimeout: 0/],
    [{ connectTimeout: Number.POSITIVE_INFINITY }, /connectTimeout: Infinity/],
    [{ retain: { targets: 0 } }, /retain.targets: 0/],
  ] as const)('%j', (options, message) => {
    const error = refusal(options)
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toMatch(message)
  })

  test('what a client has options of its own for', async () => {
    const { Redis } = await import('ioredis')
    const client = new Redis({ lazyConnect: true })
    expect(refusal({ client, url: 'redis://a' }).message).toMatch(/client: is given beside url/)
    expect(refusal({ client, password: 'secret' }).message).toMatch(/password: is given beside client/)
    client.disconnect()
  })

  test('durations', () => {
    expect(refusal({ commandTimeout: 'soon' }).code).toBe('DURATION_INVALID')
  })

  test('unknown names and values of other kinds, as plain JavaScript may pass them', () => {
    const options = (given: object): RedisTierOptions => given
    expect(refusal(options({ hots: 'localhost' })).message).toContain('"hots"')
    expect(refusal(options({ url: 6379 })).message).toContain('6379')
    expect(refusal(options({ client: {} })).message).toContain('client')
    expect(refusal(options({ tls: 'yes' })).message).toContain('tls: "yes"')
    expect(refusal(options({ keyPrefix: 5 })).message).toContain('keyPrefix: 5')
    expect(refusal(options({ password: 12_345 })).message).not.toContain('12345')
  })
})
