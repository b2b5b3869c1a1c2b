// What a collection was told, checked once.

import { MillpondError, show } from '../core/errors.ts'
import { encodeKey, type Key } from '../core/key.ts'
import { checkNames, DEFAULT_POLICY, type LoadOptions, resolvePolicy } from '../core/options.ts'
import type { CollectionOptions } from '../engine/collection.ts'
import { holdMsOf } from '../engine/source-write.ts'
import { chosenOf, type WriteKind } from './strategies.ts'

const ENTRY_NAMES = [
  'ttl',
  'staleFor',
  'staleIfError',
  'jitter',
  'dependsOn',
  'timeout',
  'refreshAhead',
  'negativeTtl',
  'errorTtl',
] as const
const FUNCTION_NAMES = ['key', 'load', 'loadMany', 'store', 'storeMany', 'remove'] as const
const NAMES: ReadonlySet<string> = new Set([
  ...ENTRY_NAMES,
  ...FUNCTION_NAMES,
  'keyVersion',
  'tags',
  'maxBatch',
  'hold',
  'write',
  'strategy',
  'writeBehind',
])
const MAX_BATCH = 500

/** A collection's options, resolved. */
export interface CollectionPlan<Id, T> {
  readonly options: CollectionOptions<Id, T>
  readonly write: WriteKind
  /** How entries are stored. */
  readonly defaults: LoadOptions
  readonly tagsOf: ((value: T, id: Id) => readonly string[]) | undefined
  readonly keyOf: (id: Id) => Key
  /** What all keys begin with, where they are tuples that end with the id. */
  readonly prefix: Key | undefined
  readonly maxBatch: number
  /** How long a key is held while its source is written. */
  readonly holdMs: number
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`, `KEY_INVALID`. */
export function planOf<Id, T>(name: string, options: CollectionOptions<Id, T>): CollectionPlan<Id, T> {
  checkNames(options, NAMES, `option of the collection ${name}`)
  for (const given of FUNCTION_NAMES)
    if (options[given] !== undefined && typeof options[given] !== 'function')
      throw new MillpondError('OPTION_INVALID', `collection ${name}: ${given}: ${show(options[given])} is not a function`)
  const { tags, maxBatch = MAX_BATCH } = options
  if (!Number.isSafeInteger(maxBatch) || maxBatch < 1)
    throw new MillpondError('OPTION_INVALID', `collection ${name}: maxBatch: ${show(maxBatch)} is not allowed: give a whole number from 1`)
  const { write, refreshAhead } = chosenOf(name, options)
  const defaults: LoadOptions = {
    ...Object.fromEntries(ENTRY_NAMES.flatMap((entry) => (options[entry] === undefined ? [] : [[entry, options[entry]]]))),
    ...(refreshAhead === undefined ? {} : { refreshAhead }),
    ...(typeof tags === 'function' || tags === undefined ? {} : { tags: Object.freeze([...tags]) }),
  }
  resolvePolicy(defaults, DEFAULT_POLICY)
  const keyOf = keysOf(name, options)
  return {
    options,
    write,
    defaults,
    tagsOf: typeof tags === 'function' ? tags : undefined,
    keyOf,
    prefix: prefixOf(name, options, keyOf),
    maxBatch,
    holdMs: holdMsOf(options.hold, `collection ${name}: hold`),
  }
}

function keysOf<Id, T>(name: string, { key, keyVersion }: CollectionOptions<Id, T>): (id: Id) => Key {
  if (keyVersion !== undefined && typeof keyVersion !== 'string' && !Number.isSafeInteger(keyVersion))
    throw new MillpondError(
      'OPTION_INVALID',
      `collection ${name}: keyVersion: ${show(keyVersion)} is not allowed: give a text or a whole number`,
    )
  const plain = key ?? ((id: Id): Key => [name, id as string | number])
  if (keyVersion === undefined) return plain
  const version = `v${keyVersion}`
  return (id) => {
    const made = plain(id)
    return typeof made === 'string' ? `${version}:${made}` : [version, ...made]
  }
}

const PROBE = 'probe\u0001'

/** A key function is asked once for a made-up id: only of tuples that end with the id can the id be read off a key again. */
function prefixOf<Id, T>(name: string, { key, keyVersion }: CollectionOptions<Id, T>, keyOf: (id: Id) => Key): Key | undefined {
  if (key === undefined) return keyVersion === undefined ? [name] : [`v${keyVersion}`, name]
  try {
    const made = keyOf(PROBE as Id)
    if (typeof made === 'string' || made.length < 2 || made.at(-1) !== PROBE) return undefined
    encodeKey(made)
    return made.slice(0, -1)
  } catch {
    return undefined // it looks at more of an id than a text has
  }
}
