// Compression as transforms of a value's bytes, only where it pays: not for small values, nor for namespaces whose
// values do not shrink.
import type { CompressOptions } from '../core/codec-options.ts'
import type { CodecContext, CompressionFigures } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import {
  ALGORITHMS,
  type Algorithm,
  type Engine,
  engineOf,
  LEVEL,
  MAX_LEVEL,
  NUMBER,
  needLz4,
} from './compress-engines.ts'
import type { Transform } from './transform.ts'

const MIN_BYTES = 1024
/** Above this level 64 KB would block the event loop for too long: larger values are then compressed off the loop. */
const QUICK_LEVEL = { gzip: 9, brotli: 4, zstd: 9, lz4: 1 } as const satisfies Record<Algorithm, number>
const SLOW_BYTES = 4096
/** If compression saves less, the value is stored uncompressed: decompressing would cost readers more than it gains. */
const WORTH = 0.9
/**
 * The weight of each value in its namespace's estimate: small enough that a run of incompressible values does not
 * decide.
 */
const WEIGHT = 1 / 32
/** The initial estimate of a namespace: the first incompressible value does not decide either. */
const AT_FIRST = 0.5
/**
 * While a namespace is not compressed, one in this many values is sampled. A prime, so that periodic sequences are
 * sampled evenly.
 */
const PROBE_EVERY = 31
/** The most namespaces that are tracked: tenants have their own, and come and go. */
const MAX_PLACES = 10_000

interface Counted {
  readonly figures: { -readonly [K in keyof CompressionFigures]: CompressionFigures[K] }
  /** Average compression ratio. */
  ratio: number
  /** Values since the last sample. */
  skipped: number
}

type Place = Pick<CodecContext, 'cache' | 'namespace'>

/** A namespace in one of the caches that share the codec: names contain no spaces. */
const nameOf = ({ cache, namespace }: Place): string => `${cache} ${namespace}`

/** Tracks ratios by namespace. */
export class Compression {
  /** Applied on writes; undefined: nothing is compressed. */
  readonly writes: Transform | undefined
  /** Every algorithm that this Node supports. */
  readonly reads: readonly Transform[]
  readonly #places = new Map<string, Counted>()
  readonly #level: number
  readonly #minBytes: number

  /**
   * @throws MillpondError `OPTION_INVALID` if this Node does not support the algorithm, or the algorithm not the level.
   */
  constructor(options: CompressOptions | undefined) {
    const algorithm = options?.algorithm ?? 'brotli'
    this.#level = options?.level ?? LEVEL[algorithm]
    this.#minBytes = options?.minBytes ?? MIN_BYTES
    if (this.#level > MAX_LEVEL[algorithm])
      throw new MillpondError(
        'OPTION_INVALID',
        `codec.compress.level: ${this.#level} is not a level of ${algorithm}: give up to ${MAX_LEVEL[algorithm]}`,
      )
    const all = ALGORITHMS.flatMap((name) => {
      const engine = engineOf(name)
      return engine === undefined ? [] : this.#transform(name, engine)
    })
    this.reads = all
    if (options === undefined) return
    if (algorithm === 'lz4') needLz4()
    this.writes = all.find(({ name }) => name === algorithm)
    if (this.writes === undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `codec.compress.algorithm: this Node (${process.version}) does not support 'zstd': use Node 22.15 or later, or 'gzip' or 'brotli'`,
      )
  }

  figures(place: Place): CompressionFigures | undefined {
    return this.writes === undefined ? undefined : this.#at(place).figures
  }

  #at(place: Place): Counted {
    const name = nameOf(place)
    const known = this.#places.get(name)
    if (known !== undefined) return known
    const figures = { compressed: 0, left: 0, bytesIn: 0, bytesOut: 0, compressMs: 0, inflateMs: 0 }
    const fresh: Counted = { figures, ratio: AT_FIRST, skipped: 0 }
    if (this.#places.size >= MAX_PLACES)
      for (const oldest of this.#places.keys()) if (this.#places.delete(oldest)) break
    this.#places.set(name, fresh)
    return fresh
  }

  #transform(name: Algorithm, engine: Engine): Transform {
    const level = this.#level
    return {
      name,
      number: NUMBER[name],
      does: 'compress',
      ...(level > QUICK_LEVEL[name] ? { applyLaterFrom: SLOW_BYTES } : undefined),
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
        this.#at(place).figures.inflateMs += performance.now() - began
        return plain
      },
      undoLater: async (bytes, place, maxBytes) => {
        const began = performance.now()
        const plain = await engine.unpackLater(bytes, maxBytes)
        this.#at(place).figures.inflateMs += performance.now() - began
        return plain
      },
    }
  }

  #isTried(bytes: Uint8Array, place: Place): boolean {
    const at = this.#at(place)
    const isTried = bytes.byteLength >= this.#minBytes && (at.ratio < WORTH || ++at.skipped >= PROBE_EVERY)
    if (!isTried) at.figures.left++
    return isTried
  }

  #judge(bytes: Uint8Array, packed: Uint8Array, place: Place, began: number): Uint8Array | undefined {
    const at = this.#at(place)
    const { figures } = at
    figures.compressMs += performance.now() - began
    // For an empty value the ratio would be infinite, and would make the estimate infinite for good.
    const ratio = Math.min(1, packed.byteLength / bytes.byteLength)
    at.ratio += (ratio - at.ratio) * WEIGHT
    at.skipped = 0
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
