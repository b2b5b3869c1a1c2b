// Compressed variants of an asset: compressed once, at the highest levels, and kept only if smaller.
import { promisify } from 'node:util'
import zlib from 'node:zlib'

/** By their names in `Content-Encoding`, with the suffix that web servers look for. */
export const ENCODINGS = { br: '.br', gzip: '.gz', zstd: '.zst' } as const
export type Encoding = keyof typeof ENCODINGS

/** Above this size a variant would take minutes and as much memory again. */
export const MAX_ENCODED_BYTES = 32 * 1024 * 1024
/** Brotli's last two levels take about ten times as long: worth it for what pages load, not for data. */
const MAX_SLOW_BYTES = 2 * 1024 * 1024

const gzip = promisify(zlib.gzip)
const brotli = promisify(zlib.brotliCompress)

type Compress = (bytes: Uint8Array) => Promise<Uint8Array>

/** Node has zstd since 22.15. */
const zstd: Compress | undefined = zstdOf(zlib)

const COMPRESS: Readonly<Record<Encoding, Compress | undefined>> = {
  br: (bytes) =>
    brotli(bytes, {
      params: {
        [zlib.constants.BROTLI_PARAM_QUALITY]: bytes.length > MAX_SLOW_BYTES ? 9 : 11,
        [zlib.constants.BROTLI_PARAM_LGWIN]: 22,
        [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  gzip: (bytes) => gzip(bytes, { level: 9 }),
  zstd,
}

/** Those that this Node supports. */
export const available = (wanted: readonly Encoding[]): Encoding[] =>
  wanted.filter((encoding) => COMPRESS[encoding] !== undefined)

/** Undefined: it is not smaller. */
export async function encoded(bytes: Uint8Array, encoding: Encoding): Promise<Uint8Array | undefined> {
  const made = await COMPRESS[encoding]?.(bytes)
  return made !== undefined && made.length < bytes.length ? made : undefined
}

function zstdOf(module: object): Compress | undefined {
  const compress: unknown = Reflect.get(module, 'zstdCompress')
  const { ZSTD_c_compressionLevel: level } = Reflect.get(module, 'constants') as Readonly<Record<string, number>>
  if (typeof compress !== 'function' || level === undefined) return undefined
  return (bytes) =>
    new Promise((resolve, reject) => {
      // 19 is the highest level whose window every browser accepts (RFC 8878: 8 MiB).
      const told = (error: Error | null, made: Uint8Array): void => (error === null ? resolve(made) : reject(error))
      compress(bytes, { params: { [level]: 19 } }, told)
    })
}
