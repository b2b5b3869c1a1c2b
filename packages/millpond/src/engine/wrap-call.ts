// Wraps a function with the cache: `cache.wrap`. Its keys are a family, and it is the loader of that family.
import { check, checkOptions, omit, required, type Shape } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Key, KeyPart } from '../core/key.ts'
import { keptOptions, LOAD_OPTIONS, type LoadOptions } from '../core/options.ts'
import type { Loader } from './loader.ts'
import type { Receipt } from './receipt.ts'

/** Options of `wrap`: the key and tags of a call, and how its value is loaded and stored. */
export interface WrapOptions<A extends readonly unknown[], T> extends Omit<LoadOptions, 'tags' | 'after' | 'signal'> {
  /**
   * `['user']`: the first parts of the keys, followed by the arguments, which are strings, finite numbers, booleans,
   * bigints or null then. The function is registered as the family's loader (`cache.source`), so that
   * `cache.refresh(['user', 7])` works. Or how to make a key of the arguments: nothing is registered.
   */
  readonly key: readonly [KeyPart, ...KeyPart[]] | ((...args: A) => Key)
  /** Tags of the entries, fixed or computed from arguments and result. */
  readonly tags?: readonly string[] | ((args: A, result: T) => readonly string[]) | undefined
}

/** A function wrapped with the cache. */
export interface WrappedCall<A extends readonly unknown[], T> {
  (...args: A): Promise<T>
  /** Invalidates the result for these arguments, in every tier of every process. */
  invalidate(...args: A): Promise<Receipt>
  /** Loads it anew, regardless of cached values, and stores the result. */
  refresh(...args: A): Promise<T>
  /** Removes the family's registration; the function keeps working. */
  unregister(): void
}

/** The cache's methods that a wrapped function calls. */
interface Verbs {
  getOrSet<T>(key: Key, loader: Loader<T>, options?: LoadOptions): Promise<T>
  refresh<T>(key: Key, loader?: Loader<T>, options?: LoadOptions): Promise<T>
  delete(key: Key): Promise<Receipt>
  source(
    prefix: Key,
    load: (key: Key, context: { addTags(...tags: string[]): void }) => unknown,
    options: { readonly defaults: LoadOptions },
  ): () => void
}

const isKey = (value: unknown): value is WrapOptions<readonly unknown[], unknown>['key'] =>
  typeof value === 'function' || (Array.isArray(value) && value.length > 0)
const OPTIONS: Shape<WrapOptions<readonly unknown[], unknown>> = {
  ...omit(LOAD_OPTIONS, 'after', 'signal'),
  key: required(check(isKey, "the first parts of the keys (['user']), or a function of the arguments")),
  tags: check(
    (value): value is readonly string[] | (() => readonly string[]) =>
      typeof value === 'function' || Array.isArray(value),
    'a list of strings, or a function of arguments and result',
  ),
}

/**
 * @throws MillpondError `OPTION_INVALID` if `fn` is not a function, `key` is missing, or the family has a loader
 * already.
 */
export function wrapCall<A extends readonly unknown[], T>(
  cache: Verbs,
  fn: (...args: A) => T | Promise<T>,
  options: WrapOptions<A, T>,
): WrappedCall<A, T> {
  if (typeof fn !== 'function') throw new MillpondError('OPTION_INVALID', `wrap: ${show(fn)} is not a function`)
  const given: unknown = options
  checkOptions<WrapOptions<readonly unknown[], unknown>>(given, OPTIONS, 'wrap')
  const { key, tags, ...rest } = options
  const stored = keptOptions(typeof tags === 'function' || tags === undefined ? rest : { ...rest, tags }, 'wrap')
  // Arguments that cannot be part of a key are rejected when the key is encoded.
  const keyOf = (args: A): Key =>
    typeof key === 'function' ? key(...args) : [...key, ...(args as readonly unknown[] as readonly KeyPart[])]
  const load = async (args: A, context: { addTags(...tags: string[]): void }): Promise<T> => {
    const result = await fn(...args)
    if (typeof tags === 'function') context.addTags(...tags(args, result))
    return result
  }
  const unregister =
    typeof key === 'function'
      ? () => {}
      : cache.source(
          key,
          (full, context) => load((full as readonly KeyPart[]).slice(key.length) as readonly unknown[] as A, context),
          {
            defaults: stored,
          },
        )
  return Object.assign((...args: A) => cache.getOrSet(keyOf(args), (context) => load(args, context), stored), {
    invalidate: (...args: A) => cache.delete(keyOf(args)),
    refresh: (...args: A) => cache.refresh(keyOf(args), (context) => load(args, context), stored),
    unregister,
  })
}
