// What a cache keeps and what it refuses: one table for the codec and for the memory tier, so that the two cannot
// disagree.

/** `make` builds the value anew, so that a test may change what it got. */
export interface Kept {
  readonly name: string
  readonly make: () => unknown
}

export interface Refused extends Kept {
  /** The path that the error must name. */
  readonly path: string
}

const bytes = () => Uint8Array.from([0, 1, 127, 128, 255, 10, 13, 34])

/** An object with a field that is really named `__proto__`. */
export function protoField(value: unknown): object {
  return Object.defineProperty({}, '__proto__', { value, enumerable: true, configurable: true, writable: true })
}

export const kept: readonly Kept[] = [
  { name: 'undefined', make: () => undefined },
  { name: 'null', make: () => null },
  { name: 'true', make: () => true },
  { name: 'false', make: () => false },
  { name: 'zero', make: () => 0 },
  { name: 'minus zero', make: () => -0 },
  { name: 'a fraction', make: () => 0.1 + 0.2 },
  { name: 'the largest double', make: () => Number.MAX_VALUE },
  { name: 'the smallest double', make: () => Number.MIN_VALUE },
  { name: 'NaN', make: () => Number.NaN },
  { name: 'Infinity', make: () => Number.POSITIVE_INFINITY },
  { name: '-Infinity', make: () => Number.NEGATIVE_INFINITY },
  { name: 'bigint 0', make: () => 0n },
  { name: 'a large bigint', make: () => 2n ** 200n + 1n },
  { name: 'a negative bigint', make: () => -(2n ** 64n) },
  { name: 'an empty string', make: () => '' },
  { name: 'a string of every plane', make: () => 'aé中😀\u0000\u2028"\\\n' },
  { name: 'a lone high surrogate', make: () => 'x\ud800y' },
  { name: 'a lone low surrogate', make: () => '\udc00' },
  { name: 'a Date', make: () => new Date(1_700_000_000_123) },
  { name: 'a Date before 1970', make: () => new Date(-1) },
  { name: 'an invalid Date', make: () => new Date(Number.NaN) },
  { name: 'an empty Map', make: () => new Map() },
  {
    name: 'a Map',
    make: () =>
      new Map<unknown, unknown>([
        ['a', 1],
        [1, 'a'],
        [Number.NaN, undefined],
        [null, new Map([[{ k: 1 }, new Set([1])]])],
      ]),
  },
  { name: 'an empty Set', make: () => new Set() },
  { name: 'a Set', make: () => new Set<unknown>(['a', 1, undefined, -1n, new Date(5)]) },
  { name: 'an empty Buffer', make: () => Buffer.alloc(0) },
  { name: 'a Buffer', make: () => Buffer.from(bytes()) },
  { name: 'a Buffer inside', make: () => ({ body: Buffer.from(bytes()) }) },
  { name: 'a Uint8Array', make: () => bytes() },
  { name: 'a Uint8Array inside', make: () => [bytes()] },
  { name: 'a view into a larger ArrayBuffer', make: () => ({ part: bytes().subarray(2, 5) }) },
  { name: 'an Int8Array', make: () => Int8Array.from([-1, 0, 1]) },
  { name: 'a Uint8ClampedArray', make: () => Uint8ClampedArray.from([0, 255]) },
  { name: 'an Int16Array', make: () => Int16Array.from([-2, 300]) },
  { name: 'a Uint16Array', make: () => Uint16Array.from([65535]) },
  { name: 'an Int32Array', make: () => Int32Array.from([-70000]) },
  { name: 'a Uint32Array', make: () => Uint32Array.from([4_000_000_000]) },
  { name: 'a Float32Array', make: () => Float32Array.from([1.5, Number.NaN]) },
  { name: 'a Float64Array', make: () => Float64Array.from([0.1, -0]) },
  { name: 'a BigInt64Array', make: () => BigInt64Array.from([-5n]) },
  { name: 'a BigUint64Array', make: () => BigUint64Array.from([5n]) },
  { name: 'an ArrayBuffer', make: () => bytes().buffer },
  { name: 'a DataView', make: () => new DataView(bytes().buffer, 2, 3) },
  { name: 'an empty object', make: () => ({}) },
  { name: 'an empty array', make: () => [] },
  { name: 'undefined in an object', make: () => ({ a: undefined, b: 1 }) },
  { name: 'undefined in an array', make: () => [undefined, 1, undefined] },
  { name: 'numeric field names', make: () => ({ 2: 'b', 1: 'a', x: { 0: 0 } }) },
  { name: 'an empty field name', make: () => ({ '': 1 }) },
  { name: 'a field named __proto__', make: () => protoField({ polluted: true }) },
  { name: 'a field named __proto__ beside a Date', make: () => ({ at: new Date(0), inner: protoField(new Date(1)) }) },
  {
    name: 'fields named as methods',
    make: () => ({ constructor: 1, hasOwnProperty: 2, toString: null, toJSON: 'text' }),
  },
  { name: 'an object without prototype', make: () => Object.assign(Object.create(null), { a: 1, b: new Date(2) }) },
  { name: 'an empty object without prototype', make: () => Object.create(null) },
  { name: 'data that looks escaped', make: () => ({ $: 'NaN' }) },
  {
    name: 'data that looks escaped, beside a Date',
    make: () => [{ $: ['Date', 0] }, new Date(0), { $: { $: 'undefined' } }, { $: 1, b: 2 }],
  },
  { name: 'data that looks like a wrapped object', make: () => [{ $: ['Object', { $: ['null', {}] }] }, undefined] },
  { name: 'one object in two places', make: () => ((shared) => ({ a: shared, b: shared }))({ at: new Date(3) }) },
  { name: 'a deep value', make: () => nest(100, { at: new Date(4) }) },
  {
    name: 'a row of a service',
    make: () => ({
      id: 7,
      owner: { email: 'a@b.c', tags: ['x', 'y'] },
      closedAt: undefined,
      createdAt: new Date(6),
      amount: 12.5,
      parts: new Map([['a', [1, 2]]]),
    }),
  },
]

function nest(levels: number, core: unknown): unknown {
  let value = core
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { inner: value }
  return value
}

class Point {
  readonly x = 1
}

class List extends Array {}
class Table extends Map {}
class Moment extends Date {}

function cycle(): object {
  const inner: Record<string, unknown> = {}
  const value = { a: { b: inner } }
  inner.back = value
  return value
}

function hole(): unknown[] {
  const list: unknown[] = [1, 2, 3]
  delete list[1]
  return list
}

export const refused: readonly Refused[] = [
  { name: 'a function', make: () => () => 1, path: 'value' },
  { name: 'a function inside', make: () => ({ items: [0, 1, 2, { fn: () => 1 }] }), path: 'value.items[3].fn' },
  { name: 'a symbol', make: () => ({ s: Symbol('s') }), path: 'value.s' },
  { name: 'a field named by a symbol', make: () => ({ deep: { [Symbol('tag')]: 1 } }), path: 'value.deep' },
  {
    name: 'a field of an array named by a symbol',
    make: () => ({ rows: Object.assign([1], { [Symbol('total')]: 1 }) }),
    path: 'value.rows',
  },
  { name: "an instance of a user's class", make: () => ({ at: [new Point()] }), path: 'value.at[0]' },
  { name: 'a subclass of Array', make: () => ({ list: List.from([1]) }), path: 'value.list' },
  { name: 'a subclass of Map', make: () => ({ table: new Table() }), path: 'value.table' },
  { name: 'a subclass of Date', make: () => ({ 'the time': new Moment() }), path: 'value["the time"]' },
  { name: 'an object with a prototype of data', make: () => ({ o: Object.create({ inherited: 1 }) }), path: 'value.o' },
  { name: 'an Error', make: () => ({ e: new Error('no') }), path: 'value.e' },
  { name: 'a RegExp', make: () => ({ r: /a/ }), path: 'value.r' },
  { name: 'a Promise', make: () => ({ p: Promise.resolve(1) }), path: 'value.p' },
  { name: 'a WeakMap', make: () => ({ w: new WeakMap() }), path: 'value.w' },
  { name: 'a WeakSet', make: () => ({ w: new WeakSet() }), path: 'value.w' },
  { name: 'a boxed number', make: () => ({ n: Object(1) }), path: 'value.n' },
  { name: 'a URL', make: () => ({ u: new URL('http://a.b/') }), path: 'value.u' },
  { name: 'a SharedArrayBuffer', make: () => ({ s: new SharedArrayBuffer(4) }), path: 'value.s' },
  { name: 'a generator', make: () => ({ g: (function* () {})() }), path: 'value.g' },
  { name: 'a hole', make: () => ({ list: hole() }), path: 'value.list[1]' },
  {
    name: 'a named property of an array',
    make: () => ({ rows: Object.assign([1, 2], { total: 9 }) }),
    path: 'value.rows.total',
  },
  { name: 'a match of a regular expression', make: () => 'abc'.match(/b/), path: 'value.index' },
  {
    name: 'a field added to a Date',
    make: () => ({ d: Object.assign(new Date(0), { zone: 'UTC' }) }),
    path: 'value.d.zone',
  },
  {
    name: 'a field added to a Map',
    make: () => ({ m: Object.assign(new Map(), { zone: 'UTC' }) }),
    path: 'value.m.zone',
  },
  { name: 'a toJSON function', make: () => ({ a: { toJSON: () => 1 } }), path: 'value.a.toJSON' },
  { name: 'a cycle', make: cycle, path: 'value.a.b.back' },
  { name: 'a function in a Map', make: () => ({ m: new Map([['k', () => 1]]) }), path: 'value.m' },
  { name: 'a function as a key of a Map', make: () => ({ m: new Map([[() => 1, 1]]) }), path: 'value.m' },
  { name: 'a function in a Set', make: () => ({ s: new Set([() => 1]) }), path: 'value.s' },
]
