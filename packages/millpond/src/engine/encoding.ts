// Entries to bytes and back, by the codec of the tier that holds them.
//
// A codec may be asynchronous (for large, compressed or encrypted values). On a read, a late result is judged
// afterwards, by the ledger's state at that time. On a write, the position and the order of the key are taken before:
// see `write-order.ts`.
import type { Codec, CodecContext, DecodedParts, EncodedParts, Rejection, Stored } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import { isAsked } from './route-tiers.ts'
import type { FarTier, Space } from './space.ts'

/** The tier's own, the namespace's, or the cache's. */
export const codecOf = (space: Space, far: FarTier): Codec => far.codec ?? space.codec

/**
 * For a record whose position is not known yet: since when nothing has moved, and the stamp of the step if a codec
 * binds to it.
 */
export interface Draft {
  readonly since: Position
  readonly stamp: string | undefined
}

/** Writes of some keys begin. */
export function draftOf(space: Space, keys: readonly string[], since: Position): Draft {
  const isBound = space.far.some((far) => far.enabled && codecOf(space, far).isBound === true)
  return { since, stamp: isBound ? space.stamps.next(keys) : undefined }
}

function contextOf({ id }: Space, asOf: Position, stamp?: string): CodecContext {
  return { cache: id.cache, namespace: id.name, asOf, ...(stamp === undefined ? undefined : { stamp }) }
}

/** An entry's body for each tier: encoded once per codec, on first access. */
export type BodyFor = (far: FarTier) => Uint8Array | Promise<Uint8Array>

/** @param asOf what the body may be bound to: when the load began */
export function bodyOf(
  space: Space,
  { key, value, createdAt, freshUntil, staleUntil, tags }: EncodedParts,
  asOf: Position,
): BodyFor {
  const made = new Map<Codec, Uint8Array | Promise<Uint8Array>>()
  return (far) => {
    const codec = codecOf(space, far)
    const body =
      made.get(codec) ?? codec.encode({ key, value, createdAt, freshUntil, staleUntil, tags }, contextOf(space, asOf))
    made.set(codec, body)
    return body
  }
}

/** The bodies of several entries, in their order, for each tier. */
export type BodiesFor = (far: FarTier) => readonly Uint8Array[]

const NO_BODIES: readonly Uint8Array[] = []

/**
 * For every tier that may get some; a promise only if a codec is asynchronous.
 * @throws MillpondError `VALUE_UNSUPPORTED` or `VALUE_TOO_LARGE`; a promise rejects with the same.
 */
export function bodiesOf(
  space: Space,
  entries: readonly EncodedParts[],
  { since, stamp }: Draft,
): BodiesFor | Promise<BodiesFor> {
  const byCodec = new Map<Codec, readonly Uint8Array[]>()
  const later: Promise<void>[] = []
  const context = contextOf(space, since, stamp)
  for (const far of space.far) {
    const codec = codecOf(space, far)
    if (!isAsked(space, far) || byCodec.has(codec)) continue
    const bodies: Uint8Array[] = []
    byCodec.set(codec, bodies)
    entries.forEach((entry, index) => {
      const body = codec.encode(entry, context)
      if (body instanceof Uint8Array) bodies[index] = body
      else
        later.push(
          body.then((made) => {
            bodies[index] = made
          }),
        )
    })
  }
  const bodiesFor: BodiesFor = (far) => byCodec.get(codecOf(space, far)) ?? NO_BODIES
  return later.length === 0 ? bodiesFor : Promise.all(later).then(() => bodiesFor)
}

/**
 * The contents of each record, in their order; a promise only if the codec is asynchronous. A failing codec makes
 * misses. `keys`: called with those that are not accepted, if the read counts.
 */
export function decodeAll(
  space: Space,
  far: FarTier,
  records: readonly (Stored | undefined)[],
  keys?: (index: number) => string,
): readonly (DecodedParts | undefined)[] | Promise<readonly (DecodedParts | undefined)[]> {
  const parts: (DecodedParts | undefined)[] = new Array(records.length)
  let later: Promise<void>[] | undefined
  records.forEach((stored, index) => {
    const answer = stored === undefined ? undefined : decode(space, far, stored, index, keys)
    if (!(answer instanceof Promise)) parts[index] = answer
    else {
      later ??= []
      later.push(
        answer.then(
          (made) => {
            parts[index] = made
          },
          () => {}, // unreadable, like bytes that are not accepted
        ),
      )
    }
  })
  return later === undefined ? parts : Promise.all(later).then(() => parts)
}

/** Bytes of a tier were not accepted. */
export function countReject({ id, watch, services }: Space, { guarded }: FarTier, key: string, why: Rejection): void {
  const { rejected } = watch.counters.tier(guarded.name)
  rejected.set(why, (rejected.get(why) ?? 0) + 1)
  if (services.events.has('rejected'))
    services.events.emit('rejected', { key, namespace: id.name, tier: guarded.name, why })
}

/** The position by which an entry is judged: the encrypted one, else its tier's. */
export function positionOf(space: Space, { key, sealed }: DecodedParts, stored: Stored): Position {
  return sealed === undefined
    ? stored.asOf
    : { epoch: sealed.asOf.epoch, seq: space.ledger.view.sealedSeq(key, sealed) }
}

/** The codec's context in a single object, since it is created for each record that is read. */
function decode(
  space: Space,
  far: FarTier,
  { body, asOf }: Stored,
  index: number,
  keys: ((index: number) => string) | undefined,
): ReturnType<Codec['decode']> {
  const { cache, name: namespace } = space.id
  const context: CodecContext =
    keys === undefined
      ? { cache, namespace, asOf }
      : { cache, namespace, asOf, reject: (why) => countReject(space, far, keys(index), why) }
  try {
    return codecOf(space, far).decode(body, context)
  } catch {
    return undefined
  }
}
