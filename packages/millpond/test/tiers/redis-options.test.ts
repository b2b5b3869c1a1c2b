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
    [{ url: 'redis://a', host: 'b' }, /host: "b" is given together with url/],
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

  const one = [{ host: 'a' }]
  test.each([
    [{ sentinels: [], name: 'm' }, /sentinels: \[\] is not a list of servers: give one such as/],
    [{ sentinels: one }, /name: undefined .* such as 'mymaster'/],
    [{ sentinels: one, name: '' }, /name: "" /],
    [{ name: 'm' }, /name: has no effect without sentinels/],
    [{ sentinelPassword: 'secret' }, /sentinelPassword: has no effect without sentinels/],
    [
      { sentinels: [{ host: 'a', port: 0 }], name: 'm' },
      /sentinels\[0\]\.port: 0 is not a port: give a whole number from 1 to 65535/,
    ],
    [{ sentinels: [{ host: 'a b' }], name: 'm' }, /sentinels\[0\]\.host: "a b"/],
    [{ sentinels: one, name: 'm', host: 'b' }, /host: "b" is given together with sentinels/],
    [{ sentinels: one, name: 'm', cluster: one }, /cluster: .* is given together with sentinels/],
    [{ cluster: [] }, /cluster: \[\] is not a list of servers/],
    [{ cluster: one, url: 'redis://a' }, /cluster: .* is given together with url: use only one of them/],
    [{ cluster: one, port: 6379 }, /port: 6379 is given together with cluster/],
    [{ cluster: [...one, { host: 'a', port: 65_536 }] }, /cluster\[1\]\.port: 65536/],
    [{ cluster: one, db: 1 }, /db: 1 does not exist in a cluster/],
  ] as const)('%j', (options, message) => {
    const error = refusal(options)
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain('secret')
  })

  test('lists of other kinds, as plain JavaScript may pass them', () => {
    const options = (given: object): RedisTierOptions => given
    expect(refusal(options({ cluster: 'localhost:6379' })).message).toContain(
      'redis.cluster: "localhost:6379" is not allowed: give a list of servers',
    )
    expect(refusal(options({ cluster: ['localhost:6379'] })).message).toContain(
      'cluster[0]: "localhost:6379" is not a server',
    )
    expect(refusal(options({ cluster: [{ hots: 'a' }] })).message).toContain('"hots" is not known')
    expect(refusal(options({ cluster: [{}] })).message).toContain('cluster[0].host: undefined')
    expect(refusal(options({ sentinels: one, name: 'm', sentinelTls: 'yes' })).message).toContain('sentinelTls: "yes"')
    expect(refusal(options({ sentinels: one, name: 'm', sentinelPassword: 12_345 })).message).not.toContain('12345')
  })

  test('a client that is a Cluster sends commands again by itself', async () => {
    const { Cluster } = await import('ioredis')
    const { createCluster, createSentinel } = await import('redis')
    const client = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true })
    const options = (given: object): RedisTierOptions => given
    expect(refusal(options({ client })).message).toMatch(/client: belongs to a cluster/)
    client.disconnect()
    for (const theirs of [createCluster({ rootNodes: [] }), createSentinel({ name: 'm', sentinelRootNodes: [] })])
      expect(refusal(options({ client: theirs })).message).toMatch(/client: belongs to a cluster or sentinels/)
    expect(refusal(options({ client: { duplicate: () => {} } })).message).toMatch(/from neither ioredis nor node-redis/)
    expect(refusal(options({ driver: 'valkey-glide' })).message).toMatch(/driver: "valkey-glide"/)
  })

  test('what a client has options of its own for', async () => {
    const { Redis } = await import('ioredis')
    const client = new Redis({ lazyConnect: true })
    expect(refusal({ client, url: 'redis://a' }).message).toMatch(/client: is given together with url/)
    expect(refusal({ client, password: 'secret' }).message).toMatch(/password: is given together with client/)
    client.disconnect()
  })

  test('durations', () => {
    expect(refusal({ commandTimeout: 'soon' as never }).code).toBe('DURATION_INVALID')
  })

  test('unknown names and values of other kinds, as plain JavaScript may pass them', () => {
    const options = (given: object): RedisTierOptions => given
    expect(refusal(options({ hots: 'localhost' })).message).toContain('"redis.hots": did you mean "host"')
    expect(refusal(options({ url: 6379 })).message).toContain('6379')
    expect(refusal(options({ client: {} })).message).toContain('client')
    expect(refusal(options({ tls: 'yes' })).message).toContain('tls: "yes"')
    expect(refusal(options({ keyPrefix: 5 })).message).toContain('keyPrefix: 5')
    expect(refusal(options({ password: 12_345 })).message).not.toContain('12345')
  })
})
