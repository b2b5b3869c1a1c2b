// Tries hybrid keys where the runtime has ML-KEM: that Node reads the sources as they are. Tells what came of it as
// JSON.
import { hybridKeyService, newHybridKeys, newWrappedKey, wrappedKeyring } from '../../src/codec/index.ts'

/** @param {() => unknown} work */
const refusal = async (work) => {
  try {
    await work()
    return 'accepted'
  } catch (error) {
    return /** @type {{ code: string, message: string }} */ (error).code
  }
}
const [keys, others] = [newHybridKeys(), newHybridKeys()]
const service = hybridKeyService(keys)
const wrapped = await newWrappedKey(hybridKeyService({ publicKey: keys.publicKey }))
const again = await newWrappedKey(service)
const ring = await wrappedKeyring({ service, current: 'k1', keys: { k1: wrapped, k2: again } })
let flips = 0
let refused = 0
for (let at = 0; at < wrapped.length; at += 7) {
  const bytes = Buffer.from(wrapped)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
  flips++
  if ((await refusal(() => service.unwrap(bytes))) === 'KEYRING_INVALID') refused++
}
const [mark, outer, inner] = keys.publicKey.split('.')
const told = {
  lengths: [ring.key('k1').length, wrapped.length],
  differ: !Buffer.from(ring.key('k1')).equals(Buffer.from(ring.key('k2'))),
  flips: flips - refused,
  strangers: await refusal(() => hybridKeyService(others).unwrap(wrapped)),
  publicOnly: await refusal(() => hybridKeyService({ publicKey: keys.publicKey }).unwrap(wrapped)),
  // Private keys of the one, public ones of the other: the recipient is bound.
  mixed: await refusal(() =>
    hybridKeyService({ publicKey: others.publicKey, privateKey: keys.privateKey }).unwrap(wrapped),
  ),
  cut: await refusal(() => service.unwrap(wrapped.subarray(1))),
  noKeys: await refusal(() => hybridKeyService({ publicKey: 'nonsense' })),
  swapped: await refusal(() => hybridKeyService({ publicKey: [mark, inner, outer].join('.') })),
  short: await refusal(() => service.wrap(new Uint8Array(31))),
}
process.stdout.write(JSON.stringify(told))
