// Entries to bytes and back, by the codec of the tier that holds them.
//
// A codec may take its time (large values, compressed or sealed). On a read, whatever it answered later is judged
// afterwards, by what the ledger says then. On a write, the position and the order of the key are taken before: see
// `write-order.ts`.
import type { Codec, CodecContext, DecodedParts, EncodedParts, Rejection, Stored } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import { isAsked } from './route-tiers.ts'
import type { FarTier, Space } from './space.ts'

/** The tier's own, the namespace's, or the cache's. */
export const codecOf = (space: Space, far: FarTier): Codec => far.codec ?? space.codec

/**
 * What is written for a position that is not known yet: since when nothing has moved, and by what the step will be
 * known where a codec binds to it.
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

/** An entry's body for each tier: made once for each codec, when it is first asked for. */
export type BodyFor = (far: FarTier) => Uint8Array | Promise<Uint8Array>

/** @param asOf what the body may be bound to: when the load began. */
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

/** The bodies of some entries, in their order, for each tier. */
export type BodiesFor = (far: FarTier) => readonly Uint8Array[]

const NO_BODIES: readonly Uint8Array[] = []

/**
 * For every tier that may get some; a promise only where a codec takes its time.
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
 * What each of the records says, in their order; a promise only where the codec takes its time. A codec that fails
 * makes misses. `keys`: told of those that are not accepted, where the read counts.
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

/** What an entry is judged by: what it was sealed with, else what its tier says. */
export function positionOf(space: Space, { key, sealed }: DecodedParts, stored: Stored): Position {
  return sealed === undefined
    ? stored.asOf
    : { epoch: sealed.asOf.epoch, seq: space.ledger.view.sealedSeq(key, sealed) }
}

/** What the codec is told is put together here, in one piece: it is made for each record that is read. */
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
