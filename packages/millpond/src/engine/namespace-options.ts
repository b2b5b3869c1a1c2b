// What the code says of a namespace, parted: how its entries live, which may be changed later, and how its values are
// kept, which may not.
import { check, checkedElsewhere, checkOptions, type Shape } from '../core/checks.ts'
import { asCodec, type EncryptedCodecOptions } from '../core/codec-options.ts'
import type { Codec } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import { keptOptions, LOAD_OPTIONS, type LoadOptions } from '../core/options.ts'
import type { FarTier } from './space.ts'

/** What `cache.namespace` is told, where it differs from the cache's own. */
export interface NamespaceOptions extends LoadOptions {
  /** How its values are written to tiers that have no codec of their own. Default: as the cache's. */
  readonly codec?: Codec | EncryptedCodecOptions | undefined
  /**
   * What is kept of each value, in every tier and for every caller, the first one too: `select({ pick: ['id', 'name']
   * })` of `millpond/codec`, or any pure function that leaves its argument as it is.
   */
  readonly select?: ((value: unknown) => unknown) | undefined
}

/** As it was given. */
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
 * The parts that a space works with.
 * @throws MillpondError `OPTION_INVALID` for what is neither, and where a tier's own codec would show what the
 * namespace's is to hide.
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

/** Names are made by the namespace's codec, and all of its tiers are read by them. */
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
 * Two places in the code say the same, as far as can be seen: options that are written out each time must name the same
 * ring and values.
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
