// A TCP proxy on loopback that stands in front of a real server and misbehaves on demand.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { type CommandCounter, countCommands } from './fault-proxy-commands.ts'
import { type Random, seededRandom } from './random.ts'

/** `up`: what the client sends. `down`: what the server sends. */
export type Direction = 'up' | 'down'

/**
 * What the proxy does to the connections it concerns. Times in milliseconds. Where a direction may be named, absent means both.
 *
 * - `refuse`: nobody listens; connections that are open are reset.
 * - `reset`: each connection, open or new, is reset.
 * - `drop`: a black hole. Connections stay open (new ones too), nothing passes, not even a close.
 * - `half-open`: the black hole in one direction only.
 * - `delay`: each piece passes `ms` later, or up to `jitterMs` more; the order of bytes is kept.
 * - `cut`: each connection is closed after that many more bytes, in the middle of whatever it says.
 * - `corrupt`: flips a bit in about `rate` of the bytes (0 to 1).
 *
 * A network that heals delivers what was under way: so does the proxy after `drop` and `half-open`. With `lost: true`
 * the connections that lost something are reset at the heal instead (a cable cut for longer than TCP's patience).
 */
export type Fault =
  | { readonly kind: 'refuse' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'drop'; readonly lost?: boolean }
  | { readonly kind: 'half-open'; readonly dead: Direction; readonly lost?: boolean }
  | { readonly kind: 'delay'; readonly ms: number; readonly jitterMs?: number; readonly direction?: Direction }
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly direction?: Direction }
  | { readonly kind: 'corrupt'; readonly rate: number; readonly direction?: Direction }

/** One client's connection through the proxy. */
export interface ProxyConnection {
  readonly id: number
  readonly bytesUp: number
  readonly bytesDown: number
  /** Redis commands sent on it, by upper-case name. */
  readonly commands: ReadonlyMap<string, number>
}

export interface FaultProxyOptions {
  /** The real server. `host` defaults to 127.0.0.1. */
  readonly to: { readonly host?: string; readonly port: number }
  /** Where to listen on 127.0.0.1. Default: a free port. */
  readonly port?: number
  /** For jitter and corruption. Default 1. */
  readonly seed?: number
}

export interface FaultProxy {
  readonly host: '127.0.0.1'
  readonly port: number
  /** `redis://127.0.0.1:port`, or with another scheme. */
  url(scheme?: string): string
  /** Replaces the fault in force. `where` chooses the connections it concerns (not heeded by `refuse`); default all. */
  set(fault: Fault, where?: (connection: ProxyConnection) => boolean): Promise<void>
  /** Ends the fault. Rejects when the port cannot be had again after `refuse`. */
  heal(): Promise<void>
  /** The connections that are open now. */
  readonly connections: readonly ProxyConnection[]
  /** Since the start or the last `resetCounts`. `commands` by upper-case name. */
  readonly counts: {
    readonly connections: number
    readonly bytesUp: number
    readonly bytesDown: number
    readonly commands: ReadonlyMap<string, number>
  }
  resetCounts(): void
  close(): Promise<void>
}

type Piece = { readonly due: number } & ({ readonly bytes: Buffer } | { readonly closed: 'end' | 'reset' })

/** One direction of one connection. */
interface Lane {
  readonly direction: Direction
  readonly from: Socket
  readonly to: Socket
  readonly queue: Piece[]
  timer: NodeJS.Timeout | undefined
  cutLeft: number
  /** When the last delayed piece is due: later pieces may not overtake it. */
  lastDue: number
  held: boolean
}

interface Connection {
  readonly id: number
  readonly counter: CommandCounter
  readonly lanes: readonly [Lane, Lane]
  bytesUp: number
  bytesDown: number
}

const HOLD_LIMIT = 8 * 1024 * 1024

/** Starts a proxy in front of `to`. It listens when the promise resolves. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const random = seededRandom(options.seed ?? 1)
  const open = new Set<Connection>()
  let counts = { connections: 0, bytesUp: 0, bytesDown: 0, commands: new Map<string, number>() }
  let fault: Fault | undefined
  let concerns: (connection: ProxyConnection) => boolean = () => true
  let ids = 0
  let server: Server | undefined
  let port = options.port ?? 0

  const faultOf = (connection: Connection): Fault | undefined => (fault !== undefined && concerns(view(connection)) ? fault : undefined)

  function kill(connection: Connection, how: 'reset' | 'end'): void {
    if (!open.delete(connection)) return
    for (const lane of connection.lanes) {
      clearTimeout(lane.timer)
      lane.queue.length = 0
      if (how === 'reset') lane.from.resetAndDestroy()
      else lane.from.destroySoon()
    }
  }

  function accept(client: Socket): void {
    const target = connect({ host: options.to.host ?? '127.0.0.1', port: options.to.port, noDelay: true, allowHalfOpen: true })
    const counter = countCommands((name) => counts.commands.set(name, (counts.commands.get(name) ?? 0) + 1))
    const connection: Connection = {
      id: ++ids,
      counter,
      lanes: [lane('up', client, target), lane('down', target, client)],
      bytesUp: 0,
      bytesDown: 0,
    }
    open.add(connection)
    counts.connections += 1
    client.setNoDelay(true)
    for (const one of connection.lanes) {
      one.cutLeft = cutOf(fault)
      wire(connection, one)
    }
    if (faultOf(connection)?.kind === 'reset') kill(connection, 'reset')
  }

  function wire(connection: Connection, one: Lane): void {
    one.from.on('data', (bytes: Buffer) => {
      if (one.direction === 'up') {
        connection.bytesUp += bytes.length
        counts.bytesUp += bytes.length
        connection.counter.feed(bytes)
      } else {
        connection.bytesDown += bytes.length
        counts.bytesDown += bytes.length
      }
      enqueue(connection, one, { bytes })
    })
    one.from.on('end', () => enqueue(connection, one, { closed: 'end' }))
    one.from.on('error', () => enqueue(connection, one, { closed: 'reset' }))
    one.from.on('drain', () => connection.lanes.find((other) => other.to === one.from)?.from.resume())
  }

  function enqueue(connection: Connection, one: Lane, what: { bytes: Buffer } | { closed: 'end' | 'reset' }): void {
    if (!open.has(connection)) return
    const now = performance.now()
    const current = faultOf(connection)
    let due = now
    if (current?.kind === 'delay' && aimsAt(current.direction, one)) due = now + current.ms + random.next() * (current.jitterMs ?? 0)
    one.lastDue = Math.max(one.lastDue, due)
    one.queue.push({ ...what, due: one.lastDue })
    pump(connection, one)
  }

  function pump(connection: Connection, one: Lane): void {
    clearTimeout(one.timer)
    for (let piece = one.queue[0]; piece !== undefined && open.has(connection); piece = one.queue[0]) {
      const current = faultOf(connection)
      if (swallows(current, one)) {
        one.held = true
        if (queued(one) > HOLD_LIMIT) one.from.pause()
        return
      }
      const wait = piece.due - performance.now()
      if (wait > 0) {
        one.timer = setTimeout(() => pump(connection, one), wait)
        return
      }
      one.queue.shift()
      deliver(connection, one, piece, current)
    }
    if (one.queue.length === 0) {
      one.held = false
      if (!one.to.writableNeedDrain) one.from.resume()
    }
  }

  function deliver(connection: Connection, one: Lane, piece: Piece, current: Fault | undefined): void {
    if ('closed' in piece) {
      if (piece.closed === 'reset') kill(connection, 'reset')
      else one.to.end(() => ended(connection, one))
      return
    }
    let bytes = piece.bytes
    if (current?.kind === 'corrupt' && aimsAt(current.direction, one)) bytes = flipBits(bytes, current.rate, random)
    if (current?.kind === 'cut' && aimsAt(current.direction, one)) {
      if (bytes.length >= one.cutLeft) {
        one.to.write(bytes.subarray(0, one.cutLeft))
        kill(connection, 'end')
        return
      }
      one.cutLeft -= bytes.length
    }
    if (!one.to.write(bytes)) one.from.pause()
  }

  function ended(connection: Connection, one: Lane): void {
    if (one.to.readableEnded || one.to.destroyed) open.delete(connection)
  }

  async function listen(): Promise<void> {
    const listening = createServer({ allowHalfOpen: true }, accept)
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject)
      listening.listen(port, '127.0.0.1', resolve)
    })
    port = portOf(listening)
    server = listening
  }

  function stopListening(): Promise<void> {
    const listening = server
    server = undefined
    for (const connection of [...open]) kill(connection, 'reset')
    if (listening === undefined) return Promise.resolve()
    return new Promise((resolve) => listening.close(() => resolve()))
  }

  async function change(next: Fault | undefined, where: (connection: ProxyConnection) => boolean): Promise<void> {
    const lost = (fault?.kind === 'drop' || fault?.kind === 'half-open') && fault.lost === true
    if (lost) for (const connection of [...open]) if (connection.lanes.some((one) => one.held)) kill(connection, 'reset')
    fault = next
    concerns = where
    if (next?.kind === 'refuse') return stopListening()
    if (server === undefined) await listen()
    for (const connection of [...open]) {
      if (faultOf(connection)?.kind === 'reset') kill(connection, 'reset')
      for (const one of connection.lanes) {
        one.cutLeft = cutOf(next)
        pump(connection, one)
      }
    }
  }

  await listen()
  return {
    host: '127.0.0.1',
    get port() {
      return port
    },
    url: (scheme = 'redis') => `${scheme}://127.0.0.1:${port}`,
    set: (next, where = () => true) => change(next, where),
    heal: () => change(undefined, () => true),
    get connections() {
      return [...open].map(view)
    },
    get counts() {
      return counts
    },
    resetCounts() {
      counts = { connections: 0, bytesUp: 0, bytesDown: 0, commands: new Map() }
    },
    close: stopListening,
  }
}

function lane(direction: Direction, from: Socket, to: Socket): Lane {
  return { direction, from, to, queue: [], timer: undefined, cutLeft: 0, lastDue: 0, held: false }
}

function view(connection: Connection): ProxyConnection {
  return { id: connection.id, bytesUp: connection.bytesUp, bytesDown: connection.bytesDown, commands: connection.counter.commands }
}

function aimsAt(direction: Direction | undefined, one: Lane): boolean {
  return direction === undefined || direction === one.direction
}

function swallows(fault: Fault | undefined, one: Lane): boolean {
  return fault?.kind === 'drop' || (fault?.kind === 'half-open' && fault.dead === one.direction)
}

function queued(one: Lane): number {
  return one.queue.reduce((sum, piece) => sum + ('bytes' in piece ? piece.bytes.length : 0), 0)
}

/** Flips one bit in about `rate` of the bytes of a copy. */
function flipBits(bytes: Buffer, rate: number, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let at = 0; at < copy.length; at++) {
    if (random.chance(rate)) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
  }
  return copy
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return address.port
}

function cutOf(fault: Fault | undefined): number {
  return fault?.kind === 'cut' ? fault.afterBytes : 0
}
