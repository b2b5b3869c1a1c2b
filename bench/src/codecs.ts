// The CPU time to write a value as bytes and read it again, by format and shape of the value, compared with plain JSON;
// and the cost of compression and encryption per KB.
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Codec } from 'millpond'
import { type CodecOptions, jsonCodec, keyring, valueCodec } from 'millpond/codec'
import { VALUES } from './codec-values.ts'
import { printTable } from './table.ts'

const TIMES = 3000

interface Way {
  readonly name: string
  readonly bytes: number
  readonly write: () => unknown
  readonly read: () => unknown
}

/** CPU microseconds, the best of all rounds, since other work of the machine can only add time. */
interface Best {
  write: number
  read: number
}

export function benchCodecs(rounds: number, say: (text: string) => void): void {
  benchFormats(rounds, say)
  console.log()
  benchTransforms(rounds, say)
}

/** Goals for `deal`: json 1.3, messagepack 1.1, packed .7 of plain JSON. */
function benchFormats(rounds: number, say: (text: string) => void): void {
  const lines = Object.entries(VALUES).map(([shape, value]) => {
    say(`codecs: ${shape}, ${rounds} rounds`)
    const ways = [plainJson(value), ...formatsOf().map(([name, codec]) => wayOf(name, codec, value))]
    const [plain, ...ours] = measured(ways, rounds)
    const cells = ours.map(({ best, way }) => `${ratio(best, plain?.best)} (${way.bytes} B)`)
    return [
      shape,
      String(plain?.way.bytes),
      `${plain?.best.write.toFixed(1)} + ${plain?.best.read.toFixed(1)}`,
      ...cells,
    ]
  })
  printTable([['write + read over plain JSON', 'bytes', 'plain, us', ...formatsOf().map(([name]) => name)], ...lines])
}

function benchTransforms(rounds: number, say: (text: string) => void): void {
  const encrypt = keyring({ current: 'k', keys: { k: randomBytes(32) } })
  const kinds: readonly [string, CodecOptions][] = [
    ['gzip', { compress: { algorithm: 'gzip' } }],
    ['brotli', { compress: { algorithm: 'brotli' } }],
    ['lz4', { compress: { algorithm: 'lz4' } }],
    ['sealed', { encrypt }],
    ['brotli, padded, sealed', { compress: 'auto', mixesSecrets: false, encrypt }],
  ]
  say('codecs: compression and encryption')
  const value = VALUES.deal
  const kilobytes = JSON.stringify(value).length / 1000
  const lines = (['json', 'packed'] as const).flatMap((format) => {
    const [bare, ...ours] = measured(
      [
        wayOf(format, valueCodec({ format }), value),
        ...kinds.map(([name, more]) => wayOf(name, valueCodec({ format, ...more }), value)),
      ],
      rounds,
    )
    return ours.map(({ way, best }) => [
      `${format}, ${way.name}`,
      String(way.bytes),
      perKilobyte(best.write, bare?.best.write, kilobytes),
      perKilobyte(best.read, bare?.best.read, kilobytes),
    ])
  })
  printTable([['what it adds for a KB of JSON', 'bytes', 'write, us', 'read, us'], ...lines])
}

const ratio = (best: Best, plain: Best | undefined): string =>
  plain === undefined ? '' : ((best.write + best.read) / (plain.write + plain.read)).toFixed(2)

const perKilobyte = (time: number, without = 0, kilobytes = 1): string => ((time - without) / kilobytes).toFixed(1)

const formatsOf = (): readonly (readonly [string, Codec])[] => [
  ['json', jsonCodec()],
  ['messagepack', valueCodec({ format: 'messagepack' })],
  ['packed', valueCodec({ format: 'packed' })],
]

/** From value to bytes and back, as for a tier. A Date becomes a string. */
function plainJson(value: unknown): Way {
  const utf8 = Buffer.from(JSON.stringify(value))
  return {
    name: 'plain',
    bytes: utf8.length,
    write: () => Buffer.from(JSON.stringify(value)),
    read: () => JSON.parse(utf8.toString()),
  }
}

function wayOf(name: string, codec: Codec, value: unknown): Way {
  const place = { cache: 'bench', namespace: 'default', asOf: { epoch: 'epoch-of-bench', seq: 12345 } }
  const parts = { key: 'deal:12345', value, createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] }
  const written = codec.encode(parts, place)
  if (!(written instanceof Uint8Array)) throw new Error(`${name} takes more than one turn`)
  const read = (): unknown => codec.decode(written, place)
  if (!isDeepStrictEqual(Reflect.get(Object(read()), 'value'), value))
    throw new Error(`${name} does not give back what it was given`)
  return { name, bytes: written.byteLength, write: () => codec.encode(parts, place), read }
}

/** All of them in turn, the best of all rounds of each. */
function measured(ways: readonly Way[], rounds: number): readonly { readonly way: Way; readonly best: Best }[] {
  const all = ways.map((way) => ({ way, best: { write: Number.POSITIVE_INFINITY, read: Number.POSITIVE_INFINITY } }))
  for (let round = 0; round < rounds; round++)
    for (const { way, best } of all) {
      best.write = Math.min(best.write, timed(way.write))
      best.read = Math.min(best.read, timed(way.read))
    }
  return all
}

function timed(work: () => unknown): number {
  for (let i = 0; i < TIMES / 4; i++) work()
  const before = process.cpuUsage()
  for (let i = 0; i < TIMES; i++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / TIMES
}
