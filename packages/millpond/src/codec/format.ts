// How a value is encoded as bytes and decoded. Frames identify formats by numbers that never change.

import type { Isolated, Rejection } from '../core/contracts.ts'
import type { CodecLimits } from './limits.ts'

/** An encoded value. Text is written as UTF-8. */
export interface Written {
  /** The format's number for this way of writing, 0 to 255. */
  readonly number: number
  /** The encoded value. */
  readonly bytes: string | Uint8Array
}

export type Read =
  | {
      readonly value: unknown
      /** Every string in the value takes one byte per character. */
      readonly isNarrow?: boolean
    }
  | { readonly rejected: Rejection }

/** A way to write values. Numbers 0 to 15 are JSON's. */
export interface ValueFormat {
  /** As shown to operators: `json`. */
  readonly name: string
  /** The numbers that it reads. */
  readonly numbers: readonly number[]
  /**
   * Encodes the value, with nothing silently changed. `isolated`: what is known of it, if it was isolated just before.
   * @throws MillpondError `VALUE_UNSUPPORTED` with the path, or `VALUE_TOO_LARGE`.
   */
  write(value: unknown, key: string, limits: CodecLimits, isolated?: Isolated): Written
  /**
   * Decodes the value in `bytes[from, to)`, which are untrusted. Never throws; the result shares no memory with the
   * bytes.
   */
  read(number: number, bytes: Buffer, from: number, to: number, limits: CodecLimits): Read
}
