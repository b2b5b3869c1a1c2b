// One of many processes that seal with one ring: `sealer.mjs <compiled folder> <milliseconds>`. Tells salt and count of
// each record that it has made.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [, , folder = '', ms = '0'] = process.argv
const from = (/** @type {string} */ file) => import(pathToFileURL(join(folder, file)).href)
const { keyring, valueCodec } = await from('src/codec/index.js')
const codec = valueCodec({ encrypt: keyring({ current: 'k', keys: { k: new Uint8Array(32).fill(7) } }) })
const until = performance.now() + Number(ms)
/** @type {Record<string, number[]>} */
const seen = {}
while (performance.now() < until) {
  for (const namespace of ['a', 'b']) {
    const frame = codec.encode(
      { key: 'k', value: 1, createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] },
      { cache: 'c', namespace, asOf: { epoch: 'e', seq: 1 } },
    )
    // Behind frame, list of transforms and ["k"]: version, flags, the id of the key with its length, salt, count.
    const at = 36 + 1 + 1 + 5 + 2 + 2
    const salt = frame.subarray(at, at + 16).toString('hex')
    seen[salt] ??= []
    seen[salt].push(frame.readUInt32BE(at + 16))
  }
}
// Counts are told as runs: a nonce that came twice breaks one.
const runs = Object.entries(seen).map(([salt, counts]) => ({
  salt,
  length: counts.length,
  isRun: counts.every((count, index) => count === index),
}))
process.stdout.write(JSON.stringify(runs))
