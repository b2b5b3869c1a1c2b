// The default codec: JSON in the frame without transforms, synchronous both ways.
import { checkedElsewhere, checkOptions, fn, type Shape } from '../core/checks.ts'
import type { Rejection, SyncCodec } from '../core/contracts.ts'
import { namesIn, readFrame, writeFrame } from './frame-codec.ts'
import { jsonFormat } from './json-format.ts'
import { type CodecLimits, resolveLimits } from './limits.ts'

export interface JsonCodecOptions {
  /** Limits for writing and reading; each has a default. */
  readonly limits?: Partial<CodecLimits> | undefined
  /** Called for each body that is rejected and so becomes a miss. Must not throw. */
  readonly onReject?: ((reason: Rejection) => void) | undefined
}

const OPTIONS: Shape<JsonCodecOptions> = {
  limits: checkedElsewhere,
  onReject: fn('a function that receives the reason why bytes were rejected'),
}

/**
 * `jsonFormat` says what it keeps and rejects. Without options it is the default of a cache.
 *
 * `decode` returns `undefined` for bytes that are corrupt, truncated, foreign, of another version, format or transform,
 * or beyond the limits.
 * @throws MillpondError `OPTION_INVALID` for invalid limits and unknown options.
 */
export function jsonCodec(options: JsonCodecOptions = {}): SyncCodec {
  checkOptions<JsonCodecOptions>(options, OPTIONS, 'jsonCodec')
  const limits = resolveLimits(options.limits)
  const { onReject } = options
  return {
    maxItems: limits.maxItems,
    maxBytes: limits.maxBytes,
    encode: (parts) => writeFrame(jsonFormat, parts, limits),
    names: (bytes) => namesIn(bytes, limits),
    decode: (bytes, context) => {
      const answer = readFrame(jsonFormat, bytes, limits)
      if (typeof answer !== 'string') return answer
      onReject?.(answer)
      context?.reject?.(answer)
      return undefined
    },
  }
}
