// The conformance suite of tiers: what `Tier` promises, for every implementation alike.
import assert from 'node:assert/strict'
import type { Refusal, Stored, Tier, TierItem } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { type Case, type Runner, register, until } from './runner.ts'

/** The tier under test. */
export interface TierSubject {
  readonly name: string
  /** A new tier on an empty store. Called once a case; the case closes what it opened. */
  readonly open: () => Promise<Tier>
  /** Another tier on the store of `open`'s last answer, as a second process would have it. Needed unless `peer` and `durable` are skipped. */
  readonly again?: () => Promise<Tier>
  /** Stored records as they lie in the store. Needed unless `every-bit` is skipped. */
  readonly record?: StoredRecord
  /** Cases that this tier cannot pass, each with the reason. */
  readonly skips?: Readonly<Record<string, string>>
}

/** The record of a key, all of it: one part, or one for each column that holds something. */
export interface StoredRecord {
  load(key: string): Promise<readonly Uint8Array[]>
  /** Puts other parts in its place, also where the key has no record any more; `false` where the store cannot hold such parts. */
  store(key: string, parts: readonly Uint8Array[]): Promise<boolean>
}

/** Runs the suite: `describeTier({ describe, it }, { name: 'redis', open })`. */
export function describeTier(runner: Runner, subject: TierSubject): void {
  register(runner, `${subject.name} keeps the Tier contract`, subject, tierCases, subject.skips ?? {})
}

/** Keys that careless stores confuse, refuse or damage. All well-formed, none longer than 512 characters. */
export const oddKeys: readonly string[] = [
  'a',
  'A',
  'a ',
  ' a',
  'a:b',
  'a/b',
  'a\\b',
  'a*',
  'a?',
  'a[b]',
  'a]',
  '^a$',
  'a%',
  'a_',
  "a'b",
  'a"b',
  'a;--',
  '{a}',
  '}a{',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  '0',
  '00',
  '-0',
  '1e3',
  'é',
  'e\u0301',
  'ß',
  'SS',
  'ſ',
  'İ',
  'i̇',
  '\u0000',
  'a\u0000',
  'a\u0000b',
  'a\nb',
  'a\r\nb',
  'a\tb',
  '\u200b',
  '\ufeff',
  '\uffff',
  '😀',
  '👨‍👩‍👧',
  '\u{10ffff}',
  'x'.repeat(512),
  `${'x'.repeat(511)}y`,
]

const epoch = 'e0'

/** An item whose body is all its own. */
export function item(key: string, body: Uint8Array | string = `body of ${key}`, expiresAt = Number.POSITIVE_INFINITY, seq = 0): TierItem {
  return { key, body: typeof body === 'string' ? new TextEncoder().encode(body) : body, expiresAt, asOf: { epoch, seq } }
}

function text(stored: Stored | undefined): string | undefined {
  return stored === undefined ? undefined : new TextDecoder().decode(stored.body)
}

async function using(subject: TierSubject, body: (tier: Tier) => Promise<void>): Promise<void> {
  const tier = await subject.open()
  try {
    await body(tier)
  } finally {
    await tier.close()
  }
}

const refusalsIn = (answers: Awaited<ReturnType<Tier['write']>>): readonly Refusal[] =>
  (answers ?? []).filter((answer) => answer !== undefined)

async function again(subject: TierSubject): Promise<Tier> {
  assert.ok(subject.again, 'the subject has no again(): give one, or skip the case with a reason')
  return subject.again()
}

/** In calls that are as large as the tier takes. */
async function inCalls<T, A>(tier: Tier, items: readonly T[], call: (some: readonly T[]) => Promise<A>): Promise<A[]> {
  const most = tier.limits?.items ?? items.length
  const answers: A[] = []
  for (let from = 0; from < items.length; from += most) answers.push(await call(items.slice(from, from + most)))
  return answers
}

const writeAll = (tier: Tier, items: readonly TierItem[]): Promise<unknown> => inCalls(tier, items, async (some) => tier.write(some))
const readAll = async (tier: Tier, keys: readonly string[]): Promise<(Stored | undefined)[]> =>
  (await inCalls(tier, keys, (some) => tier.read(some))).flat()
const dropAll = async (tier: Tier, keys: readonly string[]): Promise<number> =>
  (await inCalls(tier, keys, (some) => tier.drop(some))).reduce((sum, count) => sum + count, 0)

/** Those that the tier takes. */
const fitting = (tier: Tier, keys: readonly string[]): readonly string[] =>
  keys.filter((key) => Buffer.byteLength(key) <= (tier.limits?.keyBytes ?? Number.POSITIVE_INFINITY))

async function readOne(tier: Tier, key: string): Promise<Stored | undefined> {
  const answer = await tier.read([key])
  assert.equal(answer.length, 1)
  return answer[0]
}

async function listed(tier: Tier, prefix: string): Promise<string[]> {
  assert.ok(tier.scan, 'the tier has no scan(): implement it, or skip the case with a reason')
  const keys = new Set<string>()
  for await (const step of tier.scan(prefix)) for (const key of step) keys.add(key)
  return [...keys].sort()
}

/** An entry that a step of the ledger stores, where the tier keeps one: its position is given there. */
async function stepped({ ledger }: Tier): Promise<TierItem[]> {
  if (ledger === undefined) return []
  const { key, body, expiresAt } = item('stepped', 'body', Date.now() + 3_600_000)
  const { position } = await ledger.advance('namespace', {
    targets: [{ kind: 'key', key }],
    mode: 'delete',
    reason: 'replaced',
    id: 'every-bit',
    drop: [],
    write: [{ key, body, expiresAt }],
  })
  return [{ key, body, expiresAt, asOf: position }]
}

const failed = (error: unknown): boolean => error instanceof MillpondError && (error.code === 'CLOSED' || error.code === 'TIER_FAILED')

/** Every obligation, in the order of a first implementation. */
export const tierCases: readonly Case<TierSubject>[] = [
  {
    id: 'absent',
    title: 'a key that was never written reads as undefined',
    run: (subject) =>
      using(subject, async (tier) => assert.deepEqual(await tier.read(['nothing', 'nothing/else']), [undefined, undefined])),
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
    id: 'expiry',
    title: 'G21: an entry is gone once its deadline has passed',
    run: (subject) =>
      using(subject, async (tier) => {
        const expiresAt = Date.now() + 150
        await tier.write([item('short', 'short', expiresAt), item('long', 'long', Date.now() + 60_000)])
        const before = await readOne(tier, 'short')
        if (Date.now() < expiresAt - 50) assert.equal(text(before), 'short')
        await until('the entry to expire', async () => (await readOne(tier, 'short')) === undefined, 3000)
        assert.ok(Date.now() >= expiresAt - 5, 'expired early')
        assert.equal(text(await readOne(tier, 'long')), 'long')
      }),
  },
  {
    id: 'expired-write',
    title: 'a write that is already past its deadline stores nothing and still replaces',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('k', 'old')])
        await tier.write([item('k', 'late', Date.now() - 1000), item('n', 'late', 0)])
        assert.deepEqual(await tier.read(['k', 'n']), [undefined, undefined])
      }),
  },
  {
    id: 'deadlines',
    title: 'G21: deadlines in parts of a millisecond, beyond 30 days, beyond 32 bits of seconds, and beyond what a Date can say',
    run: (subject) =>
      using(subject, async (tier) => {
        const [now, day] = [Date.now(), 86_400_000]
        const near = [now + 60_000.4, now + 29 * day, now + 30 * day - 500, now + 30 * day + 1500, now + 365 * day]
        const deadlines = [...near, 2 ** 31 * 1000, 2 ** 32 * 1000 + 1, 8.64e15, 8.64e15 + 2, Number.MAX_VALUE]
        await tier.write(deadlines.map((expiresAt, index) => item(`until/${index}`, 'x', expiresAt)))
        const read = await tier.read(deadlines.map((_, index) => `until/${index}`))
        for (const [index, expiresAt] of deadlines.entries()) {
          const told = read[index]?.expiresAt ?? 0
          const isNever = expiresAt > 8.64e15 && told === Number.POSITIVE_INFINITY
          assert.ok(isNever || (told >= expiresAt && told <= Math.ceil(expiresAt)), `of ${expiresAt} it says ${told}`)
        }
      }),
  },
  {
    id: 'drop',
    title: 'drop removes the named keys alone and tells how many were there',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('a'), item('b'), item('c')])
        assert.equal(await tier.drop(['a', 'nothing', 'b']), 2)
        assert.equal(await tier.drop(['a']), 0)
        assert.deepEqual((await tier.read(['a', 'b', 'c'])).map(text), [undefined, undefined, 'body of c'])
      }),
  },
  {
    id: 'clear',
    title: 'G23: clear removes what begins with the prefix, taken literally, and nothing else',
    run: (subject) =>
      using(subject, async (tier) => {
        const inside = ['p*/a', 'p*/b', 'p*/', 'p*/\u{10ffff}', 'p*/\u0000']
        const outside = ['p/a', 'px/a', 'p*', 'P*/a', 'q', 'xp*/a']
        await tier.write([...inside, ...outside].map((key) => item(key)))
        await tier.clear('p*/')
        assert.deepEqual(
          (await tier.read(inside)).map(text),
          inside.map(() => undefined),
        )
        assert.deepEqual(
          (await tier.read(outside)).map(text),
          outside.map((key) => `body of ${key}`),
        )
        await tier.clear('')
        assert.deepEqual(
          (await tier.read(outside)).map(text),
          outside.map(() => undefined),
        )
      }),
  },
  {
    id: 'clear-counts',
    title: 'clear tells how many it removed, many more than one step holds',
    run: (subject) =>
      using(subject, async (tier) => {
        const keys = Array.from({ length: 2500 }, (_, index) => `many/${index}`)
        await writeAll(
          tier,
          keys.map((key) => item(key, 'x')),
        )
        await tier.write([item('other')])
        assert.equal(await tier.clear('many/'), 2500)
        assert.equal(text(await readOne(tier, 'other')), 'body of other')
      }),
  },
  {
    id: 'scan',
    title: 'scan names every key under the prefix, taken literally',
    run: (subject) =>
      using(subject, async (tier) => {
        const many = Array.from({ length: 1500 }, (_, index) => `s/${index}`)
        const odd = fitting(
          tier,
          oddKeys.map((key) => `odd/${key}`).filter((key) => key.length <= 512),
        )
        await writeAll(
          tier,
          [...many, ...odd, 'glob*x/1', 'glob/1'].map((key) => item(key, 'x')),
        )
        assert.deepEqual(await listed(tier, 's/'), [...many].sort())
        assert.deepEqual(await listed(tier, 'odd/'), [...odd].sort())
        assert.deepEqual(await listed(tier, 'glob*'), ['glob*x/1'])
        assert.deepEqual(await listed(tier, 'nowhere/'), [])
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
    id: 'every-bit',
    title: 'G22: of a record in which one bit has changed, wherever, neither position nor deadline is believed',
    run: (subject) =>
      using(subject, async (tier) => {
        const { record } = subject
        assert.ok(record, 'the subject has no record: give one, or skip the case with a reason')
        const lasting = { ...item('lasting', 'body'), asOf: { epoch: 'Zk3-_x', seq: 7 } }
        const passing = { ...item('passing', 'body', Date.now() + 3_600_000), asOf: { epoch: 'Zk3-_x', seq: 4_503_599_627_370_495 } }
        await tier.write([lasting, passing])
        for (const { key, asOf, expiresAt, body } of [lasting, passing, ...(await stepped(tier))]) {
          const parts: readonly Uint8Array[] = (await record.load(key)).map((part) => Uint8Array.from(part))
          assert.ok(parts.reduce((sum, part) => sum + part.length, 0) > body.length, 'the record holds no more than its body')
          let stored = 0
          for (const [at, part] of parts.entries()) {
            for (let bit = 0; bit < part.length * 8; bit++) {
              const flipped = Uint8Array.from(part)
              flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
              if (!(await record.store(key, parts.with(at, flipped)))) continue
              stored++
              const answer = await readOne(tier, key)
              if (answer === undefined) continue
              // A damaged body is the reader's to find: it carries a checksum of its own.
              const where = `bit ${bit} of part ${at}`
              assert.deepEqual(answer.asOf, asOf, where)
              assert.equal(answer.expiresAt, expiresAt, where)
              assert.notDeepEqual(Uint8Array.from(answer.body), body, where)
            }
          }
          assert.ok(stored > 100, 'hardly a bit could be flipped')
          // A store sweeps away what a flipped deadline has made look over.
          await tier.drop([key])
          assert.equal(await record.store(key, parts), true)
          assert.equal(text(await readOne(tier, key)), 'body')
        }
      }),
  },
  {
    id: 'concurrent',
    title: 'many calls at once settle, each with its own answer',
    run: (subject) =>
      using(subject, async (tier) => {
        const keys = Array.from({ length: 200 }, (_, index) => `c/${index}`)
        await Promise.all(keys.map((key) => tier.write([item(key)])))
        const answers = await Promise.all(keys.map((key) => readOne(tier, key)))
        assert.deepEqual(
          answers.map(text),
          keys.map((key) => `body of ${key}`),
        )
        const dropped = await Promise.all(keys.map((key) => tier.drop([key])))
        assert.equal(
          dropped.reduce((sum, one) => sum + one, 0),
          200,
        )
      }),
  },
  {
    id: 'cancelled',
    title: 'a call that nobody waits for any more settles all the same, and the tier goes on',
    run: (subject) =>
      using(subject, async (tier) => {
        const signal = AbortSignal.abort()
        await Promise.allSettled([tier.read(['k'], { signal }), tier.write([item('k')], { signal }), tier.drop(['k'], { signal })])
        await tier.write([item('k', 'later')])
        assert.equal(text(await readOne(tier, 'k')), 'later')
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
  {
    id: 'peer',
    title: 'a second process on the same store sees writes and drops',
    run: (subject) =>
      using(subject, async (tier) => {
        assert.notEqual(tier.scope, 'process', 'a tier of one process has no peer: skip the case with that reason')
        const peer = await again(subject)
        try {
          await tier.write([item('shared', 'one')])
          assert.equal(text(await readOne(peer, 'shared')), 'one')
          assert.equal(await peer.drop(['shared']), 1)
          assert.equal(await readOne(tier, 'shared'), undefined)
        } finally {
          await peer.close()
        }
      }),
  },
  {
    id: 'durable',
    title: 'what was written is there after closing and opening again',
    run: async (subject) => {
      const tier = await subject.open()
      assert.ok(tier.durable, 'the tier is not durable: skip the case with that reason')
      await tier.write([item('kept', 'kept')])
      await tier.close()
      const later = await again(subject)
      try {
        assert.equal(text(await readOne(later, 'kept')), 'kept')
      } finally {
        await later.close()
      }
    },
  },
  {
    id: 'closed',
    title: 'after close every call rejects with a typed error, and close may be called twice',
    run: async (subject) => {
      const tier = await subject.open()
      await tier.write([item('k')])
      await tier.close()
      await tier.close()
      await assert.rejects(tier.read(['k']), failed)
      await assert.rejects(tier.write([item('k')]), failed)
      await assert.rejects(tier.drop(['k']), failed)
      await assert.rejects(tier.clear(''), failed)
    },
  },
]
