// The fault proxy in front of real TCP servers: each fault does what it says, and ends when it is told to.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { countCommands } from '../../src/testing/fault-proxy-commands.ts'
import { freePort } from '../services/index.ts'

const toClose: (() => unknown)[] = []
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close()
})

/** A server that says back what it hears, and remembers it. */
async function echo(): Promise<{ port: number; heard: () => string; sockets: Set<Socket>; closes: () => number }> {
  let heard = ''
  let closes = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1')
      socket.write(bytes)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      closes += 1
      sockets.delete(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  toClose.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address() as AddressInfo
  return { port: address.port, heard: () => heard, sockets, closes: () => closes }
}

interface Client {
  readonly socket: Socket
  readonly got: () => string
  /** Resolves when at least `length` characters have come. */
  until(length: number): Promise<string>
  readonly ended: Promise<string>
}

async function open(port: number): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1' })
  let got = ''
  let notify = () => {}
  socket.on('data', (bytes) => {
    got += bytes.toString('latin1')
    notify()
  })
  const ended = new Promise<string>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
    socket.on('end', () => resolve('end'))
    socket.on('close', () => resolve('close'))
  })
  toClose.push(() => socket.destroy())
  await once(socket, 'connect')
  return {
    socket,
    got: () => got,
    until: (length) =>
      new Promise((resolve) => {
        notify = () => {
          if (got.length >= length) resolve(got)
        }
        notify()
      }),
    ended,
  }
}

async function proxied(): Promise<{ proxy: FaultProxy; server: Awaited<ReturnType<typeof echo>> }> {
  const server = await echo()
  const proxy = await startFaultProxy({ to: { port: server.port }, seed: 7 })
  toClose.push(() => proxy.close())
  return { proxy, server }
}

/** Proof that nothing came: a round trip through another connection was faster than what should not come. */
async function quietFor(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

describe('fault proxy', () => {
  test('passes bytes both ways unchanged and counts them', async () => {
    const { proxy, server } = await proxied()
    const client = await open(proxy.port)
    client.socket.write('hello')
    expect(await client.until(5)).toBe('hello')
    expect(server.heard()).toBe('hello')
    expect(proxy.counts).toMatchObject({ connections: 1, bytesUp: 5, bytesDown: 5 })
    proxy.resetCounts()
    expect(proxy.counts).toMatchObject({ connections: 0, bytesUp: 0, bytesDown: 0 })
  })

  test('passes megabytes in order under backpressure', async () => {
    const { proxy } = await proxied()
    const client = await open(proxy.port)
    const sent = Array.from({ length: 400_000 }, (_, index) => String(index % 1000).padStart(10, '0')).join('')
    client.socket.write(sent)
    expect((await client.until(sent.length)) === sent).toBe(true)
  })

  test('passes a close in either direction', async () => {
    const { proxy, server } = await proxied()
    const client = await open(proxy.port)
    client.socket.write('x')
    await client.until(1)
    for (const socket of server.sockets) socket.end()
    expect(await client.ended).toBe('end')
    await expect.poll(() => proxy.connections.length).toBe(0)
  })

  test('refuse: open connections are reset, new ones refused, healed on the same port', async () => {
    const { proxy } = await proxied()
    const client = await open(proxy.port)
    client.socket.write('x')
    await client.until(1)
    const port = proxy.port
    await proxy.set({ kind: 'refuse' })
    expect(await client.ended).toBe('ECONNRESET')
    await expect(open(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await proxy.heal()
    expect(proxy.port).toBe(port)
    const again = await open(port)
    again.socket.write('y')
    expect(await again.until(1)).toBe('y')
  })

  test('reset: open and new connections get a reset', async () => {
    const { proxy } = await proxied()
    const client = await open(proxy.port)
    client.socket.write('x')
    await client.until(1)
    await proxy.set({ kind: 'reset' })
    expect(await client.ended).toBe('ECONNRESET')
    // The reset may overtake the news that the connection stood.
    const next = await open(proxy.port).then(
      (second) => second.ended,
      (error: NodeJS.ErrnoException) => error.code,
    )
    expect(next).toBe('ECONNRESET')
  })

  test('drop: nothing passes, not even a close; a heal delivers what was under way, in order', async () => {
    const { proxy, server } = await proxied()
    const client = await open(proxy.port)
    client.socket.write('a')
    await client.until(1)
    await proxy.set({ kind: 'drop' })
    client.socket.write('b')
    client.socket.write('c')
    const leaver = await open(proxy.port)
    leaver.socket.end('bye')
    await quietFor(60)
    expect([client.got(), server.heard(), server.closes()]).toEqual(['a', 'a', 0])
    await proxy.heal()
    expect(await client.until(3)).toBe('abc')
    expect(await leaver.until(3)).toBe('bye')
    await expect.poll(server.closes).toBe(1)
  })

  test('drop with lost: a heal resets the connections that lost something, and only those', async () => {
    const { proxy } = await proxied()
    const speaking = await open(proxy.port)
    const silent = await open(proxy.port)
    speaking.socket.write('a')
    silent.socket.write('s')
    await Promise.all([speaking.until(1), silent.until(1)])
    await proxy.set({ kind: 'drop', lost: true })
    speaking.socket.write('b')
    await expect.poll(() => proxy.counts.bytesUp).toBe(3)
    await proxy.heal()
    expect(await speaking.ended).toBe('ECONNRESET')
    silent.socket.write('t')
    expect(await silent.until(2)).toBe('st')
  })

  test('half-open down: the server hears, the client does not', async () => {
    const { proxy, server } = await proxied()
    const client = await open(proxy.port)
    await proxy.set({ kind: 'half-open', dead: 'down' })
    client.socket.write('ping')
    await expect.poll(server.heard).toBe('ping')
    await quietFor(40)
    expect(client.got()).toBe('')
    await proxy.heal()
    expect(await client.until(4)).toBe('ping')
  })

  test('half-open up: the client is not heard, the server still is', async () => {
    const { proxy, server } = await proxied()
    const client = await open(proxy.port)
    client.socket.write('a')
    await client.until(1)
    await proxy.set({ kind: 'half-open', dead: 'up' })
    client.socket.write('b')
    for (const socket of server.sockets) socket.write('push')
    expect(await client.until(5)).toBe('apush')
    expect(server.heard()).toBe('a')
  })

  test('half-open: an end that was held back is passed on when it heals, although the other side has ended too', async () => {
    const { proxy, server } = await proxied()
    const client = await open(proxy.port)
    client.socket.write('a')
    await client.until(1)
    await proxy.set({ kind: 'half-open', dead: 'down' })
    for (const socket of server.sockets) socket.end()
    client.socket.end()
    await expect.poll(server.closes).toBe(1)
    expect(proxy.connections).toHaveLength(1)
    await proxy.heal()
    await client.ended
    await expect.poll(() => proxy.connections).toHaveLength(0)
  })

  test('delay: at least that late in each direction it concerns, order kept under jitter', async () => {
    const { proxy } = await proxied()
    const client = await open(proxy.port)
    await proxy.set({ kind: 'delay', ms: 60, direction: 'down' })
    let before = performance.now()
    client.socket.write('x')
    await client.until(1)
    expect(performance.now() - before).toBeGreaterThanOrEqual(59)
    await proxy.set({ kind: 'delay', ms: 1, jitterMs: 25 })
    before = performance.now()
    for (let index = 0; index < 20; index++) {
      client.socket.write(String.fromCharCode(97 + index))
      await quietFor(1)
    }
    expect(await client.until(21)).toBe('xabcdefghijklmnopqrst')
  })

  test('cut: exactly that many more bytes pass, then the connection closes; a new one has its own count', async () => {
    const { proxy } = await proxied()
    const client = await open(proxy.port)
    client.socket.write('abc')
    await client.until(3)
    await proxy.set({ kind: 'cut', afterBytes: 4, direction: 'down' })
    client.socket.write('defghij')
    expect(['end', 'close', 'ECONNRESET']).toContain(await client.ended)
    expect(client.got()).toBe('abcdefg')
    const next = await open(proxy.port)
    next.socket.write('123456')
    await next.ended
    expect(next.got()).toBe('1234')
  })

  test('corrupt: flips single bits at about the rate, in the direction named', async () => {
    const { proxy, server } = await proxied()
    const client = await open(proxy.port)
    await proxy.set({ kind: 'corrupt', rate: 0.1, direction: 'down' })
    const sent = 'a'.repeat(20_000)
    client.socket.write(sent)
    const got = await client.until(sent.length)
    expect(server.heard() === sent).toBe(true)
    const bits = [...got].map((letter) => {
      let difference = letter.charCodeAt(0) ^ 97
      let count = 0
      for (; difference > 0; difference >>= 1) count += difference & 1
      return count
    })
    const flipped = bits.filter((count) => count > 0).length
    expect(Math.max(...bits)).toBe(1)
    expect(flipped).toBeGreaterThan(1500)
    expect(flipped).toBeLessThan(2500)
  })

  test('where: only the connections that it names, by what they said', async () => {
    const { proxy } = await proxied()
    const plain = await open(proxy.port)
    const follower = await open(proxy.port)
    const subscribe = '*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nx\r\n'
    follower.socket.write(subscribe)
    await follower.until(subscribe.length)
    await proxy.set({ kind: 'drop' }, (connection) => connection.commands.has('SUBSCRIBE'))
    plain.socket.write('PING\r\n')
    follower.socket.write('PING\r\n')
    expect(await plain.until(6)).toBe('PING\r\n')
    await quietFor(40)
    expect(follower.got()).toBe(subscribe)
  })

  test('a server that is away is a reset, not a hang', async () => {
    const { proxy, server } = await proxied()
    const gone = await startFaultProxy({ to: { port: await freePort() } })
    toClose.push(() => gone.close())
    const client = await open(gone.port)
    expect(await client.ended).toBe('ECONNRESET')
    expect([proxy.connections.length, server.sockets.size]).toEqual([0, 0])
  })
})

describe('command counter', () => {
  const pipeline =
    '*1\r\n$4\r\nping\r\n*3\r\n$3\r\nSET\r\n$5\r\na\r\n*9\r\n$2\r\n\r\n\r\nINFO server\r\n*2\r\n$7\r\nEVALSHA\r\n$0\r\n\r\n*2\r\n$3\r\nget\r\n$1\r\nk\r\n'

  test('counts by name, whole and byte by byte', () => {
    const expected = { PING: 1, SET: 1, INFO: 1, EVALSHA: 1, GET: 1 }
    const whole = countCommands()
    whole.feed(Buffer.from(pipeline))
    expect(Object.fromEntries(whole.commands)).toEqual(expected)
    const names: string[] = []
    const pieces = countCommands((name) => names.push(name))
    for (const byte of Buffer.from(pipeline)) pieces.feed(Uint8Array.of(byte))
    expect(Object.fromEntries(pieces.commands)).toEqual(expected)
    expect(names).toEqual(['PING', 'SET', 'INFO', 'EVALSHA', 'GET'])
  })

  test('gives up on what is not the Redis protocol', () => {
    const counter = countCommands()
    counter.feed(Uint8Array.of(22, 3, 1, 2, 0, 1, 10))
    counter.feed(Buffer.from('*1\r\n$4\r\nPING\r\n'))
    expect(counter.commands.size).toBe(0)
  })
})
