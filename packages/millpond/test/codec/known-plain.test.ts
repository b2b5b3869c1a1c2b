// What isolating a value finds out spares the JSON format its own walk: both must say the same of every value.
import { describe, expect, it, test } from 'vitest'
import { jsonCodec } from '../../src/codec/index.ts'
import { resolveLimits } from '../../src/codec/limits.ts'
import { isPlain } from '../../src/codec/plain.ts'
import type { EncodedParts } from '../../src/core/contracts.ts'
import { isolate } from '../../src/memory/isolate.ts'
import fc from '../properties.ts'

const LIMITS = resolveLimits()

const anything = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0, 0, Number.NaN, Number.POSITIVE_INFINITY, 5n),
    fc.date(),
    fc.uint8Array({ maxLength: 4 }),
  ),
  list: fc.array(tie('value'), { maxLength: 5 }),
  object: fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom('__proto__', 'toJSON', '$', '0', 'length')),
    tie('value'),
    {
      maxKeys: 6,
      noNullPrototype: false,
    },
  ),
  map: fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 2 }).map((entries) => new Map(entries)),
  value: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('list'), tie('object'), tie('map')),
})).value

const partsOf = (value: unknown): EncodedParts => ({
  key: 'k',
  value,
  createdAt: 1,
  freshUntil: 2,
  staleUntil: 3,
  tags: [],
})

/** The bytes, or the error's code. */
function written(parts: EncodedParts, codec = jsonCodec()): unknown {
  try {
    return Buffer.from(codec.encode(parts)).toString('hex')
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

describe('a value that was isolated', () => {
  test('is plain JSON exactly where its own walk says so, and is written as the same bytes', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const isolated = isolate(value)
        const kept = isolated.value
        if (typeof kept === 'object' && kept !== null)
          expect(isolated.jsonItems !== undefined).toBe(isPlain(kept, LIMITS))
        expect(written({ ...partsOf(kept), isolated })).toBe(written(partsOf(kept)))
      }),
      { numRuns: 2000 },
    )
  })

  test.each([1, 2, 3, 10, 50])('meets the limits of a codec that allows %s items, levels or bytes', (most) => {
    for (const name of ['maxItems', 'maxDepth', 'maxBytes'] as const) {
      const codec = jsonCodec({ limits: { [name]: most } })
      fc.assert(
        fc.property(anything, (value) => {
          const isolated = isolate(value)
          const parts = partsOf(isolated.value)
          expect(written({ ...parts, isolated }, codec)).toBe(written(parts, codec))
        }),
      )
    }
  })

  it.each([
    ['a table of ids', Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`id-${at}`, at]))],
    ['a record of many fields', Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`f${'x'.repeat(at)}`, at]))],
  ])('counts the items of %s', (_, value) => {
    expect(isolate(value).jsonItems).toBe(Object.keys(value).length)
  })

  it('is looked at again once Array.prototype has a toJSON', () => {
    const isolated = isolate({ a: [1] })
    const plain = written(partsOf(isolated.value))
    Reflect.defineProperty(Array.prototype, 'toJSON', { value: () => 'changed', configurable: true })
    try {
      expect(() => jsonCodec().encode({ ...partsOf(isolated.value), isolated })).toThrow(/toJSON/)
    } finally {
      Reflect.deleteProperty(Array.prototype, 'toJSON')
    }
    expect(written({ ...partsOf(isolated.value), isolated })).toBe(plain)
  })

  it('says nothing of another value', () => {
    const isolated = isolate({ a: 1 })
    const other = { a: Number.NaN }
    expect(written({ ...partsOf(other), isolated })).toBe(written(partsOf(other)))
  })
})
