// Sealed records: whatever is changed, cut, moved or opened with another key is not accepted, and no nonce is used
// twice.
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { DerivedKeys } from '../../src/codec/derived-keys.ts'
import { frameCodec, jsonCodec, keyring, valueCodec } from '../../src/codec/index.ts'
import { pad, paddedLength, unpad } from '../../src/codec/padding.ts'
import { sealing } from '../../src/codec/seal.ts'
import { readSealHead } from '../../src/codec/seal-head.ts'
import type { Codec, CodecContext, DecodedParts, EncodedParts } from '../../src/core/contracts.ts'
import { sized } from '../form.ts'
import fc from '../properties.ts'
import { anyValue } from './arbitrary.ts'
import { assertEntry } from './same.ts'

const ring = keyring({ current: 'k1', keys: { k1: randomBytes(32) } })
const place: CodecContext = { cache: 'shop', namespace: 'users', asOf: { epoch: 'epoch-1', seq: 41 } }

function partsOf(value: unknown, key = 'k'): EncodedParts {
  return { key, value, createdAt: 1_000, freshUntil: 2_000, staleUntil: Number.POSITIVE_INFINITY, tags: ['t', 'ü'] }
}

function encode(codec: Codec, parts: EncodedParts, context: CodecContext = place): Buffer {
  const bytes = codec.encode(parts, context)
  if (bytes instanceof Promise) throw new Error('too large for one turn')
  return Buffer.from(bytes)
}

function decode(
  codec: Codec,
  bytes: Uint8Array,
  context: CodecContext = place,
): { parts: DecodedParts | undefined; why: string[] } {
  const why: string[] = []
  const parts = codec.decode(bytes, { ...context, reject: (reason) => why.push(reason) })
  if (parts instanceof Promise) throw new Error('too large for one turn')
  return { parts, why }
}

/** What somebody does who may write to the tier: the checksum is right again. */
function mended(frame: Buffer): Buffer {
  frame.writeUInt32LE(crc32(frame.subarray(0, frame.length - 4)), frame.length - 4)
  return frame
}

/** The sealed bytes within a frame that names one transform or more. */
function sealOf(frame: Buffer): Buffer {
  const from = 36 + 1 + (frame[36] ?? 0) + frame.readUInt32LE(28)
  return frame.subarray(from, from + frame.readUInt32LE(32))
}

describe('a sealed record', () => {
  const codec = valueCodec({ encrypt: ring })

  test('G24: shows nothing of its value, and comes back with what it proves of its position', () => {
    const frame = encode(codec, partsOf({ secret: 'CANARY' }))
    expect(frame.includes('CANARY')).toBe(false)
    expect(decode(codec, frame).parts).toMatchObject({
      value: { secret: 'CANARY' },
      isEncrypted: true,
      sealed: { asOf: place.asOf },
    })
    const stamped = encode(codec, partsOf(1), { ...place, stamp: 'abc' })
    expect(decode(codec, stamped).parts?.sealed).toEqual({ asOf: place.asOf, stamp: 'abc' })
  })

  test('G20: every kind of value comes back as it was', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        assertEntry(decode(codec, encode(codec, partsOf(value))).parts, partsOf(value))
      }),
      { numRuns: 500 },
    )
  })

  test('G24: any single bit that is changed makes a miss, with a checksum that is right again, too', {
    timeout: sized(30_000, 300_000),
  }, () => {
    const values = [1, 'text', null, { a: [1, 2] }, Buffer.from('raw'), new Map([[1, 2]]), true, 1n, 'ö'.repeat(40), []]
    const both = valueCodec({ encrypt: ring, compress: { minBytes: 1 }, mixesSecrets: false })
    for (const [index, value] of Array.from({ length: sized(1, 10) }, () => values)
      .flat()
      .entries()) {
      const using = index % 2 === 0 ? codec : both
      const frame = encode(using, partsOf(index % 10 === 9 ? 'compressible '.repeat(20) : value), {
        ...place,
        ...(index % 3 === 0 ? { stamp: 'abc' } : {}),
      })
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const changed = Buffer.from(frame)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(decode(using, changed).parts, `bit ${bit} of record ${index}`).toBeUndefined()
        if (bit < (frame.length - 4) * 8)
          expect(decode(using, mended(changed)).parts, `bit ${bit} of record ${index}, mended`).toBeUndefined()
      }
    }
  })

  test('G24: cut anywhere, it is a miss', () => {
    const frame = encode(codec, partsOf('value'))
    const seal = sealOf(frame)
    for (let left = 0; left < seal.length; left++) {
      const cut = Buffer.concat([
        frame.subarray(0, frame.length - 4 - seal.length),
        seal.subarray(0, left),
        Buffer.alloc(4),
      ])
      cut.writeUInt32LE(left, 32)
      expect(decode(codec, mended(cut)).parts).toBeUndefined()
    }
  })

  test.each<[string, Partial<CodecContext>, Partial<EncodedParts>]>([
    ['cache', { cache: 'shop2' }, {}],
    ['namespace', { namespace: 'orders' }, {}],
    ['cache and namespace that read alike together', { cache: 'shopu', namespace: 'sers' }, {}],
    ['key', {}, { key: 'k2' }],
    ['tags', {}, { tags: ['t'] }],
    ['creation', {}, { createdAt: 1_001 }],
    ['freshness', {}, { freshUntil: 9_999_999 }],
    ['staleness', {}, { staleUntil: 9_999_999 }],
  ])('G24: its seal under another %s is a miss', (_what, context, parts) => {
    const mine = encode(codec, partsOf('value'))
    const others = encode(codec, { ...partsOf('value'), ...parts }, { ...place, ...context })
    const moved = Buffer.concat([
      others.subarray(0, others.length - 4 - sealOf(others).length),
      sealOf(mine),
      Buffer.alloc(4),
    ])
    moved.writeUInt32LE(sealOf(mine).length, 32)
    const { parts: accepted, why } = decode(codec, mended(moved), { ...place, ...context })
    expect(accepted).toBeUndefined()
    expect(why).toEqual(['tampered'])
  })

  test('G24: what was done to the value before is authenticated: compressed bytes are never shown as a value', () => {
    const both = valueCodec({ encrypt: ring, compress: { minBytes: 1 }, mixesSecrets: false })
    const value = Buffer.alloc(4000, 'a')
    const frame = encode(both, partsOf(value))
    expect([...frame.subarray(36, 39)]).toEqual([2, 2, 16])
    // The list names the seal alone, and everything behind it moves up by a byte.
    const forged = mended(Buffer.concat([frame.subarray(0, 36), Uint8Array.of(1, 16), frame.subarray(39)]))
    expect(decode(both, forged)).toEqual({ parts: undefined, why: ['tampered'] })
  })

  test('one that lies there in plain is a miss, but for the days of the change', () => {
    const plain = Buffer.from(jsonCodec().encode(partsOf('plain')))
    expect(decode(codec, plain)).toEqual({ parts: undefined, why: ['unsealed'] })
    expect(decode(valueCodec({ encrypt: ring, readsPlain: true }), plain).parts?.value).toBe('plain')
    const compressed = encode(valueCodec({ compress: { minBytes: 1 } }), partsOf('x'.repeat(100)))
    expect(decode(codec, compressed)).toEqual({ parts: undefined, why: ['unsealed'] })
  })

  test('of a key that is not in the ring is a miss that says so, until the key comes', () => {
    const two = randomBytes(32)
    const other = keyring({ current: 'k2', keys: { k2: two } })
    const frame = encode(valueCodec({ encrypt: other }), partsOf('value'))
    const live = keyring({ current: 'k1', keys: { k1: ring.key('k1') ?? '' } })
    const reader = valueCodec({ encrypt: live })
    expect(decode(reader, frame)).toEqual({ parts: undefined, why: ['unknown_key'] })
    live.replace({ current: 'k1', keys: { k1: ring.key('k1') ?? '', k2: two } })
    expect(decode(reader, frame).parts?.value).toBe('value')
    live.replace({ current: 'k1', keys: { k1: ring.key('k1') ?? '', k2: randomBytes(32) } })
    expect(decode(reader, frame).why).toEqual(['tampered'])
  })

  test('is read by every process that has the key, also those that seal with another one by now', () => {
    const keys = { k1: randomBytes(32), k2: randomBytes(32) }
    const before = valueCodec({ encrypt: keyring({ current: 'k1', keys }) })
    const after = valueCodec({ encrypt: keyring({ current: 'k2', keys }) })
    expect(decode(after, encode(before, partsOf(1))).parts?.value).toBe(1)
    expect(decode(before, encode(after, partsOf(2))).parts?.value).toBe(2)
  })

  test('a value beyond the limits is refused before it is sealed', () => {
    const small = valueCodec({ encrypt: ring, limits: { maxBytes: 1000 } })
    expect(() => encode(small, partsOf('x'.repeat(2000)))).toThrow(/needs more than 1000 bytes/)
  })
})

describe('nonces', () => {
  const nonceOf = (frame: Buffer): string => {
    const found = readSealHead(sealOf(frame))
    return `${Buffer.from(found?.head.salt ?? []).toString('hex')} ${found?.head.count}`
  }

  test('G24: none comes twice, over processes, namespaces and caches', () => {
    const seen = new Set<string>()
    for (let process = 0; process < 20; process++) {
      const codec = valueCodec({ encrypt: ring })
      for (const namespace of ['a', 'b'])
        for (let i = 0; i < 50; i++) seen.add(nonceOf(encode(codec, partsOf(i), { ...place, namespace })))
    }
    expect(seen.size).toBe(20 * 2 * 50)
  })

  test('a new salt comes when the count is used up, when a day is over, and with a new key', () => {
    let now = 0
    const live = keyring({ current: 'k1', keys: { k1: randomBytes(32) } })
    const keys = new DerivedKeys(live, 3, () => now)
    const salts = new Set<string>()
    const next = (): number => {
      const turn = keys.next(place)
      salts.add(Buffer.from(turn.salt).toString('hex'))
      return turn.count
    }
    expect([next(), next(), next(), next()]).toEqual([0, 1, 2, 0])
    expect(salts.size).toBe(2)
    now += 24 * 60 * 60 * 1000
    expect([next(), salts.size]).toEqual([0, 3])
    live.replace({ current: 'k2', keys: { k1: live.key('k1') ?? '', k2: randomBytes(32) } })
    expect([next(), salts.size]).toEqual([0, 4])
  })

  test('keys of two places differ, whatever they are called', () => {
    const keys = new DerivedKeys(ring)
    const { salt } = keys.next(place)
    const names = [
      { cache: 'a', namespace: 'bc' },
      { cache: 'ab', namespace: 'c' },
      { cache: '1', namespace: '1:a' },
      { cache: '11', namespace: ':a' },
    ]
    expect(new Set(names.map((name) => Buffer.from(keys.find('k1', salt, name) ?? []).toString('hex'))).size).toBe(
      names.length,
    )
  })
})

describe('padding', () => {
  test('comes off again, and adds at most an eighth', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        const padded = pad(bytes)
        expect(Buffer.from(unpad(padded) ?? [])).toEqual(Buffer.from(bytes))
        expect(padded.length).toBeLessThanOrEqual((bytes.length + 1) * 1.12 + 1)
      }),
      { numRuns: 500 },
    )
    expect(unpad(new Uint8Array(8))).toBeUndefined()
    expect([1, 9, 100, 1000, 65537].map(paddedLength)).toEqual([1, 10, 104, 1024, 67584])
  })

  test('hides how long compressed values are, and only theirs', () => {
    const seal = sealing(ring, true)
    const codec = frameCodec({ transforms: [seal], requires: seal })
    const lengths = new Set([100, 101, 102, 103].map((length) => encode(codec, partsOf('x'.repeat(length))).length))
    expect(lengths.size).toBe(4)
    const both = valueCodec({ encrypt: ring, compress: { minBytes: 1 }, mixesSecrets: false })
    const random = randomBytes(3000).toString('hex')
    const padded = new Set(
      [0, 1, 2, 3, 4, 5, 6, 7].map((more) => encode(both, partsOf(random + 'ab'.repeat(more))).length),
    )
    expect(padded.size).toBeLessThanOrEqual(2)
  })
})

describe('compression beside encryption', () => {
  test("'auto' is off while values may mix secrets with what others have chosen", () => {
    const value = 'compressible '.repeat(1000)
    const length = (options: Parameters<typeof valueCodec>[0]): number =>
      encode(valueCodec(options), partsOf(value)).length
    expect(length({ encrypt: ring, compress: 'auto' })).toBeGreaterThan(value.length)
    expect(length({ encrypt: ring, compress: 'auto', mixesSecrets: false })).toBeLessThan(1000)
    expect(length({ compress: 'auto' })).toBeLessThan(1000)
  })
})
