// What a tier returns: every byte, in order, of every key.
import assert from 'node:assert/strict'
import type { Case } from './runner.ts'
import {
  dropAll,
  epoch,
  fitting,
  item,
  oddKeys,
  readAll,
  readOne,
  refusalsIn,
  type TierSubject,
  text,
  using,
  writeAll,
} from './tier-subject.ts'

export const entryCases: readonly Case<TierSubject>[] = [
  {
    id: 'absent',
    title: 'a key that was never written reads as undefined',
    run: (subject) =>
      using(subject, async (tier) =>
        assert.deepEqual(await tier.read(['nothing', 'nothing/else']), [undefined, undefined]),
      ),
  },
  {
    id: 'round-trip',
    title: 'G20: every byte, the position and the deadline come back as they were',
    run: (subject) =>
      using(subject, async (tier) => {
        const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
        const expiresAt = Date.now() + 3_600_000
        await tier.write([
          { key: 'bytes', body: bytes, expiresAt, asOf: { epoch: 'another-epoch', seq: 4_503_599_627_370_495 } },
          { key: 'empty', body: new Uint8Array(0), expiresAt: Number.POSITIVE_INFINITY, asOf: { epoch, seq: 0 } },
        ])
        const [full, empty] = await tier.read(['bytes', 'empty'])
        assert.ok(full && empty)
        assert.deepEqual(Uint8Array.from(full.body), bytes)
        assert.deepEqual(full.asOf, { epoch: 'another-epoch', seq: 4_503_599_627_370_495 })
        assert.equal(full.expiresAt, expiresAt)
        assert.equal(empty.body.length, 0)
        assert.equal(empty.expiresAt, Number.POSITIVE_INFINITY)
      }),
  },
  {
    id: 'view',
    title: 'a body that is a window into a larger buffer is stored as that window',
    run: (subject) =>
      using(subject, async (tier) => {
        const whole = Uint8Array.from([1, 2, 3, 4, 5, 6])
        await tier.write([item('window', whole.subarray(2, 4))])
        assert.deepEqual(Uint8Array.from((await readOne(tier, 'window'))?.body ?? []), Uint8Array.from([3, 4]))
      }),
  },
  {
    id: 'isolated',
    title: 'G20: changing given or returned bytes changes nothing that is stored',
    run: (subject) =>
      using(subject, async (tier) => {
        const given = new TextEncoder().encode('original')
        await tier.write([item('own', given)])
        given.fill(0)
        const first = await readOne(tier, 'own')
        assert.equal(text(first), 'original')
        first?.body.fill(0)
        assert.equal(text(await readOne(tier, 'own')), 'original')
      }),
  },
  {
    id: 'replace',
    title: 'a later write replaces body, position and deadline',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('k', 'a long first body', Date.now() + 60_000, 1)])
        await tier.write([item('k', 'second', Number.POSITIVE_INFINITY, 2)])
        const stored = await readOne(tier, 'k')
        assert.equal(text(stored), 'second')
        assert.equal(stored?.asOf.seq, 2)
        assert.equal(stored?.expiresAt, Number.POSITIVE_INFINITY)
      }),
  },
  {
    id: 'order',
    title: 'answers stand in the order of the keys, repeated keys included',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('a'), item('b'), item('c')])
        const answers = await tier.read(['c', 'gone', 'a', 'c', 'b'])
        assert.deepEqual(answers.map(text), ['body of c', undefined, 'body of a', 'body of c', 'body of b'])
      }),
  },
  {
    id: 'odd-keys',
    title: 'G10: keys that look alike or look dangerous stay apart',
    run: (subject) =>
      using(subject, async (tier) => {
        const keys = fitting(tier, oddKeys)
        await writeAll(
          tier,
          keys.map((key, index) => item(key, `value ${index}`)),
        )
        assert.deepEqual(
          (await readAll(tier, keys)).map(text),
          keys.map((_, index) => `value ${index}`),
        )
        assert.equal(await tier.drop(['a\u0000']), 1)
        assert.equal(text(await readOne(tier, 'a\u0000b')), `value ${keys.indexOf('a\u0000b')}`)
        assert.equal(text(await readOne(tier, 'a')), 'value 0')
      }),
  },
  {
    id: 'batch',
    title: 'batches of none, one and a thousand',
    run: (subject) =>
      using(subject, async (tier) => {
        assert.deepEqual(await tier.read([]), [])
        await tier.write([])
        assert.equal(await tier.drop([]), 0)
        const keys = Array.from({ length: 1000 }, (_, index) => `batch/${index}`)
        await writeAll(
          tier,
          keys.map((key) => item(key)),
        )
        assert.deepEqual(
          (await readAll(tier, keys)).map(text),
          keys.map((key) => `body of ${key}`),
        )
        assert.equal(await dropAll(tier, keys), 1000)
      }),
  },
  {
    id: 'same-key-twice',
    title: 'in one batch the last write of a key wins',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('k', 'first'), item('k', 'last')])
        assert.equal(text(await readOne(tier, 'k')), 'last')
      }),
  },
  {
    id: 'large',
    title: 'a body of one mebibyte, or as large as the tier takes',
    run: (subject) =>
      using(subject, async (tier) => {
        const length = Math.min(1_048_576, tier.limits?.itemBytes ?? Number.POSITIVE_INFINITY)
        const body = Uint8Array.from({ length }, (_, index) => (index * 31) & 255)
        assert.deepEqual(refusalsIn(await tier.write([item('large', body)])), [])
        assert.ok(Buffer.from((await readOne(tier, 'large'))?.body ?? []).equals(body))
      }),
  },
  {
    id: 'usage',
    title: 'usage counts what is there, where the tier can tell',
    run: (subject) =>
      using(subject, async (tier) => {
        assert.ok(tier.usage, 'the tier has no usage(): implement it, or skip the case with a reason')
        const before = await tier.usage()
        await tier.write([item('u/1', 'x'.repeat(1000)), item('u/2', 'x'.repeat(1000))])
        await tier.write([item('u/2', 'x'.repeat(1000))])
        const after = await tier.usage()
        if (before.entries !== undefined) assert.equal((after.entries ?? 0) - before.entries, 2)
        if (before.bytes !== undefined) assert.ok((after.bytes ?? 0) - before.bytes >= 2000)
      }),
  },
]
