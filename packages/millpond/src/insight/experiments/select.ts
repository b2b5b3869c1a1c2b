// Which keys an experiment covers: those of some patterns, of some tenants, and a share of them. All others keep the
// settings for all, and are not counted.
//
// A share is drawn by hashes that the arms are not drawn by, so that the covered keys are divided evenly whatever the
// share is. What is drawn follows from the experiment's name, the same in every process.
import { createHash } from 'node:crypto'
import { check, checkOptions, type Shape } from '../../core/checks.ts'
import { MillpondError, reasonOf, show } from '../../core/errors.ts'
import { hashOf, mixed } from '../../core/key-hash.ts'
import { TENANT_MARK, tenantIn, writtenTenant } from '../../core/tenant.ts'
import { compilePattern } from '../../invalidate/pattern.ts'
import { seedOf } from './assignment.ts'

/** The keys that an experiment covers. What is left out does not restrict it. */
export interface ExperimentSelect {
  /** Keys of at least one of these patterns, as `invalidatePattern` takes them: `user:*`, `^user:\\d+$`. */
  readonly keys?: string | RegExp | readonly (string | RegExp)[] | undefined
  /** But none of these. */
  readonly except?: string | RegExp | readonly (string | RegExp)[] | undefined
  /** Entries of these tenants alone: `cache.for({ tenant })`. */
  readonly tenants?: readonly string[] | undefined
  /** Entries of a share of the tenants alone: all entries of one are covered, or none. Above 0, below 1. */
  readonly tenantShare?: number | undefined
  /** A share of the keys that the others leave. Above 0, below 1. Default: all of them. */
  readonly share?: number | undefined
}

/** Whether a key is covered, by its hash as recorders get it; `undefined`: all are. */
export type Covers = (hash: number, key: string, namespace: string) => boolean

/** A part of a whole: neither nothing nor all of it. */
export const properShare = check(
  (value): value is number => typeof value === 'number' && value > 0 && value < 1,
  'a number between 0 and 1',
)

const MOST_PATTERNS = 16
const MOST_TENANTS = 1000
const patterns = check(
  (value): value is NonNullable<ExperimentSelect['keys']> =>
    [value].flat().length > 0 &&
    [value].flat().length <= MOST_PATTERNS &&
    [value].flat().every((one) => typeof one === 'string' || one instanceof RegExp),
  `a pattern such as 'user:*', or a list of up to ${MOST_PATTERNS}`,
)
const SELECT: Shape<ExperimentSelect> = {
  keys: patterns,
  except: patterns,
  tenants: check(
    (value): value is readonly string[] =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.length <= MOST_TENANTS &&
      value.every((one) => typeof one === 'string' && one !== '' && one.isWellFormed()),
    `a list of up to ${MOST_TENANTS} tenants`,
  ),
  tenantShare: properShare,
  share: properShare,
}

/** @throws MillpondError `OPTION_INVALID`, `PATTERN_INVALID` */
export function checkSelect(given: unknown, at: string): ExperimentSelect {
  checkOptions<ExperimentSelect>(given, SELECT, at)
  const { keys, except, tenants, tenantShare } = given
  for (const [name, all] of Object.entries({ keys, except }))
    for (const pattern of [all ?? []].flat()) checkPattern(pattern, `${at}.${name}`)
  if (tenants !== undefined && tenantShare !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `${at}.tenantShare: ${show(tenantShare)} has no effect on tenants that are named: give one of the two`,
    )
  return given
}

function checkPattern(pattern: string | RegExp, at: string): void {
  try {
    compilePattern(pattern)
  } catch (cause) {
    const code = cause instanceof MillpondError ? cause.code : 'PATTERN_INVALID'
    throw new MillpondError(code, `${at}: ${reasonOf(cause)}`, { cause })
  }
}

/** Whether its winner may not be good for the rest: a share of the keys is drawn at random, and stands for all. */
export const isPartial = ({ keys, except, tenants, tenantShare }: ExperimentSelect = {}): boolean =>
  [keys, except, tenants, tenantShare].some((one) => one !== undefined)

/** `name`: the experiment's, by which shares are drawn. */
export function coversOf(name: string, select: ExperimentSelect | undefined): Covers | undefined {
  if (select === undefined || Object.values(select).every((one) => one === undefined)) return undefined
  const { share, keys, except } = select
  const ofTenant = tenantTest(name, select)
  const isLike = like(keys)
  const isExcepted = like(except)
  const seed = mixed(seedOf(name) ^ OF_KEYS)
  const below = share === undefined ? undefined : share * ALL
  const isCovered: Covers = (hash, key, namespace) =>
    (below === undefined || mixed(hash ^ seed) < below) &&
    (ofTenant === undefined || ofTenant(namespace)) &&
    (isLike === undefined || isLike(key)) &&
    (isExcepted === undefined || !isExcepted(key))
  return isLike === undefined && isExcepted === undefined ? isCovered : remembered(isCovered)
}

const ALL = 2 ** 32
const OF_KEYS = 0x5e1ec7
const OF_TENANTS = 0x7e4a47

function like(given: ExperimentSelect['keys']): ((key: string) => boolean) | undefined {
  if (given === undefined) return undefined
  const all = [given].flat().map((pattern) => compilePattern(pattern))
  return (key) => all.some((one) => one.matches(key))
}

function tenantTest(
  name: string,
  { tenants, tenantShare }: ExperimentSelect,
): ((namespace: string) => boolean) | undefined {
  if (tenants !== undefined) {
    const wanted = new Set(tenants.flatMap((tenant) => [writtenTenant(tenant), hashedTenant(tenant)]))
    return (namespace) => wanted.has(tenantIn(namespace) ?? '')
  }
  if (tenantShare === undefined) return undefined
  const seed = mixed(seedOf(name) ^ OF_TENANTS)
  const drawn = new Map<string, boolean>()
  return (namespace) => {
    const tenant = tenantIn(namespace)
    if (tenant === undefined) return false
    let answer = drawn.get(tenant)
    if (answer === undefined) {
      if (drawn.size >= MOST_DRAWN) drawn.clear()
      answer = mixed(hashOf(hashedOf(tenant), seed)) < tenantShare * ALL
      drawn.set(tenant, answer)
    }
    return answer
  }
}

/** The tenants whose draw is remembered. */
const MOST_DRAWN = 10_000

/** A tenant as names of parts have it where its written name would be too long. */
const hashedTenant = (tenant: string | Buffer): string =>
  TENANT_MARK + createHash('sha256').update(tenant).digest('base64url')

/** The same for a tenant in every namespace: one with a short name may write it where another has its hash. */
const hashedOf = (written: string): string =>
  written.startsWith(TENANT_MARK) ? written : hashedTenant(Buffer.from(bytesOf(written), 'latin1'))

/** Of a written tenant: a character for each byte. */
const bytesOf = (written: string): string =>
  written.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

const PLACES = 16_384
const UNKNOWN = 2

/** Patterns are not tried again for the keys that are read most. */
function remembered(isCovered: Covers): Covers {
  const hashes = new Int32Array(PLACES)
  const answers = new Uint8Array(PLACES).fill(UNKNOWN)
  return (hash, key, namespace) => {
    const place = mixed(hash) & (PLACES - 1)
    if (hashes[place] === hash && answers[place] !== UNKNOWN) return answers[place] === 1
    const answer = isCovered(hash, key, namespace)
    hashes[place] = hash
    answers[place] = answer ? 1 : 0
    return answer
  }
}
