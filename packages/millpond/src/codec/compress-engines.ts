// The compression algorithms, each synchronous and asynchronous, with bounded decompression.
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import type { CompressOptions } from '../core/codec-options.ts'
import { MillpondError } from '../core/errors.ts'
import { isNotInstalled, loadPackage } from '../core/packages.ts'

export type Algorithm = NonNullable<CompressOptions['algorithm']>

/** Their numbers in frames. These never change. */
export const NUMBER = { gzip: 1, brotli: 2, zstd: 3, lz4: 4 } as const satisfies Record<Algorithm, number>
export const LEVEL = { gzip: 6, brotli: 1, zstd: 3, lz4: 1 } as const satisfies Record<Algorithm, number>
export const MAX_LEVEL = { gzip: 9, brotli: 11, zstd: 22, lz4: 1 } as const satisfies Record<Algorithm, number>
export const ALGORITHMS = ['gzip', 'brotli', 'zstd', 'lz4'] as const

export interface Engine {
  pack(bytes: Uint8Array, level: number): Uint8Array
  packLater(bytes: Uint8Array, level: number): Promise<Uint8Array>
  unpack(bytes: Uint8Array, maxBytes: number): Uint8Array
  unpackLater(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array>
}

/** Available from Node 22.15. */
type Zstd = {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: object) => Uint8Array
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array
  readonly zstdCompress?: (
    bytes: Uint8Array,
    options: object,
    done: (error: Error | null, out: Uint8Array) => void,
  ) => void
  readonly zstdDecompress?: (
    bytes: Uint8Array,
    options: object,
    done: (error: Error | null, out: Uint8Array) => void,
  ) => void
}

const gzip: Engine = {
  pack: (bytes, level) => zlib.gzipSync(bytes, { level }),
  packLater: (bytes, level) => promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gzip)(bytes, { level }),
  unpack: (bytes, maxOutputLength) => zlib.gunzipSync(bytes, { maxOutputLength }),
  unpackLater: (bytes, maxOutputLength) =>
    promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gunzip)(bytes, { maxOutputLength }),
}

const brotliAt = (level: number): zlib.BrotliOptions => ({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: level } })
const brotli: Engine = {
  pack: (bytes, level) => zlib.brotliCompressSync(bytes, brotliAt(level)),
  packLater: (bytes, level) =>
    promisify<Uint8Array, zlib.BrotliOptions, Uint8Array>(zlib.brotliCompress)(bytes, brotliAt(level)),
  unpack: (bytes, maxOutputLength) => zlib.brotliDecompressSync(bytes, { maxOutputLength }),
  unpackLater: (bytes, maxOutputLength) =>
    promisify<Uint8Array, zlib.BrotliOptions, Uint8Array>(zlib.brotliDecompress)(bytes, { maxOutputLength }),
}

/** ZSTD_c_compressionLevel. */
const ZSTD_LEVEL = 100

function zstdEngine({ zstdCompressSync, zstdDecompressSync, zstdCompress, zstdDecompress }: Zstd): Engine | undefined {
  if (!zstdCompressSync || !zstdDecompressSync || !zstdCompress || !zstdDecompress) return undefined
  const at = (level: number): object => ({ params: { [ZSTD_LEVEL]: level } })
  return {
    pack: (bytes, level) => zstdCompressSync(bytes, at(level)),
    packLater: (bytes, level) => promisify(zstdCompress)(bytes, at(level)),
    unpack: (bytes, maxOutputLength) => zstdDecompressSync(bytes, { maxOutputLength }),
    unpackLater: (bytes, maxOutputLength) => promisify(zstdDecompress)(bytes, { maxOutputLength }),
  }
}

interface Lz4 {
  compressSync(bytes: Buffer): Uint8Array
  compress(bytes: Uint8Array): Promise<Uint8Array>
  uncompressSync(bytes: Uint8Array): Uint8Array
  uncompress(bytes: Uint8Array): Promise<Uint8Array>
}

let loaded: Lz4 | undefined

/** @throws MillpondError `OPTION_INVALID` if the package is not installed. */
function lz4Package(): Lz4 {
  loaded ??= loadLz4()
  return loaded
}

function loadLz4(): Lz4 {
  try {
    return loadPackage('lz4-napi') as Lz4
  } catch (cause) {
    if (!isNotInstalled(cause)) throw cause
    throw new MillpondError(
      'OPTION_INVALID',
      "codec.compress.algorithm: 'lz4' needs the package lz4-napi: npm install lz4-napi, or use 'brotli'",
      {
        cause,
      },
    )
  }
}

/**
 * An LZ4 block prefixed with its decompressed length, as the package writes it; decompression fails beyond that length.
 */
const lz4: Engine = {
  pack: (bytes) => lz4Package().compressSync(asBuffer(bytes)),
  packLater: (bytes) => lz4Package().compress(bytes),
  unpack: (bytes, maxBytes) => lz4Package().uncompressSync(withinLength(bytes, maxBytes)),
  unpackLater: async (bytes, maxBytes) => await lz4Package().uncompress(withinLength(bytes, maxBytes)),
}

/** The prefix determines how much memory is allocated, so it is checked before decompression. */
function withinLength(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const length = bytes.byteLength < 4 ? Number.POSITIVE_INFINITY : asBuffer(bytes).readUInt32LE(0)
  if (length > maxBytes) throw new RangeError(`an LZ4 block holds ${length} bytes, and at most ${maxBytes} are allowed`)
  return bytes
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Undefined if this Node does not support it. A missing package is reported on first use. */
export function engineOf(algorithm: Algorithm): Engine | undefined {
  if (algorithm === 'gzip') return gzip
  if (algorithm === 'brotli') return brotli
  return algorithm === 'lz4' ? lz4 : zstdEngine(zlib as Zstd)
}

/** Called when a codec is created, so that a missing package is reported then. */
export function needLz4(): void {
  lz4Package()
}
