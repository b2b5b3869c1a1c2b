// What it takes to write a value as bytes and read it again, by format, compression and encryption, beside plain JSON; in turn, ratios first.
import { randomBytes } from 'node:crypto'
import type { Codec } from 'millpond'
import { jsonCodec, keyring, valueCodec } from 'millpond/codec'
import { printTable } from './table.ts'

/** An answer of a shop as services keep it: about 2 KB of JSON. */
const VALUE = {
  id: 12345,
  title: 'A deal of the day: headphones that hear nothing',
  price: 199.99,
  currency: 'EUR',
  active: true,
  tags: ['audio', 'sale', 'new'],
  seller: { id: 7, name: 'Some Shop', rating: 4.7, city: 'Ulm' },
  items: Array.from({ length: 14 }, (_, i) => ({
    sku: `SKU-${i}`,
    qty: i,
    price: i * 1.25,
    name: `Item number ${i}`,
    stock: i % 2 === 0,
    at: 1_700_000_000_000 + i,
  })),
  description: 'It is what it is. '.repeat(22),
  stats: { views: 1000, clicks: 50, ratio: 0.05 },
}
const TIMES = 4000

interface Way {
  readonly name: string
  readonly bytes: number
  readonly write: () => unknown
  readonly read: () => unknown
}

/** CPU microseconds, the best of all rounds: what the machine does beside it only adds. */
interface Best {
  write: number
  read: number
}

export function benchCodecs(rounds: number, say: (text: string) => void): void {
  const ways = waysOf()
  const best = new Map<string, Best>(ways.map(({ name }) => [name, { write: Number.POSITIVE_INFINITY, read: Number.POSITIVE_INFINITY }]))
  for (let round = 0; round < rounds; round++) {
    say(`codecs: round ${round + 1} of ${rounds}`)
    for (const { name, write, read } of ways) {
      const its = best.get(name) as Best
      its.write = Math.min(its.write, timed(write))
      its.read = Math.min(its.read, timed(read))
    }
  }
  const plain = best.get('JSON') as Best
  const kilobytes = (ways[0]?.bytes ?? 0) / 1000
  printTable([
    ['codec', 'bytes', 'write us', 'read us', 'both over JSON', 'more per KB than json, us'],
    ...ways.map(({ name, bytes }) => {
      const { write, read } = best.get(name) as Best
      const json = best.get('json') as Best
      const over = (write + read) / (plain.write + plain.read)
      const more = (write + read - json.write - json.read) / kilobytes
      return [name, String(bytes), write.toFixed(1), read.toFixed(1), over.toFixed(2), name === 'JSON' ? '' : more.toFixed(1)]
    }),
  ])
}

function waysOf(): Way[] {
  const text = JSON.stringify(VALUE)
  const utf8 = Buffer.from(text)
  const encrypt = keyring({ current: 'k', keys: { k: randomBytes(32) } })
  return [
    // Bytes to bytes: that is what a tier takes and gives.
    { name: 'JSON', bytes: text.length, write: () => Buffer.from(JSON.stringify(VALUE)), read: () => JSON.parse(utf8.toString()) },
    wayOf('json', jsonCodec()),
    wayOf('messagepack', valueCodec({ format: 'messagepack' })),
    wayOf('json, brotli', valueCodec({ compress: { algorithm: 'brotli' } })),
    wayOf('json, gzip', valueCodec({ compress: { algorithm: 'gzip' } })),
    wayOf('json, sealed', valueCodec({ encrypt })),
    wayOf('messagepack, sealed', valueCodec({ format: 'messagepack', encrypt })),
    wayOf('json, brotli, sealed', valueCodec({ compress: 'auto', mixesSecrets: false, encrypt })),
  ]
}

function wayOf(name: string, codec: Codec): Way {
  const place = { cache: 'bench', namespace: 'default', asOf: { epoch: 'epoch-of-bench', seq: 12345 } }
  const parts = { key: 'deal:12345', value: VALUE, createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] }
  const written = codec.encode(parts, place)
  if (!(written instanceof Uint8Array)) throw new Error(`${name} takes more than one turn`)
  const read = (): unknown => codec.decode(written, place)
  if (JSON.stringify(Reflect.get(Object(read()), 'value')) !== JSON.stringify(VALUE))
    throw new Error(`${name} does not give back what it was given`)
  return { name, bytes: written.byteLength, write: () => codec.encode(parts, place), read }
}

function timed(work: () => unknown): number {
  for (let i = 0; i < TIMES / 4; i++) work()
  const before = process.cpuUsage()
  for (let i = 0; i < TIMES; i++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / TIMES
}
