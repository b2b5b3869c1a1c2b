// What is stored as bytes: the lossless default codec, its limits, and the choice of fields.
export type { Rejection } from './envelope.ts'
export { type JsonCodecOptions, jsonCodec } from './json.ts'
export { type CodecLimits, resolveLimits } from './limits.ts'
export { type Field, type Selection, select } from './select.ts'
