// Criteria of a call, validated and resolved to what the engine invalidates.
//
// Targets add up: everything named by a key, a tag, a pattern or a model is invalidated. A time narrows: with
// `olderThan` or `createdBefore` only entries made before it; a time alone applies to every entry. Naming nothing is an
// error and never means "all".
import { checkOptions, duration, flag, type Shape } from '../core/checks.ts'
import type { RemovalReason } from '../core/contracts.ts'
import { dependencyKey } from '../core/dependency.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkTags, encodeKeyAt, encodeKeys, type Key } from '../core/key.ts'
import type { ModelId } from './model-tags.ts'
import { type CompiledPattern, compilePattern } from './pattern.ts'
import type { RegexEngine } from './regex-engine.ts'
import { type CascadePlan, Relations } from './relations.ts'

/** What to invalidate: any combination of these. */
export interface Criteria {
  /** One key. */
  readonly key?: Key | undefined
  /** Several keys. */
  readonly keys?: readonly Key[] | undefined
  /** Every entry that carries this tag. */
  readonly tag?: string | undefined
  /** Every entry that carries one of these tags. */
  readonly tags?: readonly string[] | undefined
  /**
   * A glob (`user:*`), a string that begins with `^` (a regular expression), or a RegExp. Matched against original
   * keys; a tuple is its JSON, see `prefix`.
   */
  readonly pattern?: string | RegExp | undefined
  /** Several patterns: entries that match one of them. */
  readonly patterns?: readonly (string | RegExp)[] | undefined
  /**
   * A family of keys: `['user']` is every tuple that begins like this, itself included; `'user:'` every string. Stored
   * in the ledger as a pattern.
   */
  readonly prefix?: Key | undefined
  /** Includes its declared relations. */
  readonly model?: string | undefined
  /** A row of `model`; absent: the whole model. */
  readonly id?: ModelId | undefined
  /** Only entries stored longer ago than this. */
  readonly olderThan?: Duration | undefined
  /**
   * Only entries stored before this instant: epoch milliseconds, a Date, or an ISO string with a zone. The future means
   * now.
   */
  readonly createdBefore?: number | Date | string | undefined
  /** Everything in the namespace. */
  readonly all?: boolean | undefined
}

export interface CriteriaParts {
  /** Epoch milliseconds. */
  readonly now: number
  readonly relations?: Relations
  readonly engine?: RegexEngine
}

/** Criteria as the engine needs them. Lists contain each target once. */
export interface Resolved {
  /** Encoded keys. */
  readonly keys: readonly string[]
  /** Entries that carry one of these. */
  readonly tags: readonly string[]
  /** Canonical texts. */
  readonly patterns: readonly string[]
  /** Everything in the namespace. */
  readonly all: boolean
  /**
   * Epoch milliseconds: only entries created before it. A ledger line cannot express this: find the entries (`selects`)
   * and invalidate their keys.
   */
  readonly createdBefore: number | undefined
  /** The reason for the receipt. */
  readonly reason: RemovalReason
  /** Lists were given, and all of them were empty: nothing to do. */
  readonly isEmpty: boolean
  /** The result of the model's relations. */
  readonly cascade: CascadePlan | undefined
  /** Whether this entry would be invalidated. For dry runs and for criteria with a time. */
  selects(entry: { readonly key: string; readonly tags: readonly string[]; readonly createdAt: number }): boolean
}

/** The most keys, and the most tags, that one call may name. */
export const MAX_KEYS = 10_000
/** The most patterns one call may name: the ledger keeps 64 in force. */
export const MAX_PATTERNS = 16

/** Their contents have their own error codes, and are validated when they are parsed. */
const asItIs = <T>(value: unknown): T => value as T
const CRITERIA: Shape<Criteria> = {
  key: asItIs,
  keys: asItIs,
  tag: asItIs,
  tags: asItIs,
  pattern: asItIs,
  patterns: asItIs,
  prefix: asItIs,
  model: asItIs,
  id: asItIs,
  olderThan: duration,
  createdBefore: asItIs,
  all: flag,
}
const NO_RELATIONS = new Relations()

/**
 * Validates criteria, and returns the keys, tags, patterns and namespaces that they cover.
 * @throws MillpondError `OPTION_INVALID` for unknown or no criteria, an id without a model, too many keys or patterns,
 * an invalid time; `KEY_INVALID`, `TAG_INVALID`, `PATTERN_INVALID`, `DURATION_INVALID` for the contents of a criterion.
 */
export function resolveCriteria(criteria: Criteria, parts: CriteriaParts): Resolved {
  checkOptions<Criteria>(criteria, CRITERIA, 'criteria')
  if (Object.values(criteria).every((value) => value === undefined || value === false)) {
    throw new MillpondError(
      'OPTION_INVALID',
      'no criteria: name keys, tags, a pattern, a model or a time, or use { all: true } to invalidate everything',
    )
  }
  const { all = false } = criteria
  const keys = keysOf(criteria)
  const cascade = cascadeOf(criteria, parts.relations ?? NO_RELATIONS)
  const tags = [
    ...new Set([
      ...checkTags(listOf(criteria.tag, criteria.tags, 'tags', 'TAG_INVALID'), MAX_KEYS),
      ...(cascade?.tags ?? []),
    ]),
  ]
  const patterns = patternsOf(criteria, parts.engine)
  const createdBefore = timeOf(criteria, parts.now)
  const isTargetless = keys.size + tags.length + patterns.length === 0
  const isTimeAlone = createdBefore !== undefined && !hasLists(criteria)
  return {
    keys: [...keys],
    tags,
    patterns: patterns.map((pattern) => pattern.source),
    all: all || isTimeAlone,
    createdBefore,
    reason: reasonOf(criteria, all, createdBefore),
    isEmpty: isTargetless && !all && !isTimeAlone,
    cascade,
    selects: selector(all || isTimeAlone, keys, new Set(tags), patterns, createdBefore),
  }
}

function selector(
  all: boolean,
  keys: ReadonlySet<string>,
  tags: ReadonlySet<string>,
  patterns: readonly CompiledPattern[],
  before: number | undefined,
): Resolved['selects'] {
  const isNamed = (key: string | undefined): boolean =>
    key !== undefined && (keys.has(key) || patterns.some((pattern) => pattern.matches(key)))
  // What was computed from a target is invalidated like it.
  return (entry) =>
    (before === undefined || entry.createdAt < before) &&
    (all || isNamed(entry.key) || entry.tags.some((tag) => tags.has(tag) || isNamed(dependencyKey(tag))))
}

function keysOf(criteria: Criteria): Set<string> {
  const { key, keys: many = [], prefix } = criteria
  if (!Array.isArray(many)) throw new MillpondError('KEY_INVALID', `keys: ${show(many)} is not a list: give an array`)
  const keys = new Set([...(key === undefined ? [] : [encodeKeyAt(key, 'key')]), ...encodeKeys(many, 'keys')])
  // A tuple belongs to its own family.
  if (typeof prefix === 'object') keys.add(encodeKeyAt(prefix, 'prefix'))
  if (keys.size > MAX_KEYS)
    throw new MillpondError(
      'OPTION_INVALID',
      `keys: ${keys.size} are too many for one call (at most ${MAX_KEYS}): use a tag, or several calls`,
    )
  return keys
}

function patternsOf(criteria: Criteria, engine: RegexEngine | undefined): CompiledPattern[] {
  const named = listOf(criteria.pattern, criteria.patterns, 'patterns', 'PATTERN_INVALID')
  const given = criteria.prefix === undefined ? named : [...named, prefixPattern(criteria.prefix)]
  if (given.length > MAX_PATTERNS)
    throw new MillpondError(
      'OPTION_INVALID',
      `patterns: ${given.length} are too many for one call (at most ${MAX_PATTERNS}): use a tag`,
    )
  const bySource = new Map<string, CompiledPattern>()
  for (const pattern of given) {
    const compiled = compilePattern(pattern, engine)
    bySource.set(compiled.source, compiled)
  }
  return [...bySource.values()]
}

/** @throws MillpondError `KEY_INVALID` for an invalid key, `PATTERN_INVALID` if it is too long for a pattern. */
function prefixPattern(prefix: Key): string {
  const encoded = encodeKeyAt(prefix, 'prefix')
  const literal = typeof prefix === 'string' ? prefix : `${encoded.slice(0, -1)},`
  return `${literal.replace(/[\\*?^]/g, '\\$&')}*`
}

function cascadeOf({ model, id }: Criteria, relations: Relations): CascadePlan | undefined {
  if (model !== undefined) return relations.plan(model, id)
  if (id === undefined) return undefined
  throw new MillpondError('OPTION_INVALID', `id: ${show(id)} is given without a model: name its model too`)
}

function timeOf({ olderThan, createdBefore }: Criteria, now: number): number | undefined {
  const times: number[] = []
  if (olderThan !== undefined) times.push(now - parseDuration(olderThan, 'olderThan'))
  if (createdBefore !== undefined) times.push(parseInstant(createdBefore, 'createdBefore'))
  // Both must hold; and an entry that is stored later cannot be known now.
  return times.length === 0 ? undefined : Math.min(now, ...times)
}

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/

/**
 * Epoch milliseconds of an instant: a number, a Date, or an ISO string with a zone (`2026-01-31T12:00:00Z`).
 * @throws MillpondError `OPTION_INVALID`: a string without a zone would mean another instant on another machine.
 */
export function parseInstant(value: unknown, name: string): number {
  const at =
    value instanceof Date
      ? value.getTime()
      : typeof value === 'string' && value.length <= 40 && ISO.test(value)
        ? Date.parse(value)
        : value
  if (typeof at === 'number' && Number.isFinite(at) && Math.abs(at) <= 8.64e15) return at
  throw new MillpondError(
    'OPTION_INVALID',
    `${name}: ${show(value)} is not an instant: give epoch milliseconds, a Date, or '2026-01-31T12:00:00Z'`,
  )
}

function listOf<T>(
  one: T | undefined,
  many: readonly T[] | undefined,
  name: string,
  code: 'KEY_INVALID' | 'TAG_INVALID' | 'PATTERN_INVALID',
): readonly T[] {
  if (many !== undefined && !Array.isArray(many))
    throw new MillpondError(code, `${name}: ${show(many)} is not a list: give an array`)
  return [...(one === undefined ? [] : [one]), ...(many ?? [])]
}

const LISTS = ['key', 'keys', 'tag', 'tags', 'pattern', 'patterns', 'prefix', 'model'] as const

const hasLists = (criteria: Criteria): boolean => LISTS.some((name) => criteria[name] !== undefined)

function reasonOf(criteria: Criteria, all: boolean, createdBefore: number | undefined): RemovalReason {
  const has = (...names: readonly (typeof LISTS)[number][]): boolean =>
    names.some((name) => criteria[name] !== undefined)
  if (all) return createdBefore === undefined ? 'cleared' : 'manual'
  if (has('model')) return 'data_changed'
  if (has('key', 'keys')) return 'manual'
  if (has('tag', 'tags')) return 'tag_based'
  return has('pattern', 'patterns', 'prefix') ? 'pattern_based' : 'manual'
}
