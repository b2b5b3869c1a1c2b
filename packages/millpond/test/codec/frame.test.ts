// The frame around a value: formats and transforms by number, so that a change of either is no flush.

import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzipSync, gzip, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  frameCodec,
  jsonCodec,
  jsonFormat,
  type Rejection,
  type Transform,
  type ValueFormat,
} from '../../src/codec/index.ts'
import type { EncodedParts } from '../../src/core/contracts.ts'

const later = promisify(gzip)

function partsOf(value: unknown): EncodedParts {
  return { key: 'k', value, createdAt: 1, freshUntil: 2, staleUntil: Number.POSITIVE_INFINITY, tags: ['t'] }
}

/** As small a format as there is: texts, reversed. */
const reversed: ValueFormat = {
  name: 'reversed',
  numbers: [200],
  write: (value) => ({ number: 200, bytes: [...String(value)].toReversed().join('') }),
  read: (_number, bytes, from, to) => ({ value: [...bytes.toString('utf8', from, to)].toReversed().join('') }),
}

const gzipped: Transform = {
  name: 'gzip',
  number: 1,
  does: 'compress',
  apply: (bytes) => (bytes.length < 100 ? undefined : gzipSync(bytes)),
  applyLater: (bytes) => later(bytes),
  undo: (bytes, _context, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  undoLater: async (bytes, _context, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
}

/** Binds to the context, as encryption does: a byte of it is added to each. */
const bound: Transform = {
  name: 'bound',
  number: 9,
  does: 'encrypt',
  isBound: true,
  apply: (bytes, context) => shift(bytes, keyOf(context), 1),
  undo: (bytes, context) => shift(bytes, keyOf(context), -1),
}
const keyOf = ({ head, asOf, namespace }: Parameters<Transform['apply']>[1]): number =>
  head.reduce((sum, byte) => sum + byte, asOf.seq + namespace.length) & 255
const shift = (bytes: Uint8Array, by: number, sign: number): Uint8Array => bytes.map((byte) => byte + sign * by)

const large = { text: 'lorem ipsum '.repeat(20_000) }
const context = { cache: 'c', namespace: 'n', asOf: { epoch: 'e', seq: 7 } }

function rejections(make: (onReject: (reason: Rejection) => void) => ReturnType<typeof frameCodec>) {
  const reasons: Rejection[] = []
  return { codec: make((reason) => reasons.push(reason)), reasons }
}

describe('frames', () => {
  test('say how the bytes lay there, record by record', () => {
    const codec = frameCodec({ transforms: [gzipped], undoes: [bound] })
    const facts = (bytes: Uint8Array | Promise<Uint8Array>): unknown =>
      bytes instanceof Uint8Array && codec.decode(bytes, context)
    expect(facts(codec.encode(partsOf('short'), context))).toMatchObject({ isCompressed: false, isEncrypted: false })
    expect(facts(codec.encode(partsOf('x'.repeat(1000)), context))).toMatchObject({
      isCompressed: true,
      isEncrypted: false,
    })
    expect(facts(frameCodec({ transforms: [bound] }).encode(partsOf('x'), context))).toMatchObject({
      isCompressed: false,
      isEncrypted: true,
    })
  })

  test('a codec without options writes and reads what jsonCodec does, byte for byte', () => {
    const [ours, plain] = [frameCodec(), jsonCodec()]
    for (const value of [null, 1, 'a', { a: [1, new Date(0)] }, Buffer.from('x'), undefined]) {
      expect(ours.encode(partsOf(value))).toEqual(plain.encode(partsOf(value)))
      expect(ours.decode(plain.encode(partsOf(value)))).toMatchObject({ value, tags: ['t'] })
    }
  })

  test('D1: a change of format is no flush: each frame says how it was written', () => {
    const now = frameCodec({ format: reversed })
    const before = jsonCodec().encode(partsOf({ a: 1 }))
    expect(now.decode(before)).toMatchObject({ value: { a: 1 } })
    const after = now.encode(partsOf('abc'))
    expect(now.decode(after as Uint8Array)).toMatchObject({ value: 'abc', key: 'k' })
    expect(frameCodec({ reads: [reversed] }).decode(after as Uint8Array)).toMatchObject({ value: 'abc' })
    const { codec, reasons } = rejections((onReject) => jsonCodec({ onReject }))
    expect(codec.decode(after as Uint8Array)).toBeUndefined()
    expect(reasons).toEqual(['format'])
  })

  test('transforms are named, in order, and undone in reverse; one that leaves the bytes alone is not named', () => {
    const codec = frameCodec({ transforms: [gzipped, bound] })
    const small = codec.encode(partsOf('small'), context) as Uint8Array
    expect([...small.subarray(36, 38)]).toEqual([1, 9])
    const long = codec.encode(partsOf('long '.repeat(100)), context) as Uint8Array
    expect([...long.subarray(36, 39)]).toEqual([2, 1, 9])
    expect(long.length).toBeLessThan(200)
    expect(codec.decode(long, context)).toMatchObject({ value: 'long '.repeat(100) })
    expect(codec.decode(small, context)).toMatchObject({ value: 'small' })
    // What was written before, without any, and by a codec that only undoes.
    expect(codec.decode(jsonCodec().encode(partsOf(1)), context)).toMatchObject({ value: 1 })
    expect(frameCodec({ undoes: [gzipped, bound] }).decode(long, context)).toMatchObject({ value: 'long '.repeat(100) })
  })

  test('up to 64 KB both ways are one turn; above, what can take its time does', async () => {
    const codec = frameCodec({ transforms: [gzipped] })
    const encoding = codec.encode(partsOf(large), context)
    expect(encoding).toBeInstanceOf(Promise)
    const bytes = await encoding
    expect(codec.decode(bytes, context)).toMatchObject({ value: large })
    const noise = { bytes: randomBytes(100_000) }
    const incompressible = await codec.encode(partsOf(noise), context)
    const decoding = codec.decode(incompressible, context)
    expect(decoding).toBeInstanceOf(Promise)
    expect(await decoding).toMatchObject({ value: noise })
  })

  test('what is bound to a record is not read as another: key, tags, times, namespace, position', () => {
    const codec = frameCodec({ transforms: [bound] })
    const bytes = codec.encode(partsOf({ a: 1 }), context) as Uint8Array
    expect(codec.isBound).toBe(true)
    expect(codec.decode(bytes, context)).toMatchObject({ value: { a: 1 } })
    expect(codec.decode(bytes, { ...context, namespace: 'nn' })).toBeUndefined()
    expect(codec.decode(bytes, { ...context, asOf: { epoch: 'e', seq: 8 } })).toBeUndefined()
  })

  test('G22: every flipped bit of a transformed record is a miss', () => {
    const codec = frameCodec({ transforms: [gzipped, bound] })
    const bytes = codec.encode(partsOf('long '.repeat(50)), context) as Uint8Array
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(codec.decode(flipped, context)).toBeUndefined()
    }
  })

  test('G26: a transform that is not known, fails, or brings back too much is a miss', async () => {
    const bytes = frameCodec({ transforms: [gzipped] }).encode(partsOf('long '.repeat(100)), context) as Uint8Array
    for (const options of [
      {},
      { undoes: [{ ...gzipped, undo: () => Buffer.alloc(2 ** 21) }], limits: { maxBytes: 2 ** 20 } },
      {
        undoes: [
          {
            ...gzipped,
            undo: (): Uint8Array => {
              throw new Error('damaged')
            },
          },
        ],
      },
    ]) {
      const { codec, reasons } = rejections((onReject) => frameCodec({ ...options, onReject }))
      expect(codec.decode(bytes, context)).toBeUndefined()
      expect(reasons).toEqual(['transform'])
    }
    const later = { ...gzipped, undoLater: () => Promise.reject(new Error('no key')) }
    const random = randomBytes(200_000)
    const heavy = await frameCodec({ transforms: [gzipped] }).encode(partsOf(random), context)
    expect(heavy.length).toBeGreaterThan(65_536)
    expect(await frameCodec({ undoes: [later] }).decode(heavy, context)).toBeUndefined()
  })

  test('a value that could not come back is refused before it is transformed', () => {
    const codec = frameCodec({ transforms: [gzipped], limits: { maxBytes: 10_000 } })
    expect(() => codec.encode(partsOf('a'.repeat(20_000)), context)).toThrow(
      expect.objectContaining({ code: 'VALUE_TOO_LARGE' }),
    )
  })

  test('two of one number, and numbers out of range, are refused at once', () => {
    const wrong = { code: 'OPTION_INVALID' }
    expect(() => frameCodec({ format: { ...reversed, numbers: [0] } })).toThrow(expect.objectContaining(wrong))
    expect(() => frameCodec({ transforms: [gzipped], undoes: [{ ...bound, number: 1 }] })).toThrow(
      expect.objectContaining(wrong),
    )
    expect(() => frameCodec({ transforms: [{ ...gzipped, number: 0 }] })).toThrow(expect.objectContaining(wrong))
    expect(() => frameCodec({ reads: [{ ...jsonFormat, name: 'other', numbers: [256] }] })).toThrow(
      expect.objectContaining(wrong),
    )
  })
})
