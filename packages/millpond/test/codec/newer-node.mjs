// Runs in a Node that knows zstd: writes with it, reads it, and is shown bombs. Tells what came of it as one line of
// JSON.
import { crc32, gzipSync, zstdCompressSync } from 'node:zlib'
import { jsonCodec, valueCodec } from '../../src/codec/index.ts'

const place = { cache: 'shop', namespace: 'pages', asOf: { epoch: 'e', seq: 1 } }
const partsOf = (value) => ({ key: 'k', value, createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] })
const codec = valueCodec({ compress: { algorithm: 'zstd' } })
const text = 'It is what it is, and it is compressible. '.repeat(200)

/** A frame that says it was transformed by zstd, around any bytes. */
function forged(bytes) {
  const plain = Buffer.from(jsonCodec().encode(partsOf(Buffer.from(bytes))))
  const meta = 36 + plain.readUInt32LE(28)
  const frame = Buffer.concat([
    plain.subarray(0, 36),
    Uint8Array.of(1, 3),
    plain.subarray(36, meta),
    bytes,
    Buffer.alloc(4),
  ])
  frame[2] = 2
  frame[3] = 0
  frame.writeUInt32LE(crc32(frame.subarray(0, frame.length - 4)), frame.length - 4)
  return frame
}

async function outcome(bytes) {
  let why
  const began = process.cpuUsage()
  const parts = await codec.decode(forged(bytes), { ...place, reject: (reason) => (why = reason) })
  const { user, system } = process.cpuUsage(began)
  return { why: parts === undefined ? why : 'accepted', ms: (user + system) / 1000 }
}

const small = codec.encode(partsOf(text), place)
const large = await codec.encode(partsOf(text.repeat(20)), place)
const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024))
console.log(
  JSON.stringify({
    small: { bytes: small.length, isBack: codec.decode(small, place)?.value === text },
    large: { bytes: large.length, isBack: (await codec.decode(large, place))?.value === text.repeat(20) },
    frame: Buffer.from(small).toString('base64'),
    figures: codec.figures(place),
    bomb: await outcome(bomb),
    twice: await outcome(zstdCompressSync(bomb)),
    cut: await outcome(bomb.subarray(0, bomb.length - 9)),
    plain: await outcome(Buffer.from('plain')),
    gzip: await outcome(gzipSync(Buffer.from('1'))),
  }),
)
