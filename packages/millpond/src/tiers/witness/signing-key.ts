// Parses the keys of checkpoints.
import { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto'
import { MillpondError } from '../../core/errors.ts'

/** @throws MillpondError `OPTION_INVALID`, without showing the given value. */
export function keyFrom(given: unknown, at: string, kind: 'public' | 'private'): KeyObject {
  try {
    const made =
      typeof given !== 'string' ? given : kind === 'private' ? createPrivateKey(given) : createPublicKey(given)
    if (made instanceof KeyObject && made.type === kind && made.asymmetricKeyType === 'ed25519') return made
  } catch {
    // as below: what OpenSSL says may quote it
  }
  throw new MillpondError('OPTION_INVALID', `${at}: it is not an Ed25519 ${kind} key: give a KeyObject, or PEM`)
}
