// D3: compression where it pays, by namespace, bounded on the way back, with figures of what it saved and cost.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import zlib, { brotliCompressSync, crc32, gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { jsonCodec, keyring, valueCodec } from '../../src/codec/index.ts'
import type { Codec, EncodedParts } from '../../src/core/contracts.ts'
import { describeWith, newerNode } from '../services/index.ts'
import { expectWithinParses } from './cpu.ts'
import { decode, encode as encodeParts, PLACE } from './one-turn.ts'

const place = PLACE
const partsOf = (value: unknown): EncodedParts => ({
  key: 'k',
  value,
  createdAt: 1,
  freshUntil: 2,
  staleUntil: 3,
  tags: [],
})
const text = 'It is what it is, and it is compressible. '.repeat(200)

const encode = (codec: Codec, value: unknown, context = place): Buffer => encodeParts(codec, partsOf(value), context)

/** A frame that says it was transformed by `number`, around any bytes. */
function forged(number: number, bytes: Uint8Array): Buffer {
  const plain = encode(jsonCodec(), Buffer.from(bytes))
  const meta = 36 + plain.readUInt32LE(28)
  const frame = Buffer.concat([
    plain.subarray(0, 36),
    Uint8Array.of(1, number),
    plain.subarray(36, meta),
    bytes,
    Buffer.alloc(4),
  ])
  frame[2] = 2
  frame[3] = 0
  frame.writeUInt32LE(crc32(frame.subarray(0, frame.length - 4)), frame.length - 4)
  return frame
}

/** Deterministic numbers from 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const hasZstd = 'zstdCompressSync' in (await import('node:zlib'))

describe('D3: compression', () => {
  test.each(hasZstd ? (['gzip', 'brotli', 'lz4', 'zstd'] as const) : (['gzip', 'brotli', 'lz4'] as const))(
    '%s makes it smaller, comes back, and is read by who uses another one or none',
    async (algorithm) => {
      const codec = valueCodec({ compress: { algorithm } })
      const frame = encode(codec, text)
      expect(frame.length).toBeLessThan(text.length / 10)
      for (const reader of [codec, valueCodec(), valueCodec({ compress: 'auto' })])
        expect(decode(reader, frame).parts).toMatchObject({ value: text, isCompressed: true })
      const large = text.repeat(20)
      const later = await codec.encode(partsOf(large), place)
      expect((await codec.decode(later, place))?.value).toBe(large)
    },
  )

  test('an algorithm that this Node does not know, and levels that there are not, are refused when the codec is made', () => {
    if (!hasZstd)
      expect(() => valueCodec({ compress: { algorithm: 'zstd' } })).toThrow(/does not support 'zstd'.*22.15/)
    expect(() => valueCodec({ compress: { algorithm: 'gzip', level: 10 } })).toThrow(
      /10 is not a level of gzip: give up to 9/,
    )
    expect(() => valueCodec({ compress: { algorithm: 'lz4', level: 2 } })).toThrow(/2 is not a level of lz4/)
    expect(() => valueCodec({ compress: 'zip' as never })).toThrow(/codec.compress: "zip" is not allowed/)
    expect(() => valueCodec({ compress: { minByte: 1 } as never })).toThrow(/did you mean "minBytes"/)
    expect(() => valueCodec({ compres: 'auto' } as never)).toThrow(/did you mean "compress"/)
  })

  test('small values, and those that hardly get smaller, are left as they are', () => {
    const codec = valueCodec({ compress: 'auto' })
    expect(decode(codec, encode(codec, 'x'.repeat(500))).parts?.isCompressed).toBe(false)
    expect(decode(codec, encode(codec, randomBytes(5000))).parts?.isCompressed).toBe(false)
  })

  test('a namespace whose values do not get smaller is looked at now and then only, and found again when they do; others go on', () => {
    const codec = valueCodec({ compress: 'auto' })
    const figures = () => codec.figures?.(place)
    const tries = vi.spyOn(zlib, 'brotliCompressSync')
    syncBuiltinESMExports()
    for (let i = 0; i < 1000; i++) encode(codec, randomBytes(2000))
    const tried = tries.mock.calls.length
    tries.mockRestore()
    syncBuiltinESMExports()
    expect(figures()).toMatchObject({ compressed: 0, left: 1000 })
    // Some fifty until that is known, then one of 31.
    expect(tried).toBeGreaterThan(50)
    expect(tried).toBeLessThan(100)
    encode(codec, text, { ...place, namespace: 'other' })
    expect(codec.figures?.({ cache: 'shop', namespace: 'other' })).toMatchObject({ compressed: 1 })
    for (let i = 0; i < 400; i++) encode(codec, text)
    expect(figures()?.compressed).toBeGreaterThan(50)
  })

  test('values of no bytes, or of few, that are tried all the same say little of the others', () => {
    for (const few of [Buffer.alloc(0), Buffer.alloc(1)]) {
      const codec = valueCodec({ compress: { minBytes: 0 } })
      encode(codec, few)
      expect(decode(codec, encode(codec, text)).parts?.isCompressed).toBe(true)
    }
  })

  test.each([
    [0.3, 0.97],
    [0.5, 0.95],
    [0.7, 0.8],
  ])('of values of which %d do not get smaller, at least %d of the others are compressed', (share, most) => {
    const codec = valueCodec({ compress: { algorithm: 'lz4' } })
    const random = randomFrom(7)
    const bad = Array.from({ length: 20 }, () => randomBytes(2000))
    const count = 4000
    let compressible = 0
    for (let i = 0; i < count; i++) {
      const isGood = random() >= share
      if (isGood) compressible++
      encode(codec, isGood ? text : bad[i % bad.length])
    }
    const { compressed = 0, left = 0 } = codec.figures?.(place) ?? {}
    expect(compressed + left).toBe(count)
    expect(compressed / compressible).toBeGreaterThanOrEqual(most)
  })

  test('values that come in turn are looked at in turn: none of them stays unseen', () => {
    const codec = valueCodec({ compress: { algorithm: 'lz4' } })
    const bad = randomBytes(2000)
    for (let i = 0; i < 3200; i++) encode(codec, i % 32 === 0 && i >= 1600 ? text : bad)
    // One in 31 is looked at, so each of 32 places is, within a thousand values.
    expect(codec.figures?.(place)?.compressed).toBeGreaterThan(0)
  })

  test('what takes long at a high level is done beside the event loop, and read at once', async () => {
    const slow = valueCodec({ compress: { algorithm: 'brotli', level: 11 } })
    const later = slow.encode(partsOf(text), place)
    expect(later).toBeInstanceOf(Promise)
    expect(decode(slow, await later).parts?.value).toBe(text)
    expect(slow.encode(partsOf(text.slice(0, 3000)), place)).toBeInstanceOf(Uint8Array)
  })

  test('beside encryption, what is compressed is padded, also by an algorithm that was named', () => {
    const encrypt = keyring({ current: 'k', keys: { k: randomBytes(32) } })
    const codec = valueCodec({ encrypt, compress: { algorithm: 'gzip' } })
    const random = randomBytes(4000).toString('hex')
    const lengths = Array.from({ length: 8 }, (_, i) => encode(codec, random + 'ab'.repeat(i)).length)
    expect(new Set(lengths).size).toBeLessThanOrEqual(2)
    expect(decode(codec, encode(codec, random)).parts).toMatchObject({
      value: random,
      isCompressed: true,
      isEncrypted: true,
    })
  })

  test('remembers ten thousand namespaces, and not every one that there ever was', () => {
    const codec = valueCodec({ compress: 'auto' })
    for (let i = 0; i < 10_001; i++) encode(codec, 'small', { ...place, namespace: `tenant${i}` })
    expect(codec.figures?.({ ...place, namespace: 'tenant10000' })).toMatchObject({ left: 1 })
    expect(codec.figures?.({ ...place, namespace: 'tenant0' })).toMatchObject({ left: 0 })
  })

  test('says what it saved and cost, by cache and namespace', () => {
    const codec = valueCodec({ compress: 'auto' })
    for (let i = 0; i < 10; i++) decode(codec, encode(codec, text))
    const figures = codec.figures?.(place)
    expect(figures).toMatchObject({ compressed: 10, left: 0, bytesIn: (text.length + 2) * 10 })
    expect(figures?.bytesOut).toBeLessThan((figures?.bytesIn ?? 0) / 10)
    expect(figures?.compressMs).toBeGreaterThan(0)
    expect(figures?.inflateMs).toBeGreaterThan(0)
    expect(codec.figures?.({ ...place, cache: 'other' })).toMatchObject({ compressed: 0 })
    expect(valueCodec().figures?.(place)).toBeUndefined()
  })
})

describe('G26: bombs', () => {
  const zeros = Buffer.alloc(64 * 1024 * 1024)
  const lz4 = createRequire(import.meta.url)('lz4-napi')
  const lying = lz4.compressSync(zeros)
  lying.writeUInt32LE(100, 0)
  const bombs: [string, number, Uint8Array][] = [
    ['lz4', 4, lz4.compressSync(zeros)],
    ['lz4 that claims to be small', 4, lying],
    ['gzip', 1, gzipSync(zeros)],
    ['brotli', 2, brotliCompressSync(zeros)],
    ['gzip within gzip', 1, gzipSync(gzipSync(zeros))],
  ]
  test.each(bombs)('%s of 64 MB is a miss, in no time', async (_name, number, bytes) => {
    const codec = valueCodec({ compress: 'auto' })
    const frame = forged(number, bytes)
    expect(await codec.decode(frame, place)).toBeUndefined()
    await expectWithinParses(1, () => codec.decode(frame, place))
  })

  test('bytes that are not compressed, cut, or of an unknown number are a miss', () => {
    const codec = valueCodec({ compress: 'auto' })
    const whole = gzipSync(Buffer.from('1'))
    for (const [number, bytes] of [
      [1, Buffer.from('plain')],
      [1, whole.subarray(0, whole.length - 9)],
      [2, whole],
      [4, whole],
      [4, Buffer.from([1])],
      [4, Buffer.from([1, 0, 0, 0])],
      [9, whole],
    ] as const)
      expect(decode(codec, forged(number, bytes))).toEqual({ parts: undefined, why: 'transform' })
    expect(decode(codec, forged(1, whole)).parts?.value).toBe(1)
  })
})

describeWith('node24', 'D3: zstd, in a Node that knows it', () => {
  test('comes back, is a miss where it is not known, and no bomb of it is inflated', async () => {
    const { path, env } = newerNode()
    const child = fileURLToPath(new URL('newer-node.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(path, [child], { env })
    const told = JSON.parse(stdout)
    expect(told.small).toMatchObject({ isBack: true })
    expect(told.small.bytes).toBeLessThan(text.length / 10)
    expect(told.large).toMatchObject({ isBack: true })
    expect(told.figures).toMatchObject({ compressed: 2, left: 0 })
    for (const what of ['bomb', 'twice', 'cut', 'plain', 'gzip']) {
      // A frame that names zstd once is inflated once.
      expect(told[what].why).toBe(what === 'twice' ? 'malformed' : 'transform')
      expect(told[what].ms, 'in time').toBeLessThan(100)
    }
    if (!hasZstd)
      expect(decode(valueCodec(), Buffer.from(told.frame, 'base64'))).toEqual({ parts: undefined, why: 'transform' })
  })
})
