// What the cases of the tier suite share: the subject, its items, and reading and writing in calls as large as it
// accepts.
import assert from 'node:assert/strict'
import type { Refusal, Stored, Tier, TierItem } from '../core/contracts.ts'

/** The tier under test. */
export interface TierSubject {
  /** Names the tier in the title of the suite. */
  readonly name: string
  /** A new tier on an empty store. Called once per case; the case closes what it opened. */
  readonly open: () => Promise<Tier>
  /**
   * Another tier on the store that `open` returned last, as a second process would have it. Needed unless `peer` and
   * `durable` are skipped.
   */
  readonly again?: () => Promise<Tier>
  /**
   * Two tiers on one empty store, as two processes would have them, with small bounds: up to some thousand entries or
   * some MB. Needed unless `bounded` is skipped.
   */
  readonly openBounded?: () => Promise<readonly [Tier, Tier]>
  /** Access to records as they are stored. Needed unless `every-bit` is skipped. */
  readonly record?: StoredRecord
  /** Ids of cases that this tier cannot pass, each with the reason. */
  readonly skips?: Readonly<Record<string, string>>
}

/** The whole record of a key: one part, or one for each non-empty column. */
export interface StoredRecord {
  load(key: string): Promise<readonly Uint8Array[]>
  /**
   * Replaces it with other parts, even if the key has no record any more; `false` if the store cannot hold such parts.
   */
  store(key: string, parts: readonly Uint8Array[]): Promise<boolean>
}

/** Keys that careless stores confuse, refuse or damage. All are well-formed and at most 512 characters long. */
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
  '.',
  '..',
  'a.',
  '../a',
  '/etc/passwd',
  'CON',
  'a%2Fb',
  '%00',
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

export const epoch = 'e0'

/** An item with a unique body. */
export function item(
  key: string,
  body: Uint8Array | string = `body of ${key}`,
  expiresAt = Number.POSITIVE_INFINITY,
  seq = 0,
): TierItem {
  return {
    key,
    body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
    expiresAt,
    asOf: { epoch, seq },
  }
}

export function text(stored: Stored | undefined): string | undefined {
  return stored === undefined ? undefined : new TextDecoder().decode(stored.body)
}

export async function using(subject: TierSubject, body: (tier: Tier) => Promise<void>): Promise<void> {
  const tier = await subject.open()
  try {
    await body(tier)
  } finally {
    await tier.close()
  }
}

export const refusalsIn = (answers: Awaited<ReturnType<Tier['write']>>): readonly Refusal[] =>
  (answers ?? []).filter((answer) => answer !== undefined)

export async function again(subject: TierSubject): Promise<Tier> {
  assert.ok(subject.again, 'the subject has no again(): give one, or skip the case with a reason')
  return subject.again()
}

/** In calls as large as the tier accepts. */
async function inCalls<T, A>(tier: Tier, items: readonly T[], call: (some: readonly T[]) => Promise<A>): Promise<A[]> {
  const most = tier.limits?.items ?? items.length
  const answers: A[] = []
  for (let from = 0; from < items.length; from += most) answers.push(await call(items.slice(from, from + most)))
  return answers
}

export const writeAll = (tier: Tier, items: readonly TierItem[]): Promise<unknown> =>
  inCalls(tier, items, async (some) => tier.write(some))
export const readAll = async (tier: Tier, keys: readonly string[]): Promise<(Stored | undefined)[]> =>
  (await inCalls(tier, keys, (some) => tier.read(some))).flat()
export const dropAll = async (tier: Tier, keys: readonly string[]): Promise<number> =>
  (await inCalls(tier, keys, (some) => tier.drop(some))).reduce((sum, count) => sum + count, 0)

/** The keys that the tier accepts. */
export const fitting = (tier: Tier, keys: readonly string[]): readonly string[] =>
  keys.filter((key) => Buffer.byteLength(key) <= (tier.limits?.keyBytes ?? Number.POSITIVE_INFINITY))

export async function readOne(tier: Tier, key: string): Promise<Stored | undefined> {
  const answer = await tier.read([key])
  assert.equal(answer.length, 1)
  return answer[0]
}

export async function listed(tier: Tier, prefix: string): Promise<string[]> {
  assert.ok(tier.scan, 'the tier has no scan(): implement it, or skip the case with a reason')
  const keys = new Set<string>()
  for await (const step of tier.scan(prefix)) for (const key of step) keys.add(key)
  return [...keys].sort()
}
