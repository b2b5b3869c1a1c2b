// What is cached stays apart from what callers hold, and what cannot be kept is refused by its path.
import { isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { jsonCodec } from '../../src/codec/index.ts'
import { MillpondError } from '../../src/core/errors.ts'
import { createCache } from '../../src/create.ts'
import { copyLive } from '../../src/memory/copy-live.ts'
import { isolate } from '../../src/memory/isolate.ts'
import { own } from '../../src/memory/own.ts'
import fc from '../properties.ts'

/** Every object within, so that a test can look for shared ones. */
function objectsIn(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found
  found.add(value)
  if (value instanceof Map) for (const [key, item] of value) for (const part of [key, item]) objectsIn(part, found)
  else if (value instanceof Set) for (const item of value) objectsIn(item, found)
  else if (!ArrayBuffer.isView(value)) for (const item of Object.values(value)) objectsIn(item, found)
  return found
}

function isLivePart(value: object): boolean {
  return (
    value instanceof Date ||
    value instanceof Map ||
    value instanceof Set ||
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer
  )
}

const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    tie('list'),
    tie('object'),
    tie('map'),
    tie('set'),
  ),
  leaf: fc.oneof(
    fc.string(),
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.constantFrom<unknown>(null, undefined, -0, Number.NaN, '\ud800'),
    // Node takes two invalid ones for different: they have a test of their own.
    fc.date({ noInvalidDate: true }),
    fc.uint8Array({ maxLength: 5 }),
    fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
    fc.float64Array({ maxLength: 3 }),
    fc.uint8Array({ maxLength: 5 }).map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    fc.uint8Array({ maxLength: 3 }).map((bytes) => bytes.slice().buffer),
  ),
  list: fc.array(tie('tree'), { maxLength: 4 }),
  object: fc.dictionary(
    fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('__proto__', 'constructor', 'toString')),
    tie('tree'),
    {
      maxKeys: 4,
      noNullPrototype: false,
    },
  ),
  map: fc
    .array(fc.tuple(fc.string({ maxLength: 3 }), tie('tree')), { maxLength: 3 })
    .map((entries) => new Map(entries)),
  set: fc.array(tie('tree'), { maxLength: 3 }).map((items) => new Set(items)),
}))

describe('isolate', () => {
  test('G20: whatever plain data goes in comes out deep equal, and shares no object with what was given', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const given = objectsIn(value)
        const kept = isolate(value)
        expect(isDeepStrictEqual(kept.value, value)).toBe(true)
        for (const object of objectsIn(kept.value)) expect(given.has(object)).toBe(false)
        for (const object of given)
          if (Object.keys(object).length > 0 && !isLivePart(object)) expect(Object.isFrozen(object)).toBe(false)
        for (const object of objectsIn(kept.value)) if (!isLivePart(object)) expect(Object.isFrozen(object)).toBe(true)
        expect(kept.live).toBe([...given].some(isLivePart))
      }),
      { numRuns: 400 },
    )
  })

  test('bytes that were transferred elsewhere, and a class of no name, are refused by their path', () => {
    const bytes = new Uint8Array(8)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    for (const value of [{ a: bytes }, { a: bytes.buffer }, { a: new DataView(new ArrayBuffer(0)), b: bytes }]) {
      expect(() => isolate(value)).toThrow(expect.objectContaining({ code: 'VALUE_UNSUPPORTED' }))
    }
    expect(isolate(new Uint8Array(0)).value).toEqual(new Uint8Array(0))
    const nameless = Object.create(Object.assign(Object.create(null), { constructor: null }))
    expect(() => isolate({ a: nameless })).toThrow(expect.objectContaining({ code: 'VALUE_UNSUPPORTED' }))
  })

  test('an invalid date stays one, and is copied as others are', () => {
    const { value } = isolate({ at: new Date(Number.NaN) })
    const { at } = copyLive(value) as { at: Date }
    expect(at.getTime()).toBeNaN()
    expect(at).not.toBe((value as { at: Date }).at)
  })

  test('G20: what freezing cannot protect is another object on each hit; what it can is the same one', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const { value: kept } = isolate(value)
        const mine = objectsIn(kept)
        const copy = copyLive(kept)
        expect(isDeepStrictEqual(copy, value)).toBe(true)
        for (const object of objectsIn(copy)) if (isLivePart(object)) expect(mine.has(object)).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  test('a hit copies each live part once, however deep it lies', () => {
    const reads = vi.spyOn(Date.prototype, 'getTime')
    try {
      for (const depth of [12, 400]) {
        let value: object = { at: new Date(7) }
        for (let i = 0; i < depth; i++) value = { child: value, depth: i, others: [{ i }] }
        const { value: kept } = isolate(value)
        reads.mockClear()
        const copy = copyLive(kept)
        // Before anything is compared: comparing reads times too.
        expect(reads.mock.calls.length, `${depth} deep`).toBe(1)
        expect(copy).toEqual(value)
      }
    } finally {
      reads.mockRestore()
    }
  })

  test('a hit copies what is live in objects of many names and in those without a prototype', () => {
    const wide = {
      ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`name${i}`, i])),
      at: new Date(1),
      7: [new Date(2)],
    }
    const bare = Object.assign(Object.create(null), { at: new Date(3), list: [1] })
    const table = JSON.parse(`{${Array.from({ length: 200 }, (_, i) => `"id${i}":${i}`)},"__proto__":{"a":1}}`)
    table.at = new Date(4)
    const ids = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`user:${i}`, new Date(i)]))
    const bareIds = Object.setPrototypeOf({ ...ids }, null)
    const value = { wide, bare, table, ids, bareIds }
    const { value: kept } = isolate(value)
    const copy = copyLive(kept) as typeof value
    expect(isDeepStrictEqual(kept, value)).toBe(true)
    expect(isDeepStrictEqual(copy, value)).toBe(true)
    for (const name of ['wide', 'table', 'ids'] as const)
      expect(Object.keys(copy[name])).toEqual(Object.keys(value[name]))
    for (const part of [...objectsIn(kept), ...objectsIn(copy)])
      if (!isLivePart(part)) expect(Object.isFrozen(part)).toBe(true)
    expect(Object.getPrototypeOf(copy.table)).toBe(Object.prototype)
    expect(own(kept)).toEqual(isolate(value))
    expect(copy.bare.list).toBe((kept as typeof copy).bare.list)
    expect(copy.bare.at).not.toBe((kept as typeof copy).bare.at)
  })

  /** What the memory under each view within holds beside the view's own bytes. */
  function reachable(value: unknown): number[] {
    return [...objectsIn(value)]
      .filter((part) => ArrayBuffer.isView(part))
      .map((part) => part.buffer.byteLength - part.byteLength)
  }

  test('G20: bytes that are kept or handed out lie in memory of their own, so that no `buffer` reaches those of another', () => {
    const given = {
      small: Buffer.from('secret'),
      large: Buffer.alloc(9000, 1),
      view: new Uint16Array(new ArrayBuffer(8), 2, 2),
      empty: Buffer.alloc(0),
    }
    expect(reachable(given)).not.toEqual([0, 0, 0, 0])
    const { value: kept } = isolate(given)
    expect(reachable(kept)).toEqual([0, 0, 0, 0])
    const copy = copyLive(kept) as typeof given
    expect(reachable(copy)).toEqual([0, 0, 0, 0])
    for (const bytes of Object.values(copy)) new Uint8Array(bytes.buffer).fill(0xff)
    expect(kept).toEqual(given)
    expect(Buffer.isBuffer(copy.small)).toBe(true)
  })

  test('G20: bytes that a decoder cut from something larger are taken out of it', () => {
    const arrived = Buffer.from('xxabcdxx')
    const cut = (): Uint8Array => arrived.subarray(2, 6)
    const values = [
      cut(),
      { list: [cut(), { a: 1 }], b: 2 },
      new Map([['k', new Set([cut()])]]),
      new DataView(arrived.buffer, arrived.byteOffset, 4),
    ]
    for (const value of values) {
      const expected = structuredClone(value)
      const owned = own(value)
      expect(reachable(owned.value)).toEqual([0])
      expect(isDeepStrictEqual(isolate(owned.value), owned)).toBe(true)
      for (const part of objectsIn(owned.value)) if (!isLivePart(part)) expect(Object.isFrozen(part)).toBe(true)
      expect(structuredClone(owned.value)).toEqual(expected)
    }
  })

  test('an owned value is frozen in place, and tells whether it has live parts', () => {
    const owned = { a: [{ b: 1 }] }
    expect(own(owned)).toEqual({ value: owned, live: false, bytes: isolate({ a: [{ b: 1 }] }).bytes })
    expect(Object.isFrozen(owned.a[0])).toBe(true)
    const inner = { c: 1 }
    expect(own({ a: [new Map([['k', inner]])] }).live).toBe(true)
    expect(Object.isFrozen(inner)).toBe(true)
  })

  test('T3: the walk that takes a value over weighs it as the one that clones it does', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const { jsonItems: _, ...kept } = isolate(value)
        expect(own(kept.value)).toEqual(kept)
      }),
      { numRuns: 400 },
    )
  })

  test('T3: of narrow strings it weighs the same whether it looks at them or is told', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary-ascii' }), (value) => {
        const { bytes } = isolate(value)
        expect(own(value, true).bytes).toBe(bytes)
      }),
      { numRuns: 400 },
    )
  })

  test('what an object inherits from a polluted Object.prototype is neither frozen nor cloned', () => {
    const shared = { changes: 1 }
    Object.defineProperty(Object.prototype, 'polluted', { value: shared, enumerable: true, configurable: true })
    let kept: unknown
    try {
      own({ a: 1 })
      kept = isolate({ a: 1 }).value
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted')
    }
    expect(Object.isFrozen(shared)).toBe(false)
    expect(kept).toStrictEqual({ a: 1 })
  })

  test('the hidden class of records survives, so that reading them stays fast and small', () => {
    const many: Record<string, number> = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`field${i}`, i]))
    expect(Object.keys(isolate(many).value as object)).toEqual(Object.keys(many))
  })

  test('plain objects of another realm are plain objects', () => {
    const { value } = isolate(runInNewContext('({ a: [1, { b: 2 }] })'))
    expect(value).toEqual({ a: [1, { b: 2 }] })
  })

  const foreign = `({
    date: new Date(5), map: new Map([[1, { a: new Set([2]) }]]), set: new Set(['x']), bytes: new Uint8Array([1, 2]), big: new BigInt64Array([3n]),
    view: new DataView(new ArrayBuffer(2)), memory: new ArrayBuffer(3), none: [Object.create(null)],
  })`
  test('Date, Map, Set and bytes of another realm become ones of this realm', () => {
    const { value, live } = isolate(runInNewContext(foreign))
    const here = new Function(`return ${foreign}`)()
    expect(live).toBe(true)
    expect(isDeepStrictEqual(value, here)).toBe(true)
    expect(isDeepStrictEqual(copyLive(value), here)).toBe(true)
  })

  test('own properties named __proto__ stay data', () => {
    const value = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}')
    const kept = isolate(value).value as Record<string, unknown>
    expect(Object.keys(kept)).toEqual(['__proto__', 'a'])
    expect(Object.getPrototypeOf(kept)).toBe(Object.prototype)
    expect(kept.polluted).toBeUndefined()
  })

  class User {
    readonly name = 'ann'
  }
  const cyclic: Record<string, unknown> = { list: [] }
  ;(cyclic.list as unknown[]).push({ up: cyclic })
  const named = Object.assign([1], { extra: 1 })
  const sparse = [1, 2, 3]
  delete sparse[1]
  const refused: [string, unknown, string][] = [
    ['a function', { items: [1, 2, 3, { fn: () => 1 }] }, 'value.items[3].fn'],
    ['a symbol', Symbol('s'), 'value'],
    ['a symbol as a name', { a: { [Symbol('s')]: 1 } }, 'value.a[Symbol(s)]'],
    ['a class instance', [new User()], 'value[0]'],
    ['an error', { problem: new Error('x') }, 'value.problem'],
    ['a regular expression', { 'a-b': /x/ }, 'value["a-b"]'],
    ['a promise', { later: Promise.resolve(1) }, 'value.later'],
    ['a weak map', new WeakMap(), 'value'],
    ['a cycle', cyclic, 'value.list[0].up'],
    ['a sparse array', { sparse }, 'value.sparse[1]'],
    ['a named property of an array', { named }, 'value.named.extra'],
    ['a hole that a named property would hide', { a: Object.assign([1, 2, 3].slice(0, 2), { x: 1 }) }, 'value.a.x'],
    ['a function in a map', new Map([['a', [() => 1]]]), 'value.values()[0][0]'],
    ['a class instance in a set', new Set([1, new User()]), 'value.keys()[1]'],
    ['an object with the prototype of Date', { at: Object.create(Date.prototype) }, 'value.at'],
    ['a subclass of Buffer', new (class Packet extends Uint8Array {})(2), 'value'],
    ['bytes that are shared between threads', { shared: new SharedArrayBuffer(2) }, 'value.shared'],
    ['a named property of a Map', [Object.assign(new Map(), { extra: 1 })], 'value[0]'],
    [
      'a subclass of Map of another realm',
      { map: runInNewContext('new (class Map extends globalThis.Map {})()') },
      'value.map',
    ],
    ['an error of another realm', runInNewContext('new Error("x")'), 'value'],
    ['a subclass of Map', new (class Registry extends Map {})(), 'value'],
    ['a boxed string', { boxed: Object('x') }, 'value.boxed'],
  ]
  for (const [what, value, path] of refused) {
    test(`G20: refuses ${what} and says where`, () => {
      let error: unknown
      try {
        isolate(value)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(MillpondError)
      expect((error as MillpondError).code).toBe('VALUE_UNSUPPORTED')
      expect((error as MillpondError).message).toContain(`${path} is `)
    })
  }

  test('G20: refuses what is nested too deep, and does not run into the stack', () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    expect(() => isolate(deep)).toThrow(/nested deeper than 500 levels/)
  })

  function twice(times: number): unknown {
    let value: unknown = [1]
    for (let i = 0; i < times; i++) value = [value, value]
    return value
  }
  const sheet = Buffer.alloc(80_000)
  const large: [string, unknown][] = [
    ['a long list', Array.from({ length: 100_001 }, (_, i) => i)],
    ['a Map of many entries', new Map(Array.from({ length: 50_001 }, (_, i) => [i, i]))],
    ['a Set of many members', [new Set(Array.from({ length: 100_000 }, (_, i) => i))]],
    ['many empty objects', Array.from({ length: 50_001 }, () => ({}))],
    ['a few objects that hold each other many times', twice(18)],
    ['the same bytes many times', Array.from({ length: 20 }, () => sheet)],
  ]
  for (const [what, value] of large) {
    test(`refuses ${what}, and says what to do`, () => {
      let error: unknown
      try {
        isolate(value)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toMatchObject({
        code: 'VALUE_TOO_LARGE',
        message: expect.stringMatching(/more than 100000 items.*raise limits\.maxItems of the codec/),
      })
    })
  }

  test('keeps what is just within the bound, and large bytes that come once', () => {
    for (const value of [
      Array.from({ length: 100_000 }, (_, i) => i),
      twice(15),
      [Buffer.alloc(9_000_000), sheet, sheet],
    ]) {
      expect(() => isolate(value)).not.toThrow()
    }
  })

  test('the bound is that of the codec in use, whether a tier needs it or not', async () => {
    const list = Array.from({ length: 1_000 }, (_, i) => i)
    for (const [maxItems, expected] of [
      [999, 'VALUE_TOO_LARGE'],
      [1_000, 'kept'],
    ] as const) {
      const cache = createCache({ codec: jsonCodec({ limits: { maxItems } }) })
      const answer = await cache.set('k', list).then(
        () => 'kept',
        (error: MillpondError) => error.code,
      )
      expect(answer).toBe(expected)
      await cache.close()
    }
  })

  test('a value that is used twice is no cycle', () => {
    const shared = { a: 1 }
    expect(isolate({ x: shared, y: [shared, shared] }).value).toEqual({ x: { a: 1 }, y: [{ a: 1 }, { a: 1 }] })
  })
})
