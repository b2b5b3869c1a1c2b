// The memory tier's options: checked once, at construction.

import { check, checkedElsewhere, checkOptions, flag, orOff, refused, type Shape, whole } from '../core/checks.ts'
import type { EvictionFactory } from '../core/contracts.ts'
import { policyByName } from './policies/index.ts'

/** The eviction policies that come with the library, by name. */
export type PolicyName = 'lru' | 'sieve' | 's3-fifo' | 'w-tinylfu' | 'adaptive'

/** The options of `memory()`. */
export interface MemoryOptions {
  /**
   * The most entries held, over all namespaces. An integer of at least 1, or `Infinity` for no limit. Default: 1000, or
   * no limit if `maxBytes` is given. With both limits, the one that is reached determines the unit in which entries are
   * weighed.
   */
  readonly maxEntries?: number | undefined
  /**
   * The most bytes held (keys, values, bookkeeping; estimated): a number, or `'128mb'` (b, kb, mb, gb; powers of 1024).
   * Default: no limit.
   */
  readonly maxBytes?: number | string | undefined
  /** The eviction policy. Default: `adaptive`. */
  readonly policy?: PolicyName | EvictionFactory | undefined
  /**
   * The share of the heap limit, or of the machine's or container's memory for heap and external bytes, above which the
   * tier releases memory (0.5 to 0.98), until there is room again; `false`: never. Default: 0.85.
   */
  readonly pressure?: number | false | undefined
  /** How long this tier keeps an entry, as a share of the entry's TTL: above 0, up to 1. Default: 1. */
  readonly ttlFactor?: number | undefined
  /**
   * Records when each entry was last read, to the second: four bytes per entry, and a write on each hit. Default:
   * false.
   */
  readonly lastAccess?: boolean | undefined
  /** `false`: configured, but not used. Default: true. */
  readonly enabled?: boolean | undefined
}

export interface MemorySettings {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly policy: EvictionFactory
  readonly pressure: number | false
  readonly ttlFactor: number
  readonly lastAccess: boolean
  readonly enabled: boolean
}

const DEFAULT_ENTRIES = 1000
const DEFAULT_POLICY: PolicyName = 'adaptive'
const DEFAULT_PRESSURE = 0.85
const UNITS: ReadonlyMap<string, number> = new Map([
  ['b', 1],
  ['kb', 2 ** 10],
  ['mb', 2 ** 20],
  ['gb', 2 ** 30],
])
/** The options of the memory tier. */
export const MEMORY_OPTIONS: Shape<MemoryOptions> = {
  maxEntries: whole(1, undefined, true),
  maxBytes: checkedElsewhere,
  policy: checkedElsewhere,
  pressure: orOff(
    check(
      (value): value is number => typeof value === 'number' && value >= 0.5 && value <= 0.98,
      'a share of the heap limit from 0.5 to 0.98, or false',
    ),
  ),
  ttlFactor: check(
    (value): value is number => typeof value === 'number' && value > 0 && value <= 1,
    'a number above 0 and up to 1',
  ),
  lastAccess: flag,
  enabled: flag,
}

/** @throws MillpondError `OPTION_INVALID`, showing the value and the remedy. */
export function resolveMemoryOptions(options: MemoryOptions): MemorySettings {
  checkOptions<MemoryOptions>(options, MEMORY_OPTIONS, 'memory')
  const maxBytes = options.maxBytes === undefined ? Infinity : parseBytes(options.maxBytes)
  return Object.freeze({
    maxEntries: resolveEntries(options.maxEntries, maxBytes),
    maxBytes,
    policy: resolvePolicy(options.policy ?? DEFAULT_POLICY),
    pressure: options.pressure ?? DEFAULT_PRESSURE,
    ttlFactor: options.ttlFactor ?? 1,
    lastAccess: options.lastAccess ?? false,
    enabled: options.enabled ?? true,
  })
}

function resolveEntries(value: number | undefined, maxBytes: number): number {
  if (value === undefined) return maxBytes === Infinity ? DEFAULT_ENTRIES : Infinity
  return value
}

function parseBytes(value: unknown): number {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)$/i.exec(value) : null
  const bytes =
    match === null ? value : Math.floor(Number(match[1]) * (UNITS.get((match[2] as string).toLowerCase()) ?? 1))
  if (typeof bytes === 'number' && (bytes === Infinity || (Number.isSafeInteger(bytes) && bytes >= 1))) return bytes
  throw refused(value, 'memory.maxBytes', "bytes from 1, or a size such as '128mb'")
}

function resolvePolicy(policy: unknown): EvictionFactory {
  if (typeof policy === 'function') return policy as EvictionFactory
  if (typeof policy === 'string') return policyByName(policy)
  throw refused(policy, 'memory.policy', "a policy's name such as 'lru', or an eviction factory")
}
