// A codec from options: format, compression, encryption.
import { checkedElsewhere, checkOptions, flag, oneOf, refused, type Shape, whole, withMethods } from '../core/checks.ts'
import type { CodecOptions, CompressOptions, KeyRing } from '../core/codec-options.ts'
import type { Codec } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { Compression } from './compress.ts'
import { frameCodec } from './frame-codec.ts'
import { hiddenNames } from './hiding.ts'
import { jsonFormat } from './json-format.ts'
import { keyBytes } from './key-bytes.ts'
import { resolveLimits } from './limits.ts'
import { messagePackFormat } from './message-pack.ts'
import { packedFormat } from './packed.ts'
import { sealing } from './seal.ts'

const COMPRESS: Shape<CompressOptions> = {
  algorithm: oneOf('gzip', 'brotli', 'zstd', 'lz4'),
  minBytes: whole(0),
  level: whole(1),
}

const OPTIONS: Shape<CodecOptions> = {
  format: oneOf('json', 'messagepack', 'packed'),
  compress: (value, at) => {
    if (value === 'auto' || value === 'off') return value
    if (typeof value !== 'object' || value === null)
      throw refused(value, at, "'auto', 'off', or { algorithm, minBytes, level }")
    checkOptions<CompressOptions>(value, COMPRESS, at)
    return value
  },
  encrypt: withMethods<KeyRing>('a key ring, such as keyring({ current, keys })', 'key', 'codec'),
  // Never shown.
  keyNames: checkedElsewhere,
  mixesSecrets: flag,
  readsPlain: flag,
  limits: checkedElsewhere,
}

const FORMATS = { json: jsonFormat, messagepack: messagePackFormat, packed: packedFormat } as const

/**
 * How values are written to the tiers outside the process, for `createCache({ codec })`, a namespace or one tier.
 * Entries written with other options are still read, except for encryption: with `encrypt`, only entries encrypted by a
 * key of the ring are read, unless `readsPlain` says otherwise.
 * @throws MillpondError `OPTION_INVALID` naming the option.
 * @example
 * const cache = createCache({ tiers, codec: valueCodec({ compress: 'auto' }) })
 */
export function valueCodec(options: CodecOptions = {}): Codec {
  checkOptions<CodecOptions>(options, OPTIONS, 'codec')
  const { encrypt, limits } = options
  const format = { format: FORMATS[options.format ?? 'json'], reads: [messagePackFormat, packedFormat] }
  const compression = new Compression(compressOptions(options))
  const compress = compression.writes === undefined ? [] : [compression.writes]
  const undoes = compression.reads
  const withFigures = (codec: Codec): Codec => ({ ...codec, figures: (place) => compression.figures(place) })
  const nameSecret = options.keyNames === undefined ? undefined : keyBytes('codec.keyNames', options.keyNames)
  if (nameSecret !== undefined && (encrypt === undefined || options.readsPlain === true))
    throw new MillpondError(
      'OPTION_INVALID',
      'codec: keyNames needs encrypt, and no readsPlain: give { encrypt: keyring(...), keyNames }, since the key and tags of an entry are stored inside the sealed part',
    )
  if (encrypt === undefined)
    return withFigures(frameCodec({ ...format, transforms: compress, undoes, limits: resolveLimits(limits) }))
  const seal = sealing(encrypt, compression.writes !== undefined)
  const sealedBy = (): ReturnType<NonNullable<Codec['sealedBy']>> => {
    const id = encrypt.current
    const since = encrypt.since?.(id)
    return { id, ...(since !== undefined && { since }) }
  }
  const codec = withFigures(
    frameCodec({
      ...format,
      transforms: [...compress, seal],
      undoes,
      limits: resolveLimits(limits),
      ...(nameSecret !== undefined && { hides: hiddenNames(nameSecret) }),
      ...(options.readsPlain === true ? undefined : { requires: seal }),
    }),
  )
  return { ...codec, sealedBy }
}

/** Undefined for none. A compressed length reveals what a secret shares with adjacent data (CRIME, 2012). */
function compressOptions({
  compress = 'off',
  encrypt,
  mixesSecrets = true,
}: CodecOptions): CompressOptions | undefined {
  if (compress === 'off') return undefined
  if (compress !== 'auto') return compress
  return encrypt !== undefined && mixesSecrets ? undefined : {}
}
