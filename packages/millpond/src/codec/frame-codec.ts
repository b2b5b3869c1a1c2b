// A codec composed of frame, value format, and transforms of the bytes between them.
import { checkedElsewhere, checkOptions, fn, listOf, type Shape, withMethods } from '../core/checks.ts'
import type { Codec, CodecContext, DecodedParts, EncodedParts, Rejection, Sealed } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { ValueFormat } from './format.ts'
import { headOf, pack, type Unpacked, unpack } from './frame.ts'
import { type Hides, hiddenParts, hiding } from './hiding.ts'
import { jsonFormat } from './json-format.ts'
import { type CodecLimits, resolveLimits } from './limits.ts'
import { applyAll, type Transform, undoAll } from './transform.ts'

export interface FrameCodecOptions {
  /** How values are written. Default `jsonFormat`. */
  readonly format?: ValueFormat | undefined
  /** Formats that are also read, besides `format` and JSON, so that changing the format does not flush the cache. */
  readonly reads?: readonly ValueFormat[] | undefined
  /** Applied to the bytes of each value in this order, and undone in reverse. */
  readonly transforms?: readonly Transform[] | undefined
  /** Transforms that are also undone, so that changing transforms does not flush the cache. */
  readonly undoes?: readonly Transform[] | undefined
  /**
   * Replaces keys and tags outside the value, and stores the originals inside it. Only with `requires`, since the
   * inside must be encrypted.
   */
  readonly hides?: Hides | undefined
  /** Only entries whose last transform is this one are read. It must be among `transforms`. */
  readonly requires?: Transform | undefined
  /** Limits on values, so that hostile bytes cost little. */
  readonly limits?: Partial<CodecLimits> | undefined
  /** Called for each body that is rejected and so becomes a miss. Must not throw. */
  readonly onReject?: ((reason: Rejection) => void) | undefined
}

const format = withMethods<ValueFormat>('a format of values, such as jsonFormat', 'write', 'read')
const transform = withMethods<Transform>('a transform of bytes, with apply and undo', 'apply', 'undo')
const OPTIONS: Shape<FrameCodecOptions> = {
  format,
  reads: listOf(format, 'a list of formats'),
  transforms: listOf(transform, 'a list of transforms'),
  undoes: listOf(transform, 'a list of transforms'),
  requires: transform,
  hides: fn('a function that creates the names of a namespace'),
  limits: checkedElsewhere,
  onReject: fn('a function that receives the reason why bytes were rejected'),
}

/** For callers without a context to bind to. */
const NOWHERE: CodecContext = Object.freeze({ cache: '', namespace: '', asOf: Object.freeze({ epoch: '', seq: 0 }) })

/**
 * A codec that records format and transforms by number in each frame, so that entries written before a change of either
 * stay readable, as long as the old ones are listed in `reads` and `undoes`.
 *
 * Values up to 64 KB are handled synchronously; above, transforms with an asynchronous form make the result a promise.
 * @throws MillpondError `OPTION_INVALID` for two formats or transforms with the same number, or a number out of range.
 */
export function frameCodec(options: FrameCodecOptions = {}): Codec {
  checkOptions<FrameCodecOptions>(options, OPTIONS, 'frameCodec')
  const { format = jsonFormat, requires, hides, onReject } = options
  const transforms = [...(hides === undefined ? [] : [hiding]), ...(options.transforms ?? [])]
  const limits = resolveLimits(options.limits)
  const formats = formatsByNumber([format, ...(options.reads ?? []), jsonFormat])
  const known = transformsByNumber([...transforms, ...(options.undoes ?? [])])
  const read = (unpacked: Unpacked, bytes: Buffer, from: number, to: number): DecodedParts | Rejection => {
    const found = formats.get(unpacked.format)
    if (found === undefined) return 'format'
    const parts = readValue(found, unpacked, bytes, from, to, limits)
    if (typeof parts === 'string' || unpacked.transforms.length === 0) return parts
    const did = unpacked.transforms.map((number) => known.get(number)?.does)
    return { ...parts, isCompressed: did.includes('compress'), isEncrypted: did.includes('encrypt') }
  }
  const report = (answer: DecodedParts | Rejection, context: CodecContext): DecodedParts | undefined => {
    if (typeof answer !== 'string') return answer
    onReject?.(answer)
    context.reject?.(answer)
    return undefined
  }
  return {
    maxItems: limits.maxItems,
    maxBytes: limits.maxBytes,
    isBound: transforms.some((transform) => transform.isBound === true),
    isSecret: requires?.does === 'encrypt',
    ...(hides !== undefined && { namesIn: hides }),
    encode(parts, context = NOWHERE) {
      if (transforms.length === 0) return writeFrame(format, parts, limits)
      const { number, bytes } = format.write(parts.value, parts.key, limits, parts.isolated)
      const plain = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
      // The limit on reading is also the limit on storing.
      if (plain.byteLength > limits.maxBytes) return pack(number, parts, plain, limits.maxBytes)
      const outer = hides === undefined ? parts : hiddenParts(hides(context), parts)
      const inner = hides === undefined ? undefined : parts
      const applied = applyAll(transforms, plain, { ...context, head: headOf(number, outer), inner })
      const framed = (value: Awaited<typeof applied>): Uint8Array =>
        pack(number, outer, value.bytes, limits.maxBytes, value.numbers)
      return applied instanceof Promise ? applied.then(framed) : framed(applied)
    },
    names: (bytes) => namesIn(bytes, limits),
    decode(bytes, context = NOWHERE) {
      const unpacked = unpack(bytes, limits.maxBytes)
      if (typeof unpacked === 'string') return report(unpacked, context)
      const { body, from, to } = unpacked
      if (requires !== undefined && unpacked.transforms.at(-1) !== requires.number) return report('unsealed', context)
      if (unpacked.transforms.length === 0) return report(read(unpacked, body, from, to), context)
      let proof: Pick<DecodedParts, 'sealed' | 'isOldKey'> | undefined
      let inner: Pick<EncodedParts, 'key' | 'tags'> | undefined
      let why: Rejection = 'transform'
      const about = {
        ...context,
        head: headOf(unpacked.format, unpacked.parts),
        prove: (sealed: Sealed, isOldKey: boolean) => {
          proof = { sealed, isOldKey }
        },
        name: (found: Pick<EncodedParts, 'key' | 'tags'>) => {
          inner = found
        },
        reject: (what: string) => {
          if (what === 'unknown_key' || what === 'tampered') why = what
        },
      }
      const undone = undoAll(known, unpacked.transforms, body.subarray(from, to), about, limits.maxBytes)
      const finish = (plain: Uint8Array | undefined): DecodedParts | undefined => {
        const parts = report(plain === undefined ? why : read(unpacked, asBuffer(plain), 0, plain.byteLength), context)
        return parts === undefined || proof === undefined ? parts : { ...parts, ...proof, ...inner }
      }
      return undone instanceof Promise ? undone.then(finish) : finish(undone)
    },
  }
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Key and tags from the frame, whether or not the value can be read. */
export function namesIn(bytes: Uint8Array, limits: CodecLimits): Pick<EncodedParts, 'key' | 'tags'> | undefined {
  const unpacked = unpack(bytes, limits.maxBytes)
  return typeof unpacked === 'string' ? undefined : { key: unpacked.parts.key, tags: unpacked.parts.tags }
}

/** Frame and value, synchronously. */
export function writeFrame(format: ValueFormat, parts: EncodedParts, limits: CodecLimits): Uint8Array {
  const { number, bytes } = format.write(parts.value, parts.key, limits, parts.isolated)
  return pack(number, parts, bytes, limits.maxBytes)
}

/** The inverse, for one format and no transforms. */
export function readFrame(format: ValueFormat, bytes: Uint8Array, limits: CodecLimits): DecodedParts | Rejection {
  const unpacked = unpack(bytes, limits.maxBytes)
  if (typeof unpacked === 'string') return unpacked
  if (unpacked.transforms.length > 0) return 'transform'
  return readValue(format, unpacked, unpacked.body, unpacked.from, unpacked.to, limits)
}

function readValue(
  format: ValueFormat,
  { format: number, parts }: Unpacked,
  bytes: Buffer,
  from: number,
  to: number,
  limits: CodecLimits,
): DecodedParts | Rejection {
  const answer = format.read(number, bytes, from, to, limits)
  if ('rejected' in answer) return answer.rejected
  parts.value = answer.value
  parts.isNarrow = answer.isNarrow === true
  return parts
}

function formatsByNumber(formats: readonly ValueFormat[]): ReadonlyMap<number, ValueFormat> {
  const known = new Map<number, ValueFormat>()
  for (const format of new Set(formats)) {
    for (const number of format.numbers) {
      checkNumber(number, 0, `the format ${show(format.name)}`)
      if (known.has(number)) throw taken(number, known.get(number)?.name, format.name)
      known.set(number, format)
    }
  }
  return known
}

function transformsByNumber(transforms: readonly Transform[]): ReadonlyMap<number, Transform> {
  const known = new Map<number, Transform>()
  for (const transform of new Set(transforms)) {
    checkNumber(transform.number, 1, `the transform ${show(transform.name)}`)
    if (known.has(transform.number)) throw taken(transform.number, known.get(transform.number)?.name, transform.name)
    known.set(transform.number, transform)
  }
  return known
}

function checkNumber(number: number, least: number, what: string): void {
  if (Number.isInteger(number) && number >= least && number <= 255) return
  throw new MillpondError(
    'OPTION_INVALID',
    `codec: ${what} has the number ${show(number)}: give a whole number from ${least} to 255`,
  )
}

function taken(number: number, first: string | undefined, second: string): MillpondError {
  return new MillpondError(
    'OPTION_INVALID',
    `codec: ${show(first)} and ${show(second)} both have the number ${number}: give each its own`,
  )
}
