// How soon another connection learns of an invalidation: by a stream that is read with BLOCK, or by a published hint
// and a query of the ledger's hash. Usage: node bench/dist/bus.js redis://127.0.0.1:6379 (decision 0005)
import { Redis } from 'ioredis'

const ROUNDS = 1000
const LINE = 'x'.repeat(80)
const ADVANCE = `local s = redis.call('HINCRBY', KEYS[1], 's', 1) redis.call('HSET', KEYS[1], 'l:' .. s, ARGV[1]) redis.call('PUBLISH', KEYS[1], s) return s`
const PULL = `local s = redis.call('HGET', KEYS[1], 's') return { s, redis.call('HGET', KEYS[1], 'l:' .. s) }`

const url = process.argv[2]
if (url === undefined) throw new Error('name a Redis to measure on: node bench/dist/bus.js redis://127.0.0.1:6379')
const clients = Array.from({ length: 4 }, () => new Redis(url))
const [writer, reader, listener, asker] = clients as [Redis, Redis, Redis, Redis]
const key = `millpond-bench:${process.pid}`

let heard: () => void = () => undefined
const next = (): Promise<void> =>
  new Promise((resolve) => {
    heard = resolve
  })

async function measure(name: string, send: () => Promise<unknown>): Promise<void> {
  const delays: number[] = []
  const before = process.cpuUsage()
  for (let round = 0; round < ROUNDS; round++) {
    const arrived = next()
    const started = performance.now()
    const sent = send()
    await arrived
    delays.push(performance.now() - started)
    await sent
  }
  const { user, system } = process.cpuUsage(before)
  delays.sort((a, b) => a - b)
  const at = (share: number): string => (delays[Math.floor(ROUNDS * share)] ?? 0).toFixed(3)
  process.stdout.write(
    `${name}: median ${at(0.5)} ms, p99 ${at(0.99)} ms, client CPU ${((user + system) / ROUNDS).toFixed(0)} us\n`,
  )
}

async function readStream(): Promise<void> {
  for (let last = '$'; ; ) {
    const answer = await reader.xread('BLOCK', 1000, 'STREAMS', `${key}:stream`, last).catch(() => 'closed' as const)
    if (answer === 'closed') return
    last = answer?.[0]?.[1].at(-1)?.[0] ?? last
    if (answer !== null) heard()
  }
}

const reading = readStream()
await measure('warm-up', async () => heard())
await new Promise((resolve) => setTimeout(resolve, 50))
await measure('stream, XREAD BLOCK', () => writer.xadd(`${key}:stream`, 'MAXLEN', '~', 10_000, '*', 'line', LINE))
await listener.subscribe(`${key}:hash`)
listener.on('message', () => void asker.eval(PULL, 1, `${key}:hash`).then(() => heard()))
await measure('hint, then question', () => writer.eval(ADVANCE, 1, `${key}:hash`, LINE))
await writer.del(`${key}:stream`, `${key}:hash`)
for (const client of clients) client.disconnect()
await reading
