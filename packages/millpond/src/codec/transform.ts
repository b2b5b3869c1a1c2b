// What is done to a value's bytes between its format and its frame: compression, encryption. A list, applied in order
// and undone in reverse.
//
// Small values are transformed at once, so that an ordinary write stays one turn; above 64 KB a transform that has an
// asynchronous form is asked for that, since half a megabyte of gzip would block every other call. Whoever decodes
// asynchronously must judge the entry again.
import type { CodecContext, EncodedParts, Sealed } from '../core/contracts.ts'

/** Values up to so many bytes are transformed at once. */
export const SYNC_BYTES = 65_536

/** What a transform is told beside the bytes. */
export interface TransformContext extends CodecContext {
  /**
   * Frame version, format, times, key and tags: the same bytes on the way back. What is authenticated with the value.
   */
  readonly head: Uint8Array
  /** Key and tags as they are, where the head has others. */
  readonly inner?: Pick<EncodedParts, 'key' | 'tags'> | undefined
  /** Told by a transform that is undone: key and tags as they are. */
  readonly name?: (inner: Pick<EncodedParts, 'key' | 'tags'>) => void
  /**
   * Numbers of the transforms that came before this one: who authenticates must include them, or another list would
   * give the bytes another meaning.
   */
  readonly before: readonly number[]
  /**
   * Told by a transform that is undone: what the bytes prove of their position, and whether the key has been replaced
   * since.
   */
  readonly prove?: (sealed: Sealed, isOldKey: boolean) => void
}

/** The same for all transforms of a value. */
export type SharedContext = Omit<TransformContext, 'before'>

export interface Transform {
  /** As operators read it: `gzip`. */
  readonly name: string
  /** 1 to 255: what frames call it, the same ever after. */
  readonly number: number
  /** What an entry's facts say of its bytes. Default: neither. */
  readonly does?: 'compress' | 'encrypt'
  /** What it makes is bound to the position in the context, and is never stored at another one. Default `false`. */
  readonly isBound?: boolean
  /** The changed bytes, or undefined to leave these as they are: the frame then does not name it. */
  apply(bytes: Uint8Array, context: TransformContext): Uint8Array | undefined
  /** From more than so many bytes on `applyLater` is asked. Default 65,536. */
  readonly applyLaterFrom?: number
  /** The same for what is larger than that. Default: `apply` for all. */
  applyLater?(bytes: Uint8Array, context: TransformContext): Promise<Uint8Array | undefined>
  /**
   * The way back; undefined for what cannot be accepted, or would be larger than `maxBytes`. Throwing means the same.
   */
  undo(bytes: Uint8Array, context: TransformContext, maxBytes: number): Uint8Array | undefined
  undoLater?(bytes: Uint8Array, context: TransformContext, maxBytes: number): Promise<Uint8Array | undefined>
}

export interface Transformed {
  readonly bytes: Uint8Array
  /** Those that were applied, in order. */
  readonly numbers: readonly number[]
}

/** Applies each in turn; a promise only where one of them takes its time. */
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

/** Undoes them, the last first. Undefined where one is not known or did not come back. */
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
