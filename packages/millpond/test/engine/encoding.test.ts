// Whose encoding it is: each far tier writes by its own codec, and a codec that takes its time changes neither order
// nor judgement.
import { join } from 'node:path'
import { type Codec, memory } from 'millpond'
import { jsonCodec } from 'millpond/codec'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, test } from 'vitest'
import { closeAfterEach, gate, newFolder, open, until } from './setups.ts'

const file = (): ReturnType<typeof sqlite> => sqlite({ path: join(newFolder(), 'cache.db') })

/** JSON under another first byte; tells what it was asked. */
function ownCodec(mark: number) {
  const json = jsonCodec()
  const asked: string[] = []
  const codec: Codec = {
    encode: (entry) => {
      asked.push(`encode ${entry.key}`)
      return Buffer.concat([Uint8Array.of(mark), json.encode(entry)])
    },
    decode: (bytes) => {
      const entry = bytes[0] === mark ? json.decode(bytes.subarray(1)) : undefined
      asked.push(`decode ${entry?.key ?? 'of another'}`)
      return entry
    },
  }
  return { codec, asked }
}

/** JSON that takes its time for the values that are named, until it is told. */
function slowCodec() {
  const json = jsonCodec()
  const encoding = new Map<unknown, ReturnType<typeof gate<void>>>()
  const decoding = new Map<unknown, ReturnType<typeof gate<void>>>()
  let isDecoding = 0
  const codec: Codec = {
    encode: (entry) => {
      const slow = encoding.get(entry.value)
      return slow === undefined ? json.encode(entry) : slow.promise.then(() => json.encode(entry))
    },
    decode: (bytes) => {
      const entry = json.decode(bytes)
      const slow = decoding.get(entry?.value)
      if (slow === undefined) return entry
      isDecoding++
      return slow.promise.then(() => entry)
    },
  }
  return { codec, encoding, decoding, isDecoding: () => isDecoding }
}

describe('encoding', () => {
  closeAfterEach()

  test('a tier writes by its own codec, once for each codec, and what is promoted to another is encoded anew', async () => {
    const [upper, lower] = [file(), file()]
    const [one, two] = [ownCodec(1), ownCodec(2)]
    const cache = open({
      tiers: [
        { use: upper, codec: one.codec },
        { use: lower, codec: two.codec },
      ],
    })
    await cache.set('k', { n: 1 })
    expect([one.asked, two.asked]).toEqual([['encode k'], ['encode k']])
    expect((await upper.read(['cache:default:k']))[0]?.body[0]).toBe(1)
    expect((await lower.read(['cache:default:k']))[0]?.body[0]).toBe(2)
    await upper.drop(['cache:default:k'])
    expect(await cache.get('k')).toEqual({ n: 1 })
    await cache.flush()
    expect((await upper.read(['cache:default:k']))[0]?.body[0]).toBe(1)
    expect(await cache.getEntry('k')).toMatchObject({ value: { n: 1 }, tier: 'sqlite' })
  })

  test('two tiers of one codec share one encoding, and a promotion copies it', async () => {
    const { codec, asked } = ownCodec(1)
    const [upper, lower] = [file(), file()]
    const cache = open({ tiers: [upper, lower], codec })
    await cache.set('k', 1)
    expect(asked).toEqual(['encode k'])
    await upper.drop(['cache:default:k'])
    await cache.get('k')
    await cache.flush()
    expect(asked.filter((line) => line.startsWith('encode'))).toHaveLength(1)
    expect((await upper.read(['cache:default:k']))[0]?.body[0]).toBe(1)
  })

  test('G24: what is bound to a position is encoded anew for a promotion, for a touch and for a write that is tried again', async () => {
    const json = jsonCodec()
    const encoded: number[] = []
    const codec: Codec = {
      isBound: true,
      encode: (entry, context) => {
        encoded.push(context?.asOf.seq ?? -1)
        expect(context).toMatchObject({ cache: 'cache', namespace: 'default' })
        return json.encode(entry)
      },
      decode: (bytes) => json.decode(bytes),
    }
    const [upper, lower] = [file(), file()]
    const cache = open({ tiers: [upper, lower], codec })
    await cache.set('a', 1)
    expect(encoded, 'before the first contact the epoch is not known: tried again').toEqual([0, 1])
    await cache.set('k', 1)
    expect(encoded).toEqual([0, 1, 2])
    await upper.drop(['cache:default:k'])
    await cache.get('k')
    await cache.flush()
    expect(encoded).toEqual([0, 1, 2, 3])
    await cache.touch('k', '1h')
    expect(encoded).toEqual([0, 1, 2, 3, 3])
  })

  test('G1: after a decode that took its time, the entry is judged by what has been invalidated meanwhile', async () => {
    const { codec, decoding, isDecoding } = slowCodec()
    const tier = file()
    const cache = open({ tiers: [memory(), tier], codec })
    await cache.set('k', 'old')
    const other = open({ tiers: [tier], codec: jsonCodec() })
    const slow = gate()
    decoding.set('old', slow)
    const reader = open({ tiers: [memory(), tier], codec })
    const read = reader.get('k')
    await until(() => isDecoding() > 0)
    await reader.delete('k')
    slow.open()
    expect(await read).toBeUndefined()
    expect(reader.peek('k')).toBeUndefined()
    expect(await other.get('k')).toBeUndefined()
  })

  test('a large value that was set first does not lie over a small one that was set after it', async () => {
    const { codec, encoding } = slowCodec()
    const slow = gate()
    encoding.set('large', slow)
    const cache = open({ tiers: [memory(), file()], codec, maxStale: '20s' })
    const first = cache.set('k', 'large')
    const second = cache.set('k', 'small')
    const apart = cache.set('other', 1)
    await apart
    slow.open()
    await Promise.all([first, second])
    expect(cache.peek('k')).toBe('small')
    expect(await open({ tiers: [file()] }).get('k')).toBeUndefined()
    expect(await cache.getEntry('k')).toMatchObject({ value: 'small' })
  })

  test('G2: what was deleted while its value was being encoded stays deleted', async () => {
    const { codec, encoding } = slowCodec()
    const slow = gate()
    encoding.set('large', slow)
    const tier = file()
    const cache = open({ tiers: [memory(), tier], codec })
    const writing = cache.set('k', 'large')
    await new Promise((resolve) => setImmediate(resolve))
    await cache.delete('k')
    slow.open()
    await writing
    expect(cache.peek('k')).toBeUndefined()
    expect(await cache.get('k')).toBeUndefined()
  })

  test('the first write of a process is stored too, though its position must be known before it is encoded', async () => {
    const json = jsonCodec()
    const codec: Codec = { encode: async (entry) => json.encode(entry), decode: (bytes) => json.decode(bytes) }
    const path = join(newFolder(), 'cache.db')
    const [first, second] = [1, 2].map(() => open({ tiers: [memory(), sqlite({ path })], codec }))
    await first?.set('k', 1)
    expect(await first?.get('k')).toBe(1)
    await second?.set('k', 2)
    expect(await second?.get('k')).toBe(2)
  })

  test('a value that cannot be encoded in time or at all changes nothing', async () => {
    const json = jsonCodec()
    const codec: Codec = {
      encode: (entry) => (entry.value === 'bad' ? Promise.reject(new Error('no key')) : json.encode(entry)),
      decode: (bytes) => json.decode(bytes),
    }
    const cache = open({ tiers: [memory(), file()], codec })
    await cache.set('k', 'good')
    await expect(cache.set('k', 'bad')).rejects.toThrow('no key')
    expect(await cache.get('k')).toBe('good')
    await cache.set('k', 'better')
    expect(await cache.get('k')).toBe('better')
  })

  test.each([
    ['at once', false],
    ['later', true],
  ])(
    'of many values one is too large for the codec, told %s: the others are stored, its key stays as it was, and the call says which',
    async (_, isLater) => {
      const json = jsonCodec({ limits: { maxBytes: 1000 } })
      const codec: Codec = {
        encode: (entry) => (isLater ? Promise.resolve().then(() => json.encode(entry)) : json.encode(entry)),
        decode: (bytes) => json.decode(bytes),
      }
      const cache = open({ tiers: [memory(), file()], codec })
      const stored: unknown[] = []
      cache.on('set', ({ key }) => stored.push(key))
      await cache.set('k57', 'before')
      const values = Array.from({ length: 300 }, (__, at): [string, string] => [
        `k${at}`,
        at === 57 ? 'x'.repeat(1000) : `v${at}`,
      ])
      await expect(cache.setMany(values)).rejects.toMatchObject({
        code: 'VALUE_TOO_LARGE',
        message: expect.stringContaining('k57'),
      })
      const read = await cache.getMany(values.map(([key]) => key))
      expect(
        values.flatMap(([key], at) => (read[at] === (at === 57 ? 'before' : `v${at}`) ? [] : [[key, read[at]]])),
      ).toEqual([])
      expect(new Set(stored).size).toBe(300)
      expect(stored).toHaveLength(300)
    },
  )

  test('G22: a codec that throws or rejects on what it reads makes a miss', async () => {
    const json = jsonCodec()
    let how: 'well' | 'throws' | 'rejects' = 'well'
    const codec: Codec = {
      encode: (entry) => json.encode(entry),
      decode: (bytes) => {
        if (how === 'throws') throw new Error('broken')
        return how === 'rejects' ? Promise.reject(new Error('broken')) : json.decode(bytes)
      },
    }
    const cache = open({ tiers: [file()], codec })
    await cache.set('k', 1)
    for (const mode of ['throws', 'rejects'] as const) {
      how = mode
      expect(await cache.get('k')).toBeUndefined()
    }
    how = 'well'
    expect(await cache.get('k')).toBe(1)
  })
})
