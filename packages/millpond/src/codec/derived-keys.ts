// The keys that values are sealed with: derived, so that each process counts its nonces under a key of its own.
//
// GCM breaks when a nonce comes twice under one key; random nonces of 96 bits may do so from 2^32 records on, over a
// whole fleet. HKDF (RFC 5869) of the ring's key and 16 random bytes gives each process, cache and namespace a key on
// which it alone counts. NIST SP 800-38D, 8.2.1: the deterministic construction.
import { hkdfSync, randomBytes } from 'node:crypto'
import type { KeyRing } from '../core/codec-options.ts'
import { SALT_BYTES } from './seal-head.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
/** A new salt comes after so many records, or after so long. */
const MAX_COUNT = 2 ** 30
const MAX_AGE_MS = 24 * 60 * 60 * 1000
/** Derived keys of others that are remembered: a fleet of some hundred processes, each with a few namespaces. */
const MAX_KNOWN = 2000

/** Of which cache and namespace a record is. */
export interface Place {
  readonly cache: string
  readonly namespace: string
}

/** What the next record is sealed with. */
export interface Turn {
  readonly keyId: string
  readonly key: Uint8Array
  readonly salt: Uint8Array
  readonly count: number
}

interface Counted {
  readonly keyId: string
  /** The ring's key of that id when this one was derived. */
  readonly root: Uint8Array
  readonly key: Uint8Array
  readonly salt: Uint8Array
  readonly until: number
  count: number
}

export class DerivedKeys {
  readonly #ring: KeyRing
  readonly #maxCount: number
  readonly #now: () => number
  readonly #own = new Map<string, Counted>()
  readonly #known = new Map<string, Pick<Counted, 'root' | 'key'>>()

  constructor(ring: KeyRing, maxCount = MAX_COUNT, now: () => number = Date.now) {
    this.#ring = ring
    this.#maxCount = maxCount
    this.#now = now
  }

  /** Each answer is given once. */
  next(place: Place): Turn {
    const name = nameOf(place)
    const { current } = this.#ring
    let own = this.#own.get(name)
    const root = this.#ring.key(current)
    if (root === undefined) throw new Error('a key ring has lost its current key')
    if (
      own === undefined ||
      own.keyId !== current ||
      own.root !== root ||
      own.count >= this.#maxCount ||
      this.#now() >= own.until
    ) {
      const salt = randomBytes(SALT_BYTES)
      own = { keyId: current, root, key: derive(root, salt, name), salt, until: this.#now() + MAX_AGE_MS, count: 0 }
      this.#own.set(name, own)
    }
    const { keyId, key, salt } = own
    this.#ring.noteUse?.(keyId)
    return { keyId, key, salt, count: own.count++ }
  }

  /** Undefined for an id that is not in the ring. */
  find(keyId: string, salt: Uint8Array, place: Place): Uint8Array | undefined {
    const root = this.#ring.key(keyId)
    if (root === undefined) return undefined
    const name = nameOf(place)
    const own = this.#own.get(name)
    if (own?.root === root && Buffer.compare(own.salt, salt) === 0) return own.key
    const known = `${keyId} ${Buffer.from(salt.buffer, salt.byteOffset, salt.byteLength).toString('latin1')} ${name}`
    const found = this.#known.get(known)
    if (found?.root === root) return found.key
    const key = derive(root, salt, name)
    if (this.#known.size >= MAX_KNOWN) for (const oldest of this.#known.keys()) if (this.#known.delete(oldest)) break
    this.#known.set(known, { root, key })
    return key
  }
}

/** No two places have one name. */
const nameOf = ({ cache, namespace }: Place): string => `${cache.length}:${cache}${namespace}`

function derive(root: Uint8Array, salt: Uint8Array, name: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', root, salt, `millpond seal 1 ${name}`, KEY_BYTES))
}

export function nonceOf(count: number): Uint8Array {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUInt32BE(count, NONCE_BYTES - 4)
  return nonce
}
