// Bodies that are larger than their tier takes: in pieces, whole or not at all.
import { expect, test } from 'vitest'
import type { Stored, Tier, TierItem, TierLimits } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { item } from '../../src/testing/tier.ts'
import { guardTier } from '../../src/wrap/guard.ts'
import { isPiece } from '../../src/wrap/pieces.ts'
import fc from '../properties.ts'

const KEY = 'shop:default:k'

function setUp(
  limits: TierLimits = { itemBytes: 1024 },
  answer: (item: TierItem) => 'full' | undefined = () => undefined,
) {
  const held = new Map<string, Stored>()
  const calls: string[][] = []
  const told: string[] = []
  const tier: Tier = {
    name: 'test',
    scope: 'shared',
    durable: false,
    limits,
    read: async (keys) => keys.map((key) => held.get(key)),
    write: async (items) => {
      calls.push(items.map(({ key }) => (isPiece(key) ? 'piece' : key)))
      return items.map((one) => {
        expect(one.body.length).toBeLessThanOrEqual(limits.itemBytes ?? Number.POSITIVE_INFINITY)
        const why = answer(one)
        if (why === undefined)
          held.set(one.key, { asOf: one.asOf, expiresAt: one.expiresAt, body: Uint8Array.from(one.body) })
        return why
      })
    },
    drop: async (keys) => keys.filter((key) => held.delete(key)).length,
    clear: async () => 0,
    close: async () => {},
  }
  const guarded = guardTier(tier, {}, fakeClock(), {
    onError: () => {},
    onState: () => {},
    onTimed: () => {},
    onRefused: (_, key, why) => told.push(`${key} ${why}`),
  })
  const read = async (key = KEY): Promise<Stored | undefined> => {
    const answered = await guarded.read([key])
    return answered.ok ? answered.value[0] : expect.fail('the tier failed')
  }
  return { held, calls, told, guarded, read }
}

const bytes = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * seed * 31 + (at >> 8)) & 255)

test('a large body comes back byte for byte, with its position and deadline; the list of its pieces is written last', async () => {
  const { guarded, calls, read } = setUp()
  const expiresAt = Date.now() + 60_000
  expect(await guarded.write([item(KEY, bytes(5000), expiresAt, 7), item('shop:default:small')])).toEqual({
    ok: true,
    value: [undefined, undefined],
  })
  expect(calls).toEqual([
    ['piece', 'piece', 'piece', 'piece', 'piece'],
    [KEY, 'shop:default:small'],
  ])
  expect(await read()).toEqual({ asOf: { epoch: 'e0', seq: 7 }, expiresAt, body: Buffer.from(bytes(5000)) })
  expect(await read('shop:default:small')).toMatchObject({
    body: new TextEncoder().encode('body of shop:default:small'),
  })
})

test('any length, and the last write of a key wins', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 4 }), async (lengths) => {
      const { guarded, read } = setUp()
      const bodies = lengths.map((length, at) => bytes(length, at + 1))
      await guarded.write(bodies.map((body) => item(KEY, body)))
      expect(Buffer.from((await read())?.body ?? []).equals(Buffer.from(bodies.at(-1) ?? []))).toBe(true)
    }),
    { numRuns: 30 },
  )
})

test('G22: a piece that is missing, foreign, of another key or changed in any byte makes a miss', async () => {
  const { guarded, held, read } = setUp()
  await guarded.write([item(KEY, bytes(3000)), item('shop:default:other', bytes(3000))])
  const names = [...held.keys()].filter(isPiece)
  // The same bytes under two keys are six pieces.
  expect(names).toHaveLength(6)
  for (const name of names.slice(0, 3)) {
    const piece = held.get(name) ?? expect.fail('it is there')
    const others = names
      .map((one) => held.get(one)?.body ?? new Uint8Array())
      .filter((body) => !Buffer.from(body).equals(piece.body))
    expect(others.length).toBeGreaterThan(0)
    for (const body of [
      undefined,
      ...others,
      new Uint8Array(),
      piece.body.subarray(1),
      Uint8Array.from([...piece.body, 0]),
    ]) {
      if (body === undefined) held.delete(name)
      else held.set(name, { ...piece, body })
      expect(await read()).toBeUndefined()
    }
    for (let at = 0; at < piece.body.length; at += 97) {
      held.set(name, { ...piece, body: piece.body.map((byte, index) => (index === at ? byte ^ 1 : byte)) })
      expect(await read()).toBeUndefined()
    }
    held.set(name, piece)
    expect((await read())?.body.length).toBe(3000)
  }
})

test('G22: a list in which any bit has changed never leads to another value', async () => {
  const { guarded, held, read } = setUp()
  await guarded.write([item(KEY, bytes(3000))])
  const list = held.get(KEY) ?? expect.fail('it is there')
  for (let bit = 0; bit < list.body.length * 8; bit++) {
    const body = Uint8Array.from(list.body)
    body[bit >> 3] = (body[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    held.set(KEY, { ...list, body })
    const stored = await read()
    // One that is no list any more is read as it lies there, which no codec takes for an entry.
    if (stored !== undefined) expect(Buffer.from(stored.body).equals(Buffer.from(body))).toBe(true)
  }
})

test('G26: a value that looks like a list of pieces is a value', async () => {
  const { guarded, held, read } = setUp()
  await guarded.write([item(KEY, bytes(3000))])
  const list = held.get(KEY)?.body ?? expect.fail('it is there')
  await guarded.write([item('shop:default:forged', list)])
  expect(Buffer.from((await read('shop:default:forged'))?.body ?? []).equals(Buffer.from(list))).toBe(true)
})

test('refused in part is refused: told once, by the key of the entry, and no list is written', async () => {
  let pieces = 0
  const { guarded, held, told } = setUp({ itemBytes: 1024 }, ({ key }) =>
    isPiece(key) && ++pieces > 2 ? 'full' : undefined,
  )
  expect(await guarded.write([item('shop:default:a'), item(KEY, bytes(5000)), item('shop:default:b')])).toEqual({
    ok: true,
    value: [undefined, 'full', undefined],
  })
  expect(told).toEqual([`${KEY} full`])
  expect([...held.keys()].filter((key) => !isPiece(key))).toEqual(['shop:default:a', 'shop:default:b'])
})

test.each([
  [{ itemBytes: 1024, entryBytes: 2000 }, 2001],
  // Whatever it says, a list must fit an item.
  [{ itemBytes: 1024 }, 43_009],
  [{ itemBytes: 1_000_000 }, 64 * 1_048_576 + 1],
])('%j: larger than all pieces may be is refused', async (limits, length) => {
  const { guarded, told, read } = setUp(limits)
  expect(await guarded.write([item(KEY, new Uint8Array(length))])).toEqual({ ok: true, value: ['too_large'] })
  expect(told).toEqual([`${KEY} too_large`])
  expect(await guarded.write([item(KEY, new Uint8Array(length - 1))])).toEqual({ ok: true, value: [undefined] })
  expect((await read())?.body.length).toBe(length - 1)
})

test('a read that leaves at its budget is skipped; where only pieces are late, the entry is a miss', async () => {
  const { guarded } = setUp()
  await guarded.write([item(KEY, bytes(3000))])
  expect(await guarded.read([KEY], 0)).toEqual({ ok: false })
})
