// Compression as transforms of a value's bytes, where it pays: not of small values, and not of a namespace whose values do not get smaller.
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import type { CompressOptions } from '../core/codec-options.ts'
import type { CodecContext, CompressionFigures } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { Transform } from './transform.ts'

export type Algorithm = NonNullable<CompressOptions['algorithm']>

/** What frames call them, the same ever after. */
const NUMBER = { gzip: 1, brotli: 2, zstd: 3 } as const satisfies Record<Algorithm, number>
const LEVEL = { gzip: 6, brotli: 1, zstd: 3 } as const satisfies Record<Algorithm, number>
const MAX_LEVEL = { gzip: 9, brotli: 11, zstd: 22 } as const satisfies Record<Algorithm, number>
const MIN_BYTES = 1024
/** What saves less is stored as it is: readers would pay for nothing. */
const WORTH = 0.9
/** How much each value moves the estimate of its namespace. */
const WEIGHT = 1 / 8
/** While a namespace is not compressed, one value of so many is looked at. */
const PROBE_EVERY = 32

interface Engine {
  pack(bytes: Uint8Array, level: number): Uint8Array
  packLater(bytes: Uint8Array, level: number): Promise<Uint8Array>
  unpack(bytes: Uint8Array, maxBytes: number): Uint8Array
  unpackLater(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array>
}

type Counted = { -readonly [K in keyof CompressionFigures]: CompressionFigures[K] }
type Place = Pick<CodecContext, 'cache' | 'namespace'>

/** A namespace in one of the caches that share the codec: names have no blanks. */
const nameOf = ({ cache, namespace }: Place): string => `${cache} ${namespace}`

/** Node knows zstd from 22.15 on. */
type Zstd = {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: object) => Uint8Array
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array
  readonly zstdCompress?: (bytes: Uint8Array, options: object, done: (error: Error | null, out: Uint8Array) => void) => void
  readonly zstdDecompress?: (bytes: Uint8Array, options: object, done: (error: Error | null, out: Uint8Array) => void) => void
}

const gzip: Engine = {
  pack: (bytes, level) => zlib.gzipSync(bytes, { level }),
  packLater: (bytes, level) => promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gzip)(bytes, { level }),
  unpack: (bytes, maxOutputLength) => zlib.gunzipSync(bytes, { maxOutputLength }),
  unpackLater: (bytes, maxOutputLength) => promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gunzip)(bytes, { maxOutputLength }),
}

const brotliAt = (level: number): zlib.BrotliOptions => ({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: level } })
const brotli: Engine = {
  pack: (bytes, level) => zlib.brotliCompressSync(bytes, brotliAt(level)),
  packLater: (bytes, level) => promisify<Uint8Array, zlib.BrotliOptions, Uint8Array>(zlib.brotliCompress)(bytes, brotliAt(level)),
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

function engineOf(algorithm: Algorithm): Engine | undefined {
  const known: object = zlib
  if (algorithm === 'zstd') return zstdEngine(known)
  return algorithm === 'gzip' ? gzip : brotli
}

/** Notes what it does by namespace. */
export class Compression {
  /** In front of what writes; undefined: nothing is compressed. */
  readonly writes: Transform | undefined
  /** All that this Node can read. */
  readonly reads: readonly Transform[]
  readonly #figures = new Map<string, Counted>()
  /** By namespace: what is left of a value's bytes, on average, and values since the last look. */
  readonly #estimates = new Map<string, { ratio: number; skipped: number }>()
  readonly #level: number
  readonly #minBytes: number

  /** @throws MillpondError `OPTION_INVALID` where this Node does not know the algorithm, or not the level. */
  constructor(options: CompressOptions | undefined) {
    const algorithm = options?.algorithm ?? 'brotli'
    this.#level = options?.level ?? LEVEL[algorithm]
    this.#minBytes = options?.minBytes ?? MIN_BYTES
    if (this.#level > MAX_LEVEL[algorithm])
      throw new MillpondError(
        'OPTION_INVALID',
        `codec.compress.level: ${this.#level} is not a level of ${algorithm}: give up to ${MAX_LEVEL[algorithm]}`,
      )
    const all = (['gzip', 'brotli', 'zstd'] as const).flatMap((name) => {
      const engine = engineOf(name)
      return engine === undefined ? [] : this.#transform(name, engine)
    })
    this.reads = all
    if (options === undefined) return
    this.writes = all.find(({ name }) => name === algorithm)
    if (this.writes === undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `codec.compress.algorithm: this Node (${process.version}) does not know 'zstd': use Node 22.15 or later, or 'gzip' or 'brotli'`,
      )
  }

  figures(place: Place): CompressionFigures | undefined {
    return this.writes === undefined ? undefined : this.#count(place)
  }

  #count(place: Place): Counted {
    const name = nameOf(place)
    const known = this.#figures.get(name)
    if (known !== undefined) return known
    const fresh: Counted = { compressed: 0, left: 0, bytesIn: 0, bytesOut: 0, compressMs: 0, inflateMs: 0 }
    this.#figures.set(name, fresh)
    return fresh
  }

  #transform(name: Algorithm, engine: Engine): Transform {
    const level = this.#level
    return {
      name,
      number: NUMBER[name],
      does: 'compress',
      apply: (bytes, place) => {
        if (!this.#isTried(bytes, place)) return undefined
        const began = performance.now()
        return this.#judge(bytes, engine.pack(bytes, level), place, began)
      },
      applyLater: async (bytes, place) => {
        if (!this.#isTried(bytes, place)) return undefined
        const began = performance.now()
        return this.#judge(bytes, await engine.packLater(bytes, level), place, began)
      },
      undo: (bytes, place, maxBytes) => {
        const began = performance.now()
        const plain = engine.unpack(bytes, maxBytes)
        this.#count(place).inflateMs += performance.now() - began
        return plain
      },
      undoLater: async (bytes, place, maxBytes) => {
        const began = performance.now()
        const plain = await engine.unpackLater(bytes, maxBytes)
        this.#count(place).inflateMs += performance.now() - began
        return plain
      },
    }
  }

  #isTried(bytes: Uint8Array, place: Place): boolean {
    const figures = this.#count(place)
    const estimate = this.#estimates.get(nameOf(place))
    const isTried =
      bytes.byteLength >= this.#minBytes && (estimate === undefined || estimate.ratio < WORTH || ++estimate.skipped >= PROBE_EVERY)
    if (!isTried) figures.left++
    return isTried
  }

  #judge(bytes: Uint8Array, packed: Uint8Array, place: Place, began: number): Uint8Array | undefined {
    const figures = this.#count(place)
    figures.compressMs += performance.now() - began
    const ratio = packed.byteLength / bytes.byteLength
    const estimate = this.#estimates.get(nameOf(place))
    if (estimate === undefined) this.#estimates.set(nameOf(place), { ratio, skipped: 0 })
    else {
      estimate.ratio += (ratio - estimate.ratio) * WEIGHT
      estimate.skipped = 0
    }
    if (ratio >= WORTH) {
      figures.left++
      return undefined
    }
    figures.compressed++
    figures.bytesIn += bytes.byteLength
    figures.bytesOut += packed.byteLength
    return packed
  }
}
