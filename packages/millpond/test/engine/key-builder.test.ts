// Keys of parts: what is different stays different, and what cannot be told apart is refused.
import { describe, expect, it } from 'vitest'
import { buildKey, type KeyParts, MAX_PARAMETER_LENGTH, type ParameterValue } from '../../src/engine/key-builder.ts'
import fc from '../properties.ts'

const text = fc.string({ maxLength: 6, unit: fc.constantFrom('a', 'b', ':', '%', '=', '~', 'é', '3', 'A') })
const part = text.filter((one) => one !== '')
const parameters = fc.option(fc.oneof(fc.array(text, { maxLength: 4 }), fc.dictionary(text, text, { maxKeys: 3 })), {
  nil: undefined,
})
// Few heads, so that many pairs differ in their parameters alone.
const head = fc.oneof({ weight: 5, arbitrary: fc.constant('p') }, { weight: 1, arbitrary: part })
const anyParts = fc.record({ version: head, prefix: head, identifier: head, parameters })

/** What a key has to tell. */
const told = ({ version, prefix, identifier, parameters: given = [] }: Partial<KeyParts>): string => {
  const isList = Array.isArray(given)
  const values = isList ? given.map(String) : Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([version, prefix, identifier, values.length === 0 ? 'none' : [isList, values]])
}

describe('buildKey', () => {
  it('says version, prefix, identifier and parameters', () => {
    expect(buildKey({ prefix: 'user_perms', identifier: 456, parameters: [123] })).toBe('v1:user_perms:456:123')
    expect(buildKey({ version: 'v2', prefix: 'p', identifier: 'i' })).toBe('v2:p:i')
    expect(buildKey({ prefix: 'p', identifier: 'a:b=c%', parameters: { z: true, a: null, none: undefined } })).toBe(
      'v1:p:a%3Ab%3Dc%25:a=null:z=true',
    )
  })

  it('takes nested filters, dates and bigints, whose order of fields does not matter', () => {
    const key = (one: ParameterValue): string => buildKey({ prefix: 'p', identifier: 'i', parameters: [one] })
    expect(key({ status: ['open', 'won'], min: 5 })).toBe(key({ min: 5, status: ['open', 'won'], max: undefined }))
    expect(key(['a'])).toBe('v1:p:i:%j["a"]')
    expect(key(7n)).toBe('v1:p:i:7')
    const others: ParameterValue[] = [
      ['a'],
      '["a"]',
      '%j["a"]',
      [['a']],
      { 0: 'a' },
      ['a', undefined],
      ['a', null],
      [1],
      ['1'],
      [1n],
      [true],
      {},
      [],
      [{}],
      new Date(0),
      new Date(1),
      new Date(0).toISOString(),
      [new Date(0).toISOString()],
      { a: { b: 1 } },
      { 'a.b': 1 },
    ]
    expect(new Set(others.map(key)).size).toBe(others.length)
    expect(key({ ids: Array.from({ length: 500 }, (_, id) => id) }).length).toBeLessThan(40)
  })

  it('takes a version as a number', () => {
    expect(buildKey({ version: 3, prefix: 'p', identifier: 'i' })).toBe('v3:p:i')
  })

  it('parts that differ make keys that differ', () => {
    fc.assert(
      fc.property(anyParts, anyParts, (a, b) => {
        const [one, other] = [a, b] as readonly KeyParts[]
        expect(buildKey(one as KeyParts) === buildKey(other as KeyParts)).toBe(
          told(a as KeyParts) === told(b as KeyParts),
        )
      }),
      { numRuns: 2000 },
    )
  })

  it('long parameters become a hash that no parameter can be written to meet', () => {
    const long = buildKey({ prefix: 'p', identifier: 'i', parameters: ['x'.repeat(MAX_PARAMETER_LENGTH + 1)] })
    expect(long.length).toBeLessThan(40)
    const tail = long.slice('v1:p:i:'.length)
    for (const forged of [
      tail,
      tail.slice(1),
      tail.slice(2),
      decodeURIComponent(tail.replace(/%(?![0-9A-F]{2})/g, '%25')),
    ])
      for (const given of [[forged], { [forged]: '' }, ['', forged]] as const)
        expect(buildKey({ prefix: 'p', identifier: 'i', parameters: given })).not.toBe(long)
    expect(buildKey({ prefix: 'p', identifier: 'i', parameters: ['x'.repeat(MAX_PARAMETER_LENGTH + 2)] })).not.toBe(
      long,
    )
  })

  it.each<[unknown, RegExp]>([
    [{ prefix: '', identifier: 1 }, /prefix: "" is not allowed/],
    [{ prefix: 'p' }, /identifier: undefined is not allowed/],
    [{ prefix: 'p', identifier: Number.NaN }, /identifier: NaN is not allowed/],
    [{ prefix: 'p', identifier: {} }, /identifier: \{\} is not allowed/],
    [{ prefix: 'p', identifier: null }, /identifier: null is not allowed/],
    [{ prefix: 'p', identifier: 1, parameters: 'x' }, /parameters: "x" is not allowed/],
    [{ version: '', prefix: 'p', identifier: 1 }, /version: "" is not allowed/],
    [{ version: 1.5, prefix: 'p', identifier: 1 }, /version: 1.5 is not allowed/],
    [
      { prefix: 'p', identifier: 1, parameters: [{ a: () => 1 }] },
      /parameters\[0\]: .* is not allowed: give plain data/,
    ],
    [{ prefix: 'p', identifier: 1, parameters: [[Number.NaN]] }, /parameters\[0\]: .* is not allowed/],
    [{ prefix: 'p', identifier: 1, parameters: [Array(2)] }, /parameters\[0\]: .* is not allowed/],
    [{ prefix: 'p', identifier: 1, parameters: ['a1'.match(/a(?<n>1)/)] }, /parameters\[0\]: .* is not allowed/],
    [{ prefix: 'p', identifier: 1, parameters: { day: new Date(Number.NaN) } }, /parameters.day: .* is not allowed/],
    [{ prefix: 'p', identifier: 1, parameters: { by: new Map() } }, /parameters.by: an instance of Map is not allowed/],
    [{ prefix: 'p', identifier: 1, parameters: new Map() }, /parameters: an instance of Map is not allowed/],
    [{ prefix: 'p', identifer: 1 }, /unknown option "buildKey.identifer": did you mean "identifier"/],
    [null, /buildKey: null is not allowed/],
  ])('%j is refused', (parts, message) => {
    expect(() => buildKey(parts as KeyParts)).toThrow(message)
  })
})
