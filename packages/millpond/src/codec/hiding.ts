// Keys and tags leave the process under other names: their HMACs stand in the frame, and the originals inside,
// encrypted with the value.
//
//   uint32, little-endian   length of what follows
//   JSON                    [key, ...tags]
//   the value's bytes
import { createHmac } from 'node:crypto'
import type { CodecContext, EncodedParts, HiddenNames } from '../core/contracts.ts'
import { dependencyKey, dependencyTag, isInner } from '../core/dependency.ts'
import { metaIn, metaOf } from './frame.ts'
import type { Transform } from './transform.ts'

/** Outside the ranges of compression and encryption. */
const HIDING = 32
const LENGTH = 4
/**
 * The most names that are cached per namespace, and the most namespaces: a name takes some 200 bytes, and two
 * microseconds to compute again.
 */
const MAX_NAMES = 2000
const MAX_PLACES = 100

/** Comes first, so that key and tags are compressed and encrypted with the value. */
export const hiding: Transform = {
  name: 'names',
  number: HIDING,
  apply(bytes, { inner }) {
    if (inner === undefined) return undefined
    const meta = Buffer.from(metaOf(inner))
    const length = Buffer.alloc(LENGTH)
    length.writeUInt32LE(meta.length)
    return Buffer.concat([length, meta, bytes])
  },
  undo(bytes, { name }) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const from = LENGTH + buffer.readUInt32LE(0)
    const inner = from > buffer.length ? 'truncated' : metaIn(buffer, LENGTH, from)
    if (typeof inner === 'string') return undefined
    name?.(inner)
    return buffer.subarray(from)
  },
}

/** Returns the names of a namespace; the same object until it is evicted by others. */
export type Hides = (place: Pick<CodecContext, 'cache' | 'namespace'>) => HiddenNames

/** HMAC-SHA-256 that includes cache and namespace, so that names from two of them cannot be linked to the same key. */
export function hiddenNames(secret: Uint8Array): Hides {
  const known = new Map<string, HiddenNames>()
  return ({ cache, namespace }) => {
    const place = `${cache}:${namespace}`
    const made = known.get(place) ?? namesOfPlace(secret, place)
    if (!known.has(place)) remember(known, place, made, MAX_PLACES)
    return made
  }
}

function namesOfPlace(secret: Uint8Array, place: string): HiddenNames {
  const names = new Map<string, string>()
  const keys = new Map<string, string>()
  const nameOf = (kind: 'key' | 'tag', text: string): string => {
    const its = `${kind} ${text}`
    const known = names.get(its)
    if (known !== undefined) return known
    const name = createHmac('sha256', secret).update(`millpond ${place} ${its}`).digest('base64url')
    remember(names, its, name, MAX_NAMES)
    if (kind === 'key') remember(keys, name, text, MAX_NAMES)
    return name
  }
  const key = (text: string): string => nameOf('key', text)
  return {
    key,
    tag(tag) {
      const from = dependencyKey(tag)
      return from === undefined ? nameOf('tag', tag) : dependencyTag(key(from))
    },
    keyOf: (name) => keys.get(name),
  }
}

function remember<V>(known: Map<string, V>, name: string, value: V, most: number): void {
  if (known.size >= most) for (const oldest of known.keys()) if (known.delete(oldest)) break
  known.set(name, value)
}

/** The parts as the frame has them. The engine's own tags are dropped, except those that name dependencies. */
export function hiddenParts(names: HiddenNames, parts: EncodedParts): EncodedParts {
  const tags = parts.tags.filter((tag) => !isInner(tag) || dependencyKey(tag) !== undefined)
  return { ...parts, key: names.key(parts.key), tags: tags.map((tag) => names.tag(tag)) }
}
