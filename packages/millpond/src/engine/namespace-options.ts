// The options that code gives a namespace, split: how its entries live, which may be changed later, and how its values
// are stored, which may not.
import { check, checkedElsewhere, checkOptions, type Shape } from '../core/checks.ts'
import { asCodec, type EncryptedCodecOptions } from '../core/codec-options.ts'
import type { Codec } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import { keptOptions, LOAD_OPTIONS, type LoadOptions } from '../core/options.ts'
import type { FarTier } from './space.ts'

/** Options of `cache.namespace`, where they differ from the cache's own. */
export interface NamespaceOptions extends LoadOptions {
  /** How its values are encoded in tiers that have no codec of their own. Default: the cache's. */
  readonly codec?: Codec | EncryptedCodecOptions | undefined
  /**
   * The part of each value that is stored, in every tier and for every caller, including the first: `select({ pick:
   * ['id', 'name'] })` of `millpond/codec`, or any pure function that does not modify its argument.
   */
  readonly select?: ((value: unknown) => unknown) | undefined
}

/** As given. */
export type EncodingOptions = Pick<NamespaceOptions, 'codec' | 'select'>

const FUNCTION = check(
  (value): value is NonNullable<EncodingOptions['select']> => typeof value === 'function',
  "a function such as select({ pick: ['id', 'name'] })",
)

const OPTIONS: Shape<NamespaceOptions> = { ...LOAD_OPTIONS, codec: checkedElsewhere, select: FUNCTION }

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function partOptions(options: NamespaceOptions): {
  readonly code: LoadOptions
  readonly encoding: EncodingOptions
} {
  checkOptions<NamespaceOptions>(options, OPTIONS, 'namespace')
  const { codec, select, ...code } = options
  return {
    code: keptOptions(code),
    encoding: { ...(codec !== undefined && { codec }), ...(select !== undefined && { select }) },
  }
}

/**
 * The encoding parts of a space.
 * @throws MillpondError `OPTION_INVALID` for an invalid codec or `select`, and if a tier's own codec would expose what
 * the namespace's codec hides.
 */
export function resolveEncoding(
  namespace: string,
  { codec, select }: EncodingOptions,
  common: Codec,
  far: readonly FarTier[],
): { readonly codec: Codec; readonly select: EncodingOptions['select'] } {
  const made = codec === undefined ? common : asCodec(codec, 'codec')
  const open = far.find((tier) => tier.codec !== undefined && tier.codec.isSecret !== true)
  if (codec !== undefined && made.isSecret === true && open !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `codec: the namespace ${show(namespace)} is to be encrypted, but the tier ${show(open.guarded.name)} has its own codec, which does not encrypt: give that tier { encrypt }, or no codec`,
    )
  checkNames(namespace, made, far)
  return { codec: made, select }
}

const PROBE = 'probe'

/** Storage names are made by the namespace's codec, and all of its tiers are read by them. */
function checkNames(namespace: string, codec: Codec, far: readonly FarTier[]): void {
  const place = { cache: '', namespace: '' }
  const name = codec.namesIn?.(place).key(PROBE)
  const other = far.find((tier) => tier.codec !== undefined && tier.codec.namesIn?.(place).key(PROBE) !== name)
  if (other === undefined) return
  throw new MillpondError(
    'OPTION_INVALID',
    `codec: keyNames hides the keys of a cache or namespace, but the tier ${show(other.guarded.name)} has its own codec, which names those of ${show(namespace)} differently: give both the same keyNames, or that tier no codec`,
  )
}

/**
 * Whether two places in the code give the same encoding, as far as can be compared: options that are written out each
 * time must name the same key ring and values.
 */
export function isSameEncoding(a: EncodingOptions, b: EncodingOptions): boolean {
  return a.select === b.select && isSameCodec(a.codec, b.codec)
}

function isSameCodec(a: EncodingOptions['codec'], b: EncodingOptions['codec']): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined || 'encode' in a || 'encode' in b) return false
  const { encrypt, ...rest } = a
  const { encrypt: its, ...others } = b
  return encrypt === its && JSON.stringify(rest) === JSON.stringify(others)
}
