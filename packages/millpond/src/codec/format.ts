// How a value becomes bytes and comes back. A format is known by the numbers that frames carry, the same ever after.

import type { Rejection } from '../core/contracts.ts'
import type { CodecLimits } from './limits.ts'

/** A value as bytes. A text is written as UTF-8. */
export interface Written {
  /** The format's number for this way of writing, 0 to 255. */
  readonly number: number
  readonly bytes: string | Uint8Array
}

export type Read =
  | {
      readonly value: unknown
      /** Every string of the value takes one byte a character. */
      readonly isNarrow?: boolean
    }
  | { readonly rejected: Rejection }

/** A way to write values. Numbers 0 to 15 are JSON's. */
export interface ValueFormat {
  readonly name: string
  /** The numbers that it reads. */
  readonly numbers: readonly number[]
  /**
   * The value as bytes, none of it changed in silence.
   * @throws MillpondError `VALUE_UNSUPPORTED` with the path, or `VALUE_TOO_LARGE`.
   */
  write(value: unknown, key: string, limits: CodecLimits): Written
  /**
   * The value in `bytes[from, to)`, which may be anybody's. Never throws; what it builds shares no memory with the
   * bytes.
   */
  read(number: number, bytes: Buffer, from: number, to: number, limits: CodecLimits): Read
}
