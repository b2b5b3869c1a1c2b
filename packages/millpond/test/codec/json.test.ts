// The codec keeps every value of the table and every value that can be generated from its kinds, and refuses the rest
// by path.
import vm from 'node:vm'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/codec/index.ts'
import type { EncodedParts } from '../../src/core/contracts.ts'
import { MillpondError } from '../../src/core/errors.ts'
import fc from '../properties.ts'
import { anyValue } from './arbitrary.ts'
import { assertEntry, assertSame } from './same.ts'
import { kept, refused } from './values.ts'

const codec = jsonCodec()

function partsOf(value: unknown): EncodedParts {
  return {
    key: 'v1:user:7',
    value,
    createdAt: 1_700_000_000_000,
    freshUntil: 1_700_000_300_000,
    staleUntil: Number.POSITIVE_INFINITY,
    tags: [],
  }
}

const isWide = (value: unknown): boolean =>
  typeof value === 'string'
    ? Array.from({ length: value.length }, (_, at) => value.charCodeAt(at)).some((code) => code > 0xff)
    : typeof value === 'object' && value !== null && Object.values(value).some(isWide)

describe('G20 what is kept', () => {
  it.each(kept)('$name', ({ make }) => {
    assertEntry(codec.decode(codec.encode(partsOf(make()))), partsOf(make()))
  })

  it('any nesting of the kinds', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        assertSame(codec.decode(codec.encode(partsOf(value)))?.value, value)
      }),
      { numRuns: 400 },
    )
  })

  it('key, tags and times, with lone surrogates and without end', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.string({ unit: 'binary' })),
        fc.double({ noNaN: true }),
        (key, tags, until) => {
          const parts = { key: `${key}\ud800`, value: 1, createdAt: 12.5, freshUntil: until, staleUntil: until, tags }
          assertEntry(codec.decode(codec.encode(parts)), parts)
        },
      ),
    )
  })

  it('keys of ASCII, which are read without a parser where nothing in them is escaped', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii' }),
        fc.array(fc.string({ unit: 'binary-ascii' }), { maxLength: 1 }),
        (key, tags) => {
          const parts = { ...partsOf(1), key, tags }
          assertEntry(codec.decode(codec.encode(parts)), parts)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('T3: a value is called narrow where it is ASCII, and never where a string of it is wide', () => {
    const unit = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 1 }),
      fc.constantFrom('é', '中', '\ud800', '\n', '\u0001', 'a'),
    )
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: unit }), (value) => {
        if (codec.decode(codec.encode(partsOf(value)))?.isNarrow === true) expect(isWide(value)).toBe(false)
      }),
      { numRuns: 400 },
    )
    expect(codec.decode(codec.encode(partsOf({ a: ['plain "text"\n'] })))?.isNarrow).toBe(true)
    expect(codec.decode(codec.encode(partsOf({ a: ['\ud800'] })))?.isNarrow).toBe(false)
  })

  it('plain objects, arrays, Maps and Dates of another realm become those of this one', () => {
    const foreign: unknown = vm.runInNewContext(
      '({ list: [1, { a: 2 }], at: new Date(3), map: new Map([[1, new Set([2])]]), bytes: new Uint8Array([4]) })',
    )
    const own = { list: [1, { a: 2 }], at: new Date(3), map: new Map([[1, new Set([2])]]), bytes: Uint8Array.from([4]) }
    assertSame(codec.decode(codec.encode(partsOf(foreign)))?.value, own)
  })

  it('what a getter returns', () => {
    const value = {
      get full() {
        return 'a b'
      },
    }
    assertSame(codec.decode(codec.encode(partsOf(value)))?.value, { full: 'a b' })
  })

  it('hidden fields are left out, and a hidden toJSON is not called', () => {
    const value = Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'surprise' })
    assertSame(codec.decode(codec.encode(partsOf([value])))?.value, [{ a: 1 }])
  })

  it.each([Object.prototype, Array.prototype])(
    'a toJSON that all lists inherit is refused, not called',
    (prototype) => {
      Object.defineProperty(prototype, 'toJSON', { value: () => 'surprise', configurable: true })
      try {
        for (const value of [[1], { list: [1] }, new Map()])
          expect(thrown(() => codec.encode(partsOf(value))).message).toContain('has a toJSON')
      } finally {
        Reflect.deleteProperty(prototype, 'toJSON')
      }
    },
  )

  it('a __proto__ field pollutes nothing', () => {
    const text = '{"__proto__":{"polluted":true},"at":0}'
    const value: { at: unknown } = JSON.parse(text)
    value.at = new Date(0)
    const decoded = codec.decode(codec.encode(partsOf(value)))?.value
    assertSame(decoded, value)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
  })

  it('bytes in memory of their own, apart from what arrived', () => {
    const encoded = Buffer.from(codec.encode(partsOf(Buffer.from('abc'))))
    const decoded = codec.decode(encoded)
    encoded.fill(0)
    assertSame(decoded?.value, Buffer.from('abc'))
    expect(decoded?.value).toHaveProperty('buffer.byteLength', 3)
  })

  it('reads a body that is a Uint8Array inside a larger buffer', () => {
    const encoded = codec.encode(partsOf({ a: 'é' }))
    const room = new Uint8Array(encoded.length + 10)
    room.set(encoded, 5)
    assertEntry(codec.decode(room.subarray(5, 5 + encoded.length)), partsOf({ a: 'é' }))
  })
})

describe('G20 what is refused', () => {
  it.each(refused)('$name', ({ make, path }) => {
    const error = thrown(() => codec.encode(partsOf(make())))
    expect(error.code).toBe('VALUE_UNSUPPORTED')
    expect(error.message.replace('[millpond] ', '').startsWith(path)).toBe(true)
  })

  it('changes nothing of the value it was given', () => {
    for (const { make } of kept) {
      const value = make()
      codec.encode(partsOf(value))
      assertSame(value, make())
    }
  })

  it('times that are no times', () => {
    expect(thrown(() => codec.encode({ ...partsOf(1), createdAt: Number.NaN })).code).toBe('OPTION_INVALID')
  })
})

describe('limits on the way in', () => {
  it.each([
    ['bytes', { maxBytes: 200 }, 'x'.repeat(200), 'VALUE_TOO_LARGE'],
    ['bytes of a Buffer', { maxBytes: 200 }, Buffer.alloc(200), 'VALUE_TOO_LARGE'],
    ['items', { maxItems: 3 }, [1, [2, 3]], 'VALUE_TOO_LARGE'],
    [
      'items of a Map',
      { maxItems: 3 },
      new Map([
        [1, 2],
        [3, 4],
      ]),
      'VALUE_TOO_LARGE',
    ],
    ['depth', { maxDepth: 2 }, [[[]]], 'VALUE_UNSUPPORTED'],
    ['depth of Sets', { maxDepth: 2 }, new Set([new Set([new Set()])]), 'VALUE_UNSUPPORTED'],
  ] as const)('%s', (_, limits, value, code) => {
    expect(thrown(() => jsonCodec({ limits }).encode(partsOf(value))).code).toBe(code)
  })

  it('what may be written may be read: at the limit exactly', () => {
    const tight = jsonCodec({ limits: { maxItems: 8, maxDepth: 3 } })
    for (const value of [
      [1, [2, { a: 3 }], 4, 5, 6],
      new Map<unknown, unknown>([
        [1, new Date(0)],
        [2, [3n, -0, '', null]],
      ]),
      { a: { $: 1 }, b: Object.create(null), c: [[], undefined] },
    ]) {
      assertSame(tight.decode(tight.encode(partsOf(value)))?.value, value)
    }
  })

  it('a value that doubles at every level meets the limit, not the end of memory', () => {
    let value: unknown = [1]
    for (let i = 0; i < 60; i++) value = [value, value]
    expect(thrown(() => codec.encode(partsOf(value))).code).toBe('VALUE_TOO_LARGE')
  })

  it('endless depth is an error, not an overflow', () => {
    const endless = {
      get again(): unknown {
        return {
          get again() {
            return endless
          },
        }
      },
    }
    expect(thrown(() => codec.encode(partsOf(endless))).code).toBe('VALUE_UNSUPPORTED')
  })

  it('the longest key there is, of any characters', () => {
    for (const char of ['k', '中', '\u0001']) {
      const parts = { ...partsOf(1), key: char.repeat(65_536) }
      assertEntry(codec.decode(codec.encode(parts)), parts)
    }
  })

  it('tags that are too many', () => {
    const tags = Array.from({ length: 20_000 }, (_, i) => `tag-number-${i}`)
    expect(thrown(() => codec.encode({ ...partsOf(1), tags })).code).toBe('VALUE_TOO_LARGE')
  })

  it.each([{ select: {} }, { limts: {} }, { onReject: 'log' }, []])('options that it does not have: %o', (options) => {
    expect(thrown(() => jsonCodec(options as object)).code).toBe('OPTION_INVALID')
  })

  it.each([{ maxBytes: 0 }, { maxDepth: 1.5 }, { maxItems: Number.NaN }, { maxDepth: 5000 }, { maxbytes: 1 }])(
    'garbage as a limit: %o',
    (limits) => {
      expect(thrown(() => jsonCodec({ limits })).code).toBe('OPTION_INVALID')
    },
  )
})

function thrown(run: () => unknown): MillpondError {
  try {
    run()
  } catch (error) {
    if (error instanceof MillpondError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
