// Transforms of a value's bytes between its format and its frame: compression, encryption. A list, applied in order and
// undone in reverse.
//
// Small values are transformed synchronously, so that an ordinary write needs no promise; above 64 KB the asynchronous
// form of a transform is used if it has one, since compressing half a megabyte would block every other call. After
// decoding asynchronously, the entry must be judged again.
import type { CodecContext, EncodedParts, Sealed } from '../core/contracts.ts'

/** Values up to this size are transformed synchronously. */
export const SYNC_BYTES = 65_536

/** The context of a transform. */
export interface TransformContext extends CodecContext {
  /**
   * Frame version, format, times, key and tags: the same bytes for applying and undoing, to be authenticated with the
   * value.
   */
  readonly head: Uint8Array
  /** The original key and tags, if the head has others. */
  readonly inner?: Pick<EncodedParts, 'key' | 'tags'> | undefined
  /** Called by a transform when it is undone, with the original key and tags. */
  readonly name?: (inner: Pick<EncodedParts, 'key' | 'tags'>) => void
  /**
   * Numbers of the transforms applied before this one: they must be authenticated, or another list would change the
   * meaning of the bytes.
   */
  readonly before: readonly number[]
  /**
   * Called by a transform when it is undone: the position that the bytes prove, and whether the key has been replaced
   * since.
   */
  readonly prove?: (sealed: Sealed, isOldKey: boolean) => void
}

/** The part that is the same for all transforms of a value. */
export type SharedContext = Omit<TransformContext, 'before'>

export interface Transform {
  /** As shown to operators: `gzip`. */
  readonly name: string
  /** 1 to 255: its number in frames, which never changes. */
  readonly number: number
  /** How an entry's facts classify it. Default: neither. */
  readonly does?: 'compress' | 'encrypt'
  /**
   * Whether its output is bound to the position in the context, and must not be stored at another one. Default `false`.
   */
  readonly isBound?: boolean
  /** The transformed bytes, or undefined to leave them as they are: the frame then does not list it. */
  apply(bytes: Uint8Array, context: TransformContext): Uint8Array | undefined
  /** Values larger than this are transformed by `applyLater`. Default 65,536. */
  readonly applyLaterFrom?: number
  /** The asynchronous form, for larger values. Default: `apply` for all. */
  applyLater?(bytes: Uint8Array, context: TransformContext): Promise<Uint8Array | undefined>
  /**
   * The inverse; undefined for input that is invalid, or whose result would exceed `maxBytes`. Throwing means the same.
   */
  undo(bytes: Uint8Array, context: TransformContext, maxBytes: number): Uint8Array | undefined
  /** The asynchronous form of `undo`. Default: `undo`. */
  undoLater?(bytes: Uint8Array, context: TransformContext, maxBytes: number): Promise<Uint8Array | undefined>
}

export interface Transformed {
  readonly bytes: Uint8Array
  /** Those that were applied, in order. */
  readonly numbers: readonly number[]
}

/** Applies each in turn; returns a promise only if one of them is asynchronous. */
export function applyAll(
  transforms: readonly Transform[],
  bytes: Uint8Array,
  context: SharedContext,
): Transformed | Promise<Transformed> {
  const numbers: number[] = []
  let now = bytes
  for (const [at, transform] of transforms.entries()) {
    if (isLater(transform, now)) return applyLater(transforms.slice(at), now, context, numbers)
    const changed = transform.apply(now, { ...context, before: [...numbers] })
    if (changed === undefined) continue
    now = changed
    numbers.push(transform.number)
  }
  return { bytes: now, numbers }
}

async function applyLater(
  transforms: readonly Transform[],
  bytes: Uint8Array,
  context: SharedContext,
  numbers: number[],
): Promise<Transformed> {
  let now = bytes
  for (const transform of transforms) {
    const about = { ...context, before: [...numbers] }
    const changed = isLater(transform, now) ? await transform.applyLater?.(now, about) : transform.apply(now, about)
    if (changed === undefined) continue
    now = changed
    numbers.push(transform.number)
  }
  return { bytes: now, numbers }
}

/** Undoes them, the last first. Undefined if one is unknown or failed. */
export function undoAll(
  transforms: ReadonlyMap<number, Transform>,
  numbers: readonly number[],
  bytes: Uint8Array,
  context: SharedContext,
  maxBytes: number,
): Uint8Array | undefined | Promise<Uint8Array | undefined> {
  let now = bytes
  for (let at = numbers.length - 1; at >= 0; at--) {
    const transform = transforms.get(numbers[at] ?? 0)
    if (transform === undefined) return undefined
    if (isLarge(now) && transform.undoLater !== undefined)
      return undoLater(transforms, numbers.slice(0, at + 1), now, context, maxBytes)
    const about = { ...context, before: numbers.slice(0, at) }
    const before = attempt(() => transform.undo(now, about, maxBytes))
    if (!isWithin(before, maxBytes)) return undefined
    now = before
  }
  return now
}

async function undoLater(
  transforms: ReadonlyMap<number, Transform>,
  numbers: readonly number[],
  bytes: Uint8Array,
  context: SharedContext,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  let now = bytes
  for (let at = numbers.length - 1; at >= 0; at--) {
    const transform = transforms.get(numbers[at] ?? 0)
    if (transform === undefined) return undefined
    const isLater = isLarge(now) && transform.undoLater !== undefined
    const about = { ...context, before: numbers.slice(0, at) }
    const before = isLater
      ? await transform.undoLater?.(now, about, maxBytes).catch(() => undefined)
      : attempt(() => transform.undo(now, about, maxBytes))
    if (!isWithin(before, maxBytes)) return undefined
    now = before
  }
  return now
}

const isLater = ({ applyLater, applyLaterFrom = SYNC_BYTES }: Transform, bytes: Uint8Array): boolean =>
  applyLater !== undefined && bytes.byteLength > applyLaterFrom

const isLarge = (bytes: Uint8Array): boolean => bytes.byteLength > SYNC_BYTES

const isWithin = (bytes: Uint8Array | undefined, maxBytes: number): bytes is Uint8Array =>
  bytes !== undefined && bytes.byteLength <= maxBytes

function attempt(undo: () => Uint8Array | undefined): Uint8Array | undefined {
  try {
    return undo()
  } catch {
    return undefined
  }
}
