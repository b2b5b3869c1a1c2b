// A key service without a server that also resists quantum computers: X25519 and ML-KEM-768 combined, so that an
// attacker must break both.
//
// A key of the ring is encrypted with AES-256-GCM under the HKDF-SHA-256 of both shared secrets, bound to both
// ciphertexts and to the recipient's public keys (as in X-Wing, draft-connolly-cfrg-xwing-kem; ML-KEM is FIPS 203).
// Each wrapping has a new pair of secrets, so an all-zero nonce is used only once per key.
import * as crypto from 'node:crypto'
import { checkOptions, required, type Shape, text } from '../core/checks.ts'
import { MillpondError } from '../core/errors.ts'
import { invalid } from './key-bytes.ts'
import type { KeyService } from './key-sources.ts'

/** Keys of a hybrid service, as text: base64 of both keys, with a prefix. */
export interface HybridKeys {
  /** Wraps: may be present wherever keys are created. */
  readonly publicKey: string
  /** Unwraps: a secret. */
  readonly privateKey: string
}

export interface HybridOptions {
  /** The recipient's public key. */
  readonly publicKey: string
  /** Without it the service only wraps. */
  readonly privateKey?: string | undefined
}

const OPTIONS: Shape<HybridOptions> = { publicKey: required(text), privateKey: text }
const ALGORITHM = 'ml-kem-768'
const VERSION = 1
const CIPHERTEXT = 1088
const POINT = 32
const KEY = 32
const TAG = 16
const LENGTH = 1 + CIPHERTEXT + POINT + KEY + TAG
const MARKS = { publicKey: 'millpond-hybrid-1-public', privateKey: 'millpond-hybrid-1-private' } as const
/** The SPKI prefix of a raw X25519 public key (RFC 8410). */
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')

interface Kem {
  encapsulate(key: crypto.KeyObject): { readonly sharedKey: Buffer; readonly ciphertext: Buffer }
  decapsulate(key: crypto.KeyObject, ciphertext: Uint8Array): Buffer
  generateKeyPairSync(type: string): { readonly publicKey: crypto.KeyObject; readonly privateKey: crypto.KeyObject }
}

/** @throws MillpondError `OPTION_INVALID` if this runtime does not support ML-KEM. */
function kem(): Kem {
  if ('encapsulate' in crypto && 'decapsulate' in crypto) return crypto as unknown as Kem
  throw new MillpondError(
    'OPTION_INVALID',
    `hybrid keys need ML-KEM, available since Node 24.7; this is Node ${process.versions.node}: update Node, or wrap keys with a key service (awsKms)`,
  )
}

/**
 * Generates a key pair for `hybridKeyService`.
 * @throws MillpondError `OPTION_INVALID` if this runtime does not support ML-KEM (Node before 24.7).
 */
export function newHybridKeys(): HybridKeys {
  const pairs = [kem().generateKeyPairSync(ALGORITHM), crypto.generateKeyPairSync('x25519')]
  const write = (mark: string, keys: readonly Buffer[]): string =>
    [mark, ...keys.map((key) => key.toString('base64'))].join('.')
  return {
    publicKey: write(
      MARKS.publicKey,
      pairs.map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' })),
    ),
    privateKey: write(
      MARKS.privateKey,
      pairs.map(({ privateKey }) => privateKey.export({ type: 'pkcs8', format: 'der' })),
    ),
  }
}

/**
 * An in-process service for `wrappedKeyring` and `newWrappedKey`. `unwrap` rejects with `KEYRING_INVALID` for a wrapped
 * key that is damaged or was wrapped for another recipient.
 * @throws MillpondError `OPTION_INVALID` if this runtime does not support ML-KEM (Node before 24.7); `KEYRING_INVALID`
 * for keys that are not from `newHybridKeys`.
 * @example
 * const service = hybridKeyService({ publicKey, privateKey })
 * const ring = await wrappedKeyring({ service, current: 'k1', keys: { k1: await newWrappedKey(service) } })
 */
export function hybridKeyService(options: HybridOptions): KeyService {
  checkOptions<HybridOptions>(options, OPTIONS, 'hybridKeyService')
  const { encapsulate, decapsulate } = kem()
  const [outer, inner] = read(options.publicKey, 'publicKey', (key) =>
    crypto.createPublicKey({ key, type: 'spki', format: 'der' }),
  )
  const recipient = crypto.createHash('sha256').update(options.publicKey).digest()
  const own =
    options.privateKey === undefined
      ? undefined
      : read(options.privateKey, 'privateKey', (key) => crypto.createPrivateKey({ key, type: 'pkcs8', format: 'der' }))
  return {
    async wrap(key) {
      if (key.byteLength !== KEY)
        throw invalid(`the key to wrap has ${key.byteLength} bytes, not ${KEY}`, 'hybrid keys')
      const { sharedKey, ciphertext } = encapsulate(outer)
      const ephemeral = crypto.generateKeyPairSync('x25519')
      const point = ephemeral.publicKey.export({ type: 'spki', format: 'der' }).subarray(SPKI.length)
      const head = Buffer.concat([Uint8Array.of(VERSION), ciphertext, point])
      const shared = crypto.diffieHellman({ privateKey: ephemeral.privateKey, publicKey: inner })
      const cipher = crypto.createCipheriv(
        'aes-256-gcm',
        derive(sharedKey, shared, head, recipient),
        Buffer.alloc(12),
        {
          authTagLength: TAG,
        },
      )
      return Buffer.concat([head, cipher.update(key), cipher.final(), cipher.getAuthTag()])
    },
    async unwrap(wrapped) {
      if (own === undefined) throw invalid('the private key is missing: give privateKey', 'hybrid keys')
      const bytes = Buffer.from(wrapped)
      if (bytes.length !== LENGTH || bytes[0] !== VERSION) throw notOurs()
      const head = bytes.subarray(0, 1 + CIPHERTEXT + POINT)
      try {
        const sharedKey = decapsulate(own[0], head.subarray(1, 1 + CIPHERTEXT))
        const publicKey = crypto.createPublicKey({
          key: Buffer.concat([SPKI, head.subarray(1 + CIPHERTEXT)]),
          type: 'spki',
          format: 'der',
        })
        const shared = crypto.diffieHellman({ privateKey: own[1], publicKey })
        const decipher = crypto.createDecipheriv(
          'aes-256-gcm',
          derive(sharedKey, shared, head, recipient),
          Buffer.alloc(12),
          {
            authTagLength: TAG,
          },
        )
        decipher.setAuthTag(bytes.subarray(LENGTH - TAG))
        const key = decipher.update(bytes.subarray(head.length, LENGTH - TAG))
        decipher.final()
        return key
      } catch {
        throw notOurs() // the cause is not revealed
      }
    },
  }
}

const notOurs = (): MillpondError =>
  invalid('the wrapped key was not wrapped for these keys, or is damaged', 'hybrid keys')

function derive(kemSecret: Uint8Array, curveSecret: Uint8Array, head: Uint8Array, recipient: Uint8Array): Uint8Array {
  const info = Buffer.concat([Buffer.from('millpond hybrid 1'), head, recipient])
  // HKDF takes at most 1,024 bytes of info.
  const bound = crypto.createHash('sha256').update(info).digest()
  return new Uint8Array(
    crypto.hkdfSync('sha256', Buffer.concat([kemSecret, curveSecret]), new Uint8Array(), bound, KEY),
  )
}

function read(
  given: string,
  what: keyof typeof MARKS,
  make: (der: Buffer) => crypto.KeyObject,
): readonly [crypto.KeyObject, crypto.KeyObject] {
  const [mark, outer = '', inner = '', more] = given.trim().split('.')
  try {
    if (mark === MARKS[what] && more === undefined) {
      const keys = [make(Buffer.from(outer, 'base64')), make(Buffer.from(inner, 'base64'))] as const
      if (keys[0].asymmetricKeyType === (ALGORITHM as string) && keys[1].asymmetricKeyType === 'x25519') return keys
    }
  } catch {
    // as below: OpenSSL's message would quote the key
  }
  throw invalid(`${what} is not a key created by newHybridKeys()`, 'hybrid keys')
}
