// Bytes from a shared tier are hostile: whatever they are, decode answers undefined and a reason, soon.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { jsonCodec, type Rejection } from '../../src/codec/index.ts'
import type { DecodedParts } from '../../src/core/contracts.ts'
import fc from '../properties.ts'
import { anyValue } from './arbitrary.ts'
import { expectWithinParses } from './cpu.ts'
import { forge } from './forge.ts'
import { assertEntry } from './same.ts'

const corpus = new URL('corpus/', import.meta.url)
const parts = {
  key: 'v1:user:7',
  createdAt: 1_700_000_000_000,
  freshUntil: 1_700_000_300_000,
  staleUntil: Number.POSITIVE_INFINITY,
  tags: ['tag'],
}

function outcome(bytes: Uint8Array): { decoded: DecodedParts | undefined; reasons: Rejection[] } {
  const reasons: Rejection[] = []
  const decoded = jsonCodec({ onReject: (reason) => reasons.push(reason) }).decode(bytes)
  return { decoded, reasons }
}

/** The reason is the file's name up to the first hyphen. */
function readCorpus(): { name: string; reason: string; bytes: Buffer }[] {
  return readdirSync(corpus).map((name) => {
    const lines = readFileSync(new URL(name, corpus), 'utf8').split('\n')
    const hex = lines.filter((line) => !line.startsWith('#')).join('')
    return { name, reason: name.slice(0, name.indexOf('-')), bytes: Buffer.from(hex, 'hex') }
  })
}

const files = readCorpus()

describe('G22 corrupt, foreign and older bytes', () => {
  it('the corpus is there and only grows', () => {
    expect(files.length).toBeGreaterThanOrEqual(51)
  })

  it.each(files.filter(({ reason }) => reason !== 'good'))('$name', ({ bytes, reason }) => {
    expect(outcome(bytes)).toEqual({ decoded: undefined, reasons: [reason] })
  })

  it.each([
    ['good-plain.hex', { a: 1 }],
    ['good-escaped.hex', { at: new Date(5), no: undefined, m: new Map([['k', -255n]]), d: { $: 1 } }],
    ['good-buffer.hex', Buffer.from([0, 255])],
  ])('what version 1 wrote is read, and written the same: %s', (name, value) => {
    const bytes = files.find((file) => file.name === name)?.bytes ?? Buffer.alloc(0)
    assertEntry(outcome(bytes).decoded, {
      key: parts.key,
      value,
      createdAt: parts.createdAt,
      freshUntil: parts.freshUntil,
      staleUntil: parts.staleUntil,
      tags: ['tag'],
    })
    expect(bytes.equals(jsonCodec().encode({ ...parts, value }))).toBe(true)
  })

  it('every flip of a byte and every cut is a miss', () => {
    fc.assert(
      fc.property(anyValue, fc.integer({ min: 1, max: 255 }), (value, mask) => {
        const codec = jsonCodec()
        const bytes = Buffer.from(codec.encode({ ...parts, value }))
        // All places of a short body, some hundred of a long one.
        const step = Math.ceil(bytes.length / 300)
        for (let at = 0; at < bytes.length; at += step) {
          bytes[at] = bytes[at]! ^ mask
          if (codec.decode(bytes) !== undefined) throw new Error(`a flip of ${mask} at ${at} is accepted`)
          bytes[at] = bytes[at]! ^ mask
          if (codec.decode(bytes.subarray(0, at)) !== undefined) throw new Error(`a cut at ${at} is accepted`)
        }
        if (codec.decode(bytes) === undefined) throw new Error('the whole is not accepted')
      }),
      { numRuns: 100 },
    )
  })

  it('random bytes, bare and behind a right checksum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 1 }), (bytes, kind) => {
        expect(outcome(bytes).decoded).toBeUndefined()
        expect(() => outcome(forge({ kind, value: bytes }))).not.toThrow()
      }),
    )
  })
})

describe('G26 hostile bytes behind a right checksum', () => {
  it('any JSON in the escape form revives or is a miss, and pollutes nothing', () => {
    const marks = fc.constantFrom(
      '$',
      '__proto__',
      'constructor',
      'a',
      'Date',
      'Map',
      'Object',
      'null',
      'Buffer',
      'NaN',
    )
    const json = fc.jsonValue().chain((value) => fc.tuple(marks, marks, fc.constant(value)))
    fc.assert(
      fc.property(json, ([field, kind, value]) => {
        const forged = forge({ kind: 1, value: `{"${field}":["${kind}",${JSON.stringify(value)}]}` })
        outcome(forged)
        expect(Object.keys(Object.prototype)).toEqual([])
        expect(({} as { a?: unknown }).a).toBeUndefined()
      }),
    )
  })

  it.each([
    ['a body over the limit', Buffer.alloc(9 * 1024 * 1024, 0x4d), 'too_large'],
    ['8 MB of opening brackets', forge({ value: '['.repeat(8_000_000) }), 'too_deep'],
    ['8 MB of opening braces, escaped', forge({ kind: 1, value: '{"$":'.repeat(1_600_000) }), 'too_deep'],
    ['millions of empty lists', forge({ value: `[${'[],'.repeat(2_600_000)}1]` }), 'too_many'],
    ['millions of numbers', forge({ value: `[${'1,'.repeat(4_000_000)}1]` }), 'too_many'],
    [
      '600,000 fields',
      forge({ value: `{${Array.from({ length: 600_000 }, (_, i) => `"${i}x":1`).join()}}` }),
      'too_many',
    ],
    ['600,000 marks', forge({ kind: 1, value: `[${'{"$":"NaN"},'.repeat(600_000)}1]` }), 'too_many'],
    ['commas in one long text', forge({ value: `"${','.repeat(8_000_000)}` }), 'malformed'],
    ['quotes only', forge({ value: '"'.repeat(8_000_000) }), 'malformed'],
    ['an endless key', forge({ meta: `["${'k'.repeat(2_000_000)}"]` }), 'too_large'],
    ['too many tags', forge({ meta: `["k"${',""'.repeat(300_000)}]` }), 'too_many'],
    ['lists for a key', forge({ meta: '['.repeat(900_000) }), 'too_many'],
    ['a deep list in little', forge({ value: '['.repeat(60_000) + ']'.repeat(60_000) }), 'too_deep'],
    ['a long BigInt', forge({ kind: 1, value: `{"$":["BigInt","${'g'.repeat(8_000_000)}"]}` }), 'malformed'],
  ])('%s is a miss in no time', async (_, bytes, reason) => {
    const codec = jsonCodec()
    expect(codec.decode(bytes)).toBeUndefined()
    expect(outcome(bytes).reasons).toEqual([reason])
    await expectWithinParses(1, () => codec.decode(bytes))
  })

  it.each([
    ['a text of 8 MB', forge({ value: JSON.stringify('\u2028"'.repeat(1_600_000)) })],
    ['a number of 8 million digits', forge({ value: '9'.repeat(8_000_000) })],
    ['a BigInt of 32 million bits', forge({ kind: 1, value: `{"$":["BigInt","${'f'.repeat(8_000_000)}"]}` })],
    ['8 MB of base64', forge({ kind: 1, value: `{"$":["Buffer","${'AAAA'.repeat(2_000_000)}"]}` })],
    [
      'long fractions',
      forge({ value: `[${Array.from({ length: 49_000 }, (_, i) => `0.${'123456789'.repeat(17)}${i}`).join()}]` }),
    ],
    [
      'distinct fields up to the limit',
      forge({ value: `{${Array.from({ length: 99_000 }, (_, i) => `"${i}x":1`).join()}}` }),
    ],
    [
      'distinct shapes up to the limit',
      forge({ value: `[${Array.from({ length: 49_000 }, (_, i) => `{"${i}x":1}`).join()}]` }),
    ],
  ])('%s is read in bounded time', async (_, bytes) => {
    const { decoded, reasons } = outcome(bytes)
    expect({ isRead: decoded !== undefined, reasons }).toEqual({ isRead: true, reasons: [] })
    const codec = jsonCodec()
    await expectWithinParses(3, () => codec.decode(bytes))
  })

  it('limits that are set are kept', () => {
    const tight = jsonCodec({ limits: { maxItems: 3, maxDepth: 2 } })
    expect(tight.decode(forge({ value: '[1,2,3,4]' }))).toBeUndefined()
    expect(tight.decode(forge({ value: '[[[]]]' }))).toBeUndefined()
    expect(tight.decode(forge({ value: '[1,[2]]' }))?.value).toEqual([1, [2]])
  })
})
