// Entries to bytes and back, by the codec of the tier that holds them.
//
// A codec may take its time (large values, compressed or sealed). On a read, whatever it answered later is judged afterwards, by what the ledger says
// then. On a write, the position and the order of the key are taken before: see `write-order.ts`.
import type { Codec, CodecContext, DecodedParts, EncodedParts, Stored } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import type { FarTier, Space } from './space.ts'

/** The tier's own, or the cache's. */
export const codecOf = (space: Space, far: FarTier): Codec => far.codec ?? space.services.codec

const contextOf = ({ id }: Space, asOf: Position): CodecContext => ({ cache: id.cache, namespace: id.name, asOf })

/** An entry's body for each tier: made once for each codec, when it is first asked for. */
export type BodyFor = (far: FarTier) => Uint8Array | Promise<Uint8Array>

/** @param asOf what the body may be bound to: when the load began; for a write, since when the key must not have moved. */
export function bodyOf(space: Space, { key, value, createdAt, freshUntil, staleUntil, tags }: EncodedParts, asOf: Position): BodyFor {
  const made = new Map<Codec, Uint8Array | Promise<Uint8Array>>()
  return (far) => {
    const codec = codecOf(space, far)
    const body = made.get(codec) ?? codec.encode({ key, value, createdAt, freshUntil, staleUntil, tags }, contextOf(space, asOf))
    made.set(codec, body)
    return body
  }
}

/** The bodies of some entries, in their order, for each tier. */
export type BodiesFor = (far: FarTier) => readonly Uint8Array[]

const NO_BODIES: readonly Uint8Array[] = []

/**
 * For every tier that is in use; a promise only where a codec takes its time.
 * @throws MillpondError `VALUE_UNSUPPORTED` or `VALUE_TOO_LARGE`; a promise rejects with the same.
 */
export function bodiesOf(space: Space, entries: readonly EncodedParts[], asOf: Position): BodiesFor | Promise<BodiesFor> {
  const byCodec = new Map<Codec, readonly Uint8Array[]>()
  const later: Promise<void>[] = []
  const context = contextOf(space, asOf)
  for (const far of space.far) {
    const codec = codecOf(space, far)
    if (!far.enabled || byCodec.has(codec)) continue
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

/** What each of the records says, in their order; a promise only where the codec takes its time. A codec that fails makes misses. */
export function decodeAll(
  space: Space,
  far: FarTier,
  records: readonly (Stored | undefined)[],
): readonly (DecodedParts | undefined)[] | Promise<readonly (DecodedParts | undefined)[]> {
  const parts: (DecodedParts | undefined)[] = new Array(records.length)
  let later: Promise<void>[] | undefined
  records.forEach((stored, index) => {
    const answer = stored === undefined ? undefined : decode(space, far, stored)
    if (!(answer instanceof Promise)) parts[index] = answer
    else {
      later ??= []
      later.push(
        answer.then(
          (made) => {
            parts[index] = made
          },
          () => {}, // unreadable, like bytes that are not believed
        ),
      )
    }
  })
  return later === undefined ? parts : Promise.all(later).then(() => parts)
}

function decode(space: Space, far: FarTier, { body, asOf }: Stored): ReturnType<Codec['decode']> {
  try {
    return codecOf(space, far).decode(body, contextOf(space, asOf))
  } catch {
    return undefined
  }
}
