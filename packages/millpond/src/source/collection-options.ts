// A collection's options, validated once.
import {
  check,
  checkedElsewhere,
  checkOptions,
  duration,
  fn,
  omit,
  options as optionsOf,
  type Shape,
  whole,
} from '../core/checks.ts'
import { MillpondError } from '../core/errors.ts'
import { encodeKey, type Key } from '../core/key.ts'
import { DEFAULT_POLICY, LOAD_OPTIONS, type LoadOptions, type ReadOptions, resolvePolicy } from '../core/options.ts'
import { isStandardSchema } from '../core/standard-schema.ts'
import type { CollectionOptions, CollectionWriteOptions } from '../engine/collection.ts'
import { holdMsOf } from '../engine/source-write.ts'
import type { CollectionHost } from './collection-host.ts'
import { chosenOf, inheritedBy, type WriteKind } from './strategies.ts'
import { WRITE_BEHIND } from './write-behind/options.ts'

const ENTRY: Shape<Omit<LoadOptions, 'tags' | 'strategy' | keyof ReadOptions>> = omit(
  LOAD_OPTIONS,
  'tags',
  'strategy',
  'consistency',
  'after',
  'signal',
  'quiet',
)
const FUNCTION = fn()
const OPTIONS: Shape<CollectionOptions<unknown, unknown>> = {
  ...ENTRY,
  key: FUNCTION,
  load: FUNCTION,
  loadMany: FUNCTION,
  replicaLoad: FUNCTION,
  // Validated where guards are kept.
  guard: checkedElsewhere,
  store: FUNCTION,
  storeMany: FUNCTION,
  remove: FUNCTION,
  schema: check(
    isStandardSchema,
    "a Standard Schema: an object with '~standard', such as one from Zod, Valibot or ArkType",
  ),
  upgrade: FUNCTION,
  versionOf: FUNCTION,
  keyVersion: check(
    (value): value is number | string => Number.isSafeInteger(value) || (typeof value === 'string' && value !== ''),
    'a string or a whole number',
  ),
  tags: check(
    (value): value is readonly string[] | (() => readonly string[]) =>
      typeof value === 'function' || Array.isArray(value),
    'a list of strings, or a function of value and id',
  ),
  maxBatch: whole(1),
  hold: duration,
  // Validated together.
  write: checkedElsewhere,
  strategy: checkedElsewhere,
  writeBehind: optionsOf(WRITE_BEHIND),
}
const MAX_BATCH = 500

/** For a single write. */
export const WRITE: Shape<CollectionWriteOptions> = {
  ...omit(ENTRY, 'timeout', 'refreshAhead', 'negativeTtl', 'errorTtl', 'singleFlight'),
  tags: LOAD_OPTIONS.tags,
  write: checkedElsewhere,
}

/** A collection's options, resolved. */
export interface CollectionPlan<Id, T> {
  readonly options: CollectionOptions<Id, T>
  readonly write: WriteKind
  /** How entries are stored. */
  readonly defaults: LoadOptions
  readonly tagsOf: ((value: T, id: Id) => readonly string[]) | undefined
  readonly keyOf: (id: Id) => Key
  /** The common prefix of all keys, if they are tuples that end with the id. */
  readonly prefix: Key | undefined
  readonly maxBatch: number
  /** How long a key is held while its source is written. */
  readonly holdMs: number
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`, `KEY_INVALID`. */
export function planOf<Id, T>(
  name: string,
  options: CollectionOptions<Id, T>,
  { choosesTtl, strategies }: Pick<CollectionHost, 'choosesTtl' | 'strategies'>,
): CollectionPlan<Id, T> {
  const given: unknown = options
  checkOptions<CollectionOptions<unknown, unknown>>(given, OPTIONS, `collection ${name}`)
  const { tags, maxBatch = MAX_BATCH } = options
  const inherited = inheritedBy(strategies, options)
  const { write, refreshAhead } = chosenOf(
    name,
    inherited.length === 0 ? options : { ...options, strategy: inherited },
    choosesTtl,
  )
  const defaults: LoadOptions = {
    ...Object.fromEntries(Object.entries(options).filter(([entry, value]) => entry in ENTRY && value !== undefined)),
    ...(refreshAhead === undefined ? {} : { refreshAhead }),
    ...(typeof tags === 'function' || tags === undefined ? {} : { tags: Object.freeze([...tags]) }),
  }
  resolvePolicy(defaults, DEFAULT_POLICY)
  const keyOf = keysOf(name, options)
  const prefix = prefixOf(name, options, keyOf)
  checkRecords(name, options, prefix)
  return {
    options,
    write,
    defaults,
    tagsOf: typeof tags === 'function' ? tags : undefined,
    keyOf,
    prefix,
    maxBatch,
    holdMs: holdMsOf(options.hold, `collection ${name}: hold`),
  }
}

function checkRecords<Id, T>(
  name: string,
  { schema, upgrade, versionOf }: CollectionOptions<Id, T>,
  prefix: Key | undefined,
): void {
  if (upgrade !== undefined && schema === undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `collection ${name}: upgrade is given, but nothing tells which values are outdated: add schema`,
    )
  if (prefix === undefined && (schema !== undefined || versionOf !== undefined))
    throw new MillpondError(
      'OPTION_INVALID',
      `collection ${name}: schema and versionOf need tuple keys that end with the id: key: (id) => ['${name}', id]`,
    )
}

function keysOf<Id, T>(name: string, { key, keyVersion }: CollectionOptions<Id, T>): (id: Id) => Key {
  const plain = key ?? ((id: Id): Key => [name, id as string | number])
  if (keyVersion === undefined) return plain
  const version = `v${keyVersion}`
  return (id) => {
    const made = plain(id)
    return typeof made === 'string' ? `${version}:${made}` : [version, ...made]
  }
}

const PROBE = 'probe\u0001'

/**
 * A key function is called once with a made-up id: only for tuples that end with the id can the id be parsed from a
 * key.
 */
function prefixOf<Id, T>(
  name: string,
  { key, keyVersion }: CollectionOptions<Id, T>,
  keyOf: (id: Id) => Key,
): Key | undefined {
  if (key === undefined) return keyVersion === undefined ? [name] : [`v${keyVersion}`, name]
  try {
    const made = keyOf(PROBE as Id)
    if (typeof made === 'string' || made.length < 2 || made.at(-1) !== PROBE) return undefined
    encodeKey(made)
    return made.slice(0, -1)
  } catch {
    return undefined // it reads more of an id than a string has
  }
}
