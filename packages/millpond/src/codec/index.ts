// What is stored as bytes: the frame, the lossless default format, transforms of bytes, limits, and the choice of fields.
export type { Read, ValueFormat, Written } from './format.ts'
export type { Rejection } from './frame.ts'
export { type FrameCodecOptions, frameCodec } from './frame-codec.ts'
export { type JsonCodecOptions, jsonCodec } from './json.ts'
export { jsonFormat } from './json-format.ts'
export { type CodecLimits, resolveLimits } from './limits.ts'
export { type Field, type Selection, select } from './select.ts'
export type { Transform, TransformContext } from './transform.ts'
