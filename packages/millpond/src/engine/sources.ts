// Validates what `cache.source` was given; a registered loader as a load calls it.
import { checkedElsewhere, checkOptions, fn, options as optionsOf, type Shape, text } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { SourceGuard } from '../core/guard.ts'
import { decodeKey, encodeKey, encodeKeyAt, type Key } from '../core/key.ts'
import { keptOptions, LOAD_OPTIONS, type LoadOptions, type LoadPolicy, resolvePolicy } from '../core/options.ts'
import type { Source, SourceLoad, SourceOptions } from '../core/source.ts'
import { onceJudged } from '../core/strategies.ts'
import type { Loader } from './loader.ts'

/** A registered loader, with the options of its entries. */
export interface Sourced {
  readonly load: Loader<unknown>
  readonly defaults?: LoadOptions
  readonly guard?: SourceGuard
}

const OPTIONS: Shape<SourceOptions> = {
  loadMany: fn('a loader: a function'),
  defaults: optionsOf(LOAD_OPTIONS),
  name: text,
  // A name, a guard or its options: validated where guards are kept.
  guard: checkedElsewhere,
}

/**
 * @param policy of the namespace, which the defaults are laid over
 * @throws MillpondError `OPTION_INVALID`, `KEY_INVALID`.
 */
export function sourceFrom(
  namespace: string,
  prefix: Key,
  load: SourceLoad,
  options: SourceOptions,
  policy: LoadPolicy,
): Omit<Source, 'guard'> {
  checkOptions<SourceOptions>(options, OPTIONS, 'source')
  if (typeof load !== 'function')
    throw new MillpondError('OPTION_INVALID', `source: ${show(load)} is not a loader: give a function`)
  const given = options.defaults && keptOptions(options.defaults)
  if (given !== undefined) resolvePolicy(given, policy)
  const defaults = given && onceJudged(given)
  const encoded = typeof prefix === 'string' ? encodeKey(prefix) : encodeKeyAt(prefix, 'source')
  const own: Key = typeof prefix === 'string' ? prefix : [...prefix]
  const { guard: _, ...rest } = options
  return { ...rest, ...(defaults && { defaults }), namespace, prefix: own, name: options.name ?? encoded, load }
}

export function loaderOf(source: Source | undefined): Sourced | undefined {
  if (source === undefined) return undefined
  const load: Loader<unknown> = (context) => source.load(decodeKey(context.key), context)
  const { defaults, guard } = source
  return { load, ...(defaults !== undefined && { defaults }), ...(guard !== undefined && { guard }) }
}
