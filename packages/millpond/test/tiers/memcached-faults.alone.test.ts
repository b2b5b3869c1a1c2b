// The Memcached tier when servers are down, frozen, old, full, strangers, or answer garbage.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { until } from '../../src/testing/runner.ts'
import { stopwatch } from '../../src/testing/stopwatch.ts'
import { item } from '../../src/testing/tier.ts'
import {
  type MemcachedTier,
  type MemcachedTierOptions,
  type MemcachedWarning,
  memcached,
} from '../../src/tiers/memcached/index.ts'
import { pack, unpack } from '../../src/tiers/memcached/record.ts'
import fc from '../properties.ts'
import { describeWith, freePort, type MemcachedService, PATIENCE, startMemcached } from '../services/index.ts'
import { answers, FAILED, text } from './faults.ts'
import { greeted, type ImpostorServer, startImpostor, talk } from './memcached-raw.ts'

/** Where a server is to be silent. */
const DEFAULTS = { commandTimeout: undefined, connectTimeout: undefined }
const tiers: MemcachedTier[] = []
function open(port: number, options: MemcachedTierOptions = {}): MemcachedTier {
  const tier = memcached({ servers: `127.0.0.1:${port}`, ...PATIENCE, ...options })
  tiers.push(tier)
  return tier
}
const closeAll = (): Promise<unknown> => Promise.all(tiers.splice(0).map((tier) => tier.close()))

describeWith('memcached', 'the memcached tier under faults', () => {
  let server: MemcachedService
  let proxy: FaultProxy
  beforeAll(async () => {
    server = await startMemcached()
    proxy = await startFaultProxy({ to: { port: server.port } })
  })
  afterEach(async () => {
    server.resume()
    await proxy.heal()
    await closeAll()
    await talk(server.port, 'flush_all\r\n')
    proxy.resetCounts()
  })
  afterAll(async () => {
    await proxy.close()
    await server.stop()
  })

  describe('connections', () => {
    test('constructing connects nothing; a thousand calls at once share one connection', async () => {
      const tier = open(proxy.port)
      await new Promise((resolve) => setImmediate(resolve))
      expect(proxy.counts.connections).toBe(0)
      await tier.write([item('k')])
      const read = await Promise.all(Array.from({ length: 1000 }, () => text(tier, 'k')))
      expect(new Set(read)).toEqual(new Set(['body of k']))
      expect(proxy.counts.connections).toBe(1)
    })

    test('never more than poolSize', async () => {
      const tier = open(proxy.port, { poolSize: 3 })
      await Promise.all(Array.from({ length: 300 }, (_, at) => tier.write([item(`k${at}`)])))
      expect(proxy.counts.connections).toBe(3)
    })

    test('50,000 writes, reads and drops in one turn, none fails', async () => {
      const tier = open(server.port, { commandTimeout: '2s' })
      const keys = Array.from({ length: 50_000 }, (_, at) => `burst/${at}`)
      await Promise.all(keys.map((key) => tier.write([item(key)])))
      const read = await Promise.all(keys.map((key) => tier.read([key])))
      expect(read.filter(([stored]) => stored === undefined)).toEqual([])
      const dropped = await Promise.all(keys.map((key) => tier.drop([key])))
      expect(dropped.every((count) => count === 1)).toBe(true)
    })

    test('one that the server closed while it was idle is replaced without a failure', async () => {
      const tier = open(proxy.port)
      await tier.write([item('k')])
      await proxy.set({ kind: 'reset' })
      await proxy.heal()
      await until('the connection to be gone', () => proxy.connections.length === 0)
      expect(await text(tier, 'k')).toBe('body of k')
    })
  })

  describe('down, frozen, killed', () => {
    test('nothing listens: typed, and at once while that is known', async () => {
      const tier = open(await freePort())
      await expect(tier.read(['k'])).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringContaining('ECONNREFUSED'),
      })
      const waited = stopwatch()
      for (let call = 0; call < 100; call++) await expect(tier.write([item('k')])).rejects.toMatchObject(FAILED)
      expect(waited(), 'in time').toBeLessThan(100)
    })

    test('G14: frozen: everything that waits fails within the deadline, the next at once, and it is used when it is back', async () => {
      const warnings: MemcachedWarning[] = []
      const tier = open(server.port, {
        ...DEFAULTS,
        retryAfter: 50,
        onWarning: (warning) => void warnings.push(warning),
      })
      await tier.write([item('k')])
      server.pause()
      const waited = stopwatch()
      const calls = await Promise.allSettled(Array.from({ length: 100 }, () => tier.read(['k'])))
      expect(calls.every(({ status }) => status === 'rejected')).toBe(true)
      expect(waited(), 'in time').toBeLessThan(200 + 150)
      const waitedAgain = stopwatch()
      await expect(tier.read(['k'])).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringContaining('no answer within 200 ms'),
      })
      expect(waitedAgain(), 'in time').toBeLessThan(20)
      server.resume()
      await until('the tier to answer', () => answers(tier), 10_000)
      expect(await text(tier, 'k')).toBe('body of k')
      expect(warnings.map(({ kind }) => kind)).toEqual(['down', 'up'])
    })

    test('of several servers one is down: its keys read as absent and are counted, writes to it reject, the others serve', async () => {
      const dead = await freePort()
      const tier = open(0, {
        servers: [
          { host: '127.0.0.1', port: server.port },
          { host: '127.0.0.1', port: dead },
        ],
      })
      const keys = Array.from({ length: 100 }, (_, at) => `k${at}`)
      const written = await Promise.allSettled(keys.map((key) => tier.write([item(key)])))
      const served = keys.filter((_, at) => written[at]?.status === 'fulfilled')
      expect(served.length).toBeGreaterThan(20)
      expect(served.length).toBeLessThan(80)
      const read = await tier.read(keys)
      expect(keys.filter((_, at) => read[at] !== undefined)).toEqual(served)
      expect(tier.counts.unreachable).toBe(100 - served.length)
      await expect(tier.write(keys.map((key) => item(key)))).rejects.toMatchObject(FAILED)
      await expect(tier.drop(keys)).rejects.toMatchObject(FAILED)
      await expect(tier.clear('')).rejects.toMatchObject(FAILED)
    })
  })

  describe('G10, G22, G26: names and bytes', () => {
    test('a name as other programs find it, and a hash where it cannot be one', async () => {
      const tier = open(server.port, { keyPrefix: 'p:' })
      const odd = ['x'.repeat(249), 'with space', 'new\r\nline', '#looks like a hash', 'é', 'nul\u0000']
      await tier.write([item('plain'), item('x'.repeat(248)), ...odd.map((key) => item(key))])
      expect(await talk(server.port, 'mg p:plain k\r\n')).toBe('HD kp:plain\r\n')
      expect((await tier.read(odd)).map((stored) => Buffer.from(stored?.body ?? []).toString())).toEqual(
        odd.map((key) => `body of ${key}`),
      )
      const seen: string[] = []
      for await (const keys of tier.scan('')) seen.push(...keys)
      expect(seen.sort()).toEqual(['plain', 'x'.repeat(248), ...odd].sort())
      expect(await tier.clear('with')).toBe(1)
      expect(await tier.drop(odd)).toBe(odd.length - 1)
    })

    test('a record under another name, or with any bit changed, reads as nothing', async () => {
      const tier = open(server.port, { keyPrefix: '' })
      const record = pack(item('k', 'body', Date.now() + 60_000, 7), 'k', false)
      const put = (name: string, bytes: Buffer): Promise<string> =>
        talk(server.port, Buffer.concat([Buffer.from(`ms ${name} ${bytes.length} T0\r\n`), bytes, Buffer.from('\r\n')]))
      await put('k', record)
      expect((await tier.read(['k']))[0]?.asOf.seq).toBe(7)
      await put('moved', record)
      await put('foreign', Buffer.from('just text'))
      await put('empty', Buffer.alloc(0))
      expect(await tier.read(['moved', 'foreign', 'empty'])).toEqual([undefined, undefined, undefined])
      expect(tier.counts.unreadable).toBe(3)
      for (let bit = 0; bit < record.length * 8; bit++) {
        const changed = Buffer.from(record)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(unpack(changed, 'k'), `bit ${bit}`).toBeUndefined()
      }
      for (let length = 0; length < record.length; length++)
        expect(unpack(record.subarray(0, length), 'k')).toBeUndefined()
    })

    test('an item over the limit is refused and counted, what was there goes, and the others are stored', async () => {
      const tier = open(server.port)
      await tier.write([item('large', 'small')])
      expect(await tier.write([item('large', Buffer.alloc(1_048_576)), item('other')])).toEqual([
        'too_large',
        undefined,
      ])
      expect(await text(tier, 'large')).toBeUndefined()
      expect(await text(tier, 'other')).toBe('body of other')
      const unaware = open(server.port, { maxItemBytes: 8 * 1_048_576 })
      await unaware.write([item('large', 'small')])
      expect(await unaware.write([item('large', Buffer.alloc(3 * 1_048_576)), item('another')])).toEqual([
        'too_large',
        undefined,
      ])
      expect(await text(unaware, 'large')).toBeUndefined()
      expect(await text(unaware, 'another')).toBe('body of another')
      expect([tier.counts.refused, unaware.counts.refused]).toEqual([1, 1])
    })

    test('as large as its limits say fits, with the longest key', async () => {
      const tier = open(server.port)
      const body = Buffer.alloc(tier.limits?.itemBytes ?? 0, 'x')
      expect(await tier.write([item('é'.repeat(512), body)])).toEqual([undefined])
      expect((await tier.read(['é'.repeat(512)]))[0]?.body.length).toBe(body.length)
    })

    test('a server without room says so, and is well', async () => {
      const full = await startMemcached({ args: ['-m', '8', '-M', '-I', '512k'] })
      try {
        const tier = open(full.port, { maxItemBytes: 524_288 })
        const answers = await tier.write(Array.from({ length: 60 }, (_, at) => item(`k${at}`, Buffer.alloc(300_000))))
        expect(answers).toContain('full')
        expect(answers).toContain(undefined)
        expect(await text(tier, 'k0')).toHaveLength(300_000)
      } finally {
        await full.stop()
      }
    })

    test('bytes changed on the way: an answer is right or absent, a call fails typed, nothing hangs', async () => {
      const tier = open(proxy.port, { ...DEFAULTS, retryAfter: 1 })
      const keys = Array.from({ length: 50 }, (_, at) => `k${at}`)
      await tier.write(keys.map((key) => item(key, `value of ${key} ${'.'.repeat(200)}`)))
      await proxy.set({ kind: 'corrupt', direction: 'down', rate: 0.002 })
      for (let round = 0; round < 60; round++) {
        const read = await tier.read(keys).catch((error: unknown) => {
          expect(error).toMatchObject(FAILED)
          return []
        })
        for (const [at, stored] of read.entries())
          if (stored !== undefined)
            expect(Buffer.from(stored.body).toString()).toMatch(new RegExp(`^value of k${at} \\.+$`))
      }
    })

    test('G23: neither clear nor scan touches what is not ours, and what is written meanwhile stays', async () => {
      await talk(server.port, 'set theirs 0 0 1\r\nx\r\n')
      await talk(server.port, 'set p:e 0 0 1\r\nx\r\n')
      const tier = open(server.port, { keyPrefix: 'q:' })
      await tier.write([item('a'), item('b')])
      expect(await tier.clear('')).toBe(2)
      expect(await talk(server.port, 'mg theirs s\r\nmg p:e s\r\nmn\r\n', 'MN\r\n')).toBe('HD s1\r\nHD s1\r\nMN\r\n')
    })

    test('several listings at once, though a server makes one at a time', async () => {
      const tier = open(server.port)
      await tier.write(Array.from({ length: 5000 }, (_, at) => item(`k${at}`)))
      const counted = await Promise.all(
        Array.from({ length: 4 }, async () => {
          let count = 0
          for await (const keys of tier.scan('')) count += keys.length
          return count
        }),
      )
      expect(counted).toEqual([5000, 5000, 5000, 5000])
    })
  })

  test('a server that does not list its items: clear and scan say so, the rest works', async () => {
    const closed = await startMemcached({ args: ['-X'] })
    try {
      const tier = open(closed.port)
      await tier.write([item('k')])
      await expect(tier.clear('')).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringContaining('does not list'),
      })
      expect(await text(tier, 'k')).toBe('body of k')
    } finally {
      await closed.stop()
    }
  })

  test('S6: with TLS and a login; without, and with wrong ones, typed, and no secret is told', async () => {
    const guarded = await startMemcached({ tls: true, auth: { username: 'shop', password: 'p@ss' } })
    try {
      const tls = { ca: guarded.ca ?? '', servername: 'localhost' }
      const tier = open(guarded.port, { tls, username: 'shop', password: 'p@ss', commandTimeout: '2s' })
      await tier.write([item('k')])
      expect(await text(tier, 'k')).toBe('body of k')
      expect(await tier.clear('')).toBe(1)
      await expect(open(guarded.port, { tls }).read(['k'])).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringContaining('requires a user'),
      })
      const wrong = open(guarded.port, { tls, username: 'shop', password: 'guess' })
      await expect(wrong.read(['k'])).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringMatching(/rejected(?!.*guess)/),
      })
      await expect(open(guarded.port, { tls: true }).read(['k'])).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringContaining('certificate'),
      })
      await expect(open(guarded.port, DEFAULTS).read(['k'])).rejects.toMatchObject(FAILED)
    } finally {
      await guarded.stop()
    }
  })
})

describe('servers that are not what they should be', () => {
  const impostors: ImpostorServer[] = []
  afterEach(async () => {
    await closeAll()
    await Promise.all(impostors.splice(0).map((one) => one.close()))
  })
  const impostor = async (...answer: Parameters<typeof startImpostor>): Promise<ImpostorServer> => {
    const one = await startImpostor(...answer)
    impostors.push(one)
    return one
  }

  test('older than the meta protocol: named as that, and no value is ever sent to it', async () => {
    let heard = ''
    const { port } = await impostor((text, socket) => {
      heard += text
      socket.write('ERROR\r\nVERSION 1.4.15\r\n')
    })
    const tier = open(port)
    await expect(tier.write([item('k', 'flush_all\r\n')])).rejects.toMatchObject({
      ...FAILED,
      message: expect.stringContaining('does not support the meta protocol'),
    })
    expect(heard).toBe('mn\r\nversion\r\n')
  })

  test('older than the present meta protocol', async () => {
    const { port } = await impostor((_, socket) => socket.write('MN\r\nVERSION 1.6.9\r\n'))
    await expect(open(port).read(['k'])).rejects.toMatchObject({ ...FAILED, message: expect.stringContaining('1.6.9') })
  })

  test('accepts and says nothing', async () => {
    const { port } = await impostor(() => {})
    await expect(open(port, { connectTimeout: 50 }).read(['k'])).rejects.toMatchObject({
      ...FAILED,
      message: expect.stringContaining('50 ms'),
    })
  })

  test('drips: bytes alone are no sign of life', async () => {
    const timers: ReturnType<typeof setInterval>[] = []
    const { port } = await impostor(
      greeted((_, socket) => {
        socket.write('VA 1000000\r\n')
        timers.push(setInterval(() => socket.write('x'), 5))
      }),
    )
    try {
      await expect(open(port, { commandTimeout: 60 }).read(['k'])).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringContaining('60 ms'),
      })
    } finally {
      for (const timer of timers) clearInterval(timer)
    }
  })

  test.each([
    ['a line that is none', 'HELLO\r\n'],
    ['an answer to another command', 'HD\r\n'],
    ['a size that is not one', 'VA -1\r\nx\r\n'],
    ['a size without end', `VA ${'9'.repeat(40)}\r\n`],
    ['a value that is longer than it says', 'VA 1\r\nxyz\r\n'],
    ['an answer too many', 'EN\r\nEN\r\n'],
    ['a line without end', 'x'.repeat(5000)],
    ['an error', 'CLIENT_ERROR bad command line format\r\n'],
    ['zeros', '\u0000'.repeat(3000)],
  ])('%s ends the connection, and what else waits on it', async (_, bytes) => {
    const { port } = await impostor(greeted((_text, socket) => socket.write(bytes)))
    const tier = open(port, { commandTimeout: 5000 })
    await tier.read(['k']).catch((error: unknown) => expect(error).toMatchObject(FAILED))
    await expect(Promise.all([tier.read(['a']), tier.read(['b'])])).rejects.toMatchObject(FAILED)
  })

  test('any bytes: typed errors or misses, never a value, never a hang', async () => {
    let bytes = Buffer.alloc(0)
    const { port } = await impostor(greeted((_text, socket) => socket.end(bytes)))
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.string().map((rest) => Buffer.from(`VA 3\r\n${rest}`)),
        ),
        async (garbage) => {
          bytes = Buffer.from(garbage)
          const tier = open(port, { commandTimeout: 1000 })
          const read = await tier.read(['k']).catch((error: unknown) => expect(error).toMatchObject(FAILED))
          if (Array.isArray(read)) expect(read).toEqual([undefined])
          await tier.close()
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('options', () => {
  test.each([
    [{ servers: '' }, 'servers'],
    [{ servers: [] }, 'servers'],
    [{ servers: 'a b@c' }, 'servers'],
    [{ servers: 'a:99999' }, 'port'],
    [{ servers: 'a:11211:0' }, 'weight'],
    [{ servers: 'a,a:11211' }, 'twice'],
    [{ servers: [{ host: 'a', prot: 1 }] }, 'prot'],
    [{ keyPrefix: 'a b' }, 'keyPrefix'],
    [{ poolSize: 0 }, 'poolSize'],
    [{ commandTimeout: 0 }, 'commandTimeout'],
    [{ password: 'alone' }, 'username'],
    [{ tls: 'yes' }, 'tls'],
    [{ onWarning: 1 }, 'onWarning'],
    [{ server: 'a' }, 'server'],
  ])('%j is refused, naming what is wrong', (options, named) => {
    expect(() => memcached(options as MemcachedTierOptions)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(named) }),
    )
  })

  test('a text names servers with ports and weights, IPv6 too', () => {
    expect(() => memcached({ servers: '10.0.0.1:11211:3, memcached://b:1234 [::1]:11212' })).not.toThrow()
  })
})
