// Encryption as a transform of a value's bytes: AES-256-GCM; everything that gives the value its meaning is
// authenticated with it (decision 0031).
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyRing } from '../core/codec-options.ts'
import { DerivedKeys, nonceOf } from './derived-keys.ts'
import { pad, unpad } from './padding.ts'
import { readSealHead, type SealHead, TAG_BYTES, textBytes, writeSealHead } from './seal-head.ts'
import type { Transform, TransformContext } from './transform.ts'

/** Outside the range of compression. */
export const SEAL = 16
const ALGORITHM = 'aes-256-gcm'
const OPTIONS = { authTagLength: TAG_BYTES }

/** @param pads whether to hide the lengths of compressed values. */
export function sealing(ring: KeyRing, pads: boolean, keys = new DerivedKeys(ring)): Transform {
  return {
    name: ALGORITHM,
    number: SEAL,
    does: 'encrypt',
    isBound: true,
    apply(plain, context) {
      const { asOf, stamp } = context
      const { keyId, key, salt, count } = keys.next(context)
      const isPadded = pads && context.before.length > 0
      const sealed = stamp === undefined ? { asOf } : { asOf, stamp }
      const front = writeSealHead({ keyId, salt, count, isPadded, sealed })
      const cipher = createCipheriv(ALGORITHM, key, nonceOf(count), OPTIONS)
      cipher.setAAD(boundTo(front, context))
      const body = cipher.update(isPadded ? pad(plain) : plain)
      return Buffer.concat([front, body, cipher.final(), cipher.getAuthTag()])
    },
    undo(bytes, context) {
      const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const found = readSealHead(buffer)
      if (found === undefined || found.end + TAG_BYTES > buffer.length) return refuse(context, 'tampered')
      const key = keys.find(found.head.keyId, found.head.salt, context)
      if (key === undefined) return refuse(context, 'unknown_key')
      const plain = open(buffer, found.head, found.end, key, context)
      if (plain === undefined) return refuse(context, 'tampered')
      context.prove?.(found.head.sealed, found.head.keyId !== ring.current)
      return plain
    },
  }
}

function open(
  bytes: Buffer,
  { count, isPadded }: SealHead,
  end: number,
  key: Uint8Array,
  context: TransformContext,
): Uint8Array | undefined {
  const decipher = createDecipheriv(ALGORITHM, key, nonceOf(count), OPTIONS)
  decipher.setAAD(boundTo(bytes.subarray(0, end), context))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  const body = decipher.update(bytes.subarray(end, bytes.length - TAG_BYTES))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return isPadded ? unpad(body) : body
}

/** Each part is prefixed with its length, except the last. */
function boundTo(front: Uint8Array, { cache, namespace, before, head }: TransformContext): Uint8Array {
  return Buffer.concat([front, textBytes(cache), textBytes(namespace), Uint8Array.of(before.length, ...before), head])
}

function refuse(context: TransformContext, why: 'tampered' | 'unknown_key'): undefined {
  context.reject?.(why)
  return undefined
}
