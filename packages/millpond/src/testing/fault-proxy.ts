// A TCP proxy on loopback that stands in front of a real server and misbehaves on demand.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { checkOptions, options as optionsOf, required, type Shape, text, whole } from '../core/checks.ts'
import { type CommandCounter, countCommands } from './fault-proxy-commands.ts'
import {
  aimsAt,
  cutOf,
  type Fault,
  flipBits,
  type Lane,
  lane,
  type Piece,
  queued,
  swallows,
} from './fault-proxy-lane.ts'
import { seededRandom } from './random.ts'

export type { Direction, Fault } from './fault-proxy-lane.ts'

/** One client's connection through the proxy. */
export interface ProxyConnection {
  /** Counts from 1 in the order in which they were accepted. */
  readonly id: number
  /** Bytes received from the client so far. */
  readonly bytesUp: number
  /** Bytes received from the server so far. */
  readonly bytesDown: number
  /** Redis commands sent on it, by upper-case name. */
  readonly commands: ReadonlyMap<string, number>
}

export interface FaultProxyOptions {
  /** The real server. `host` defaults to 127.0.0.1. */
  readonly to: { readonly host?: string | undefined; readonly port: number }
  /** Where to listen on 127.0.0.1. Default: a free port. */
  readonly port?: number | undefined
  /** For jitter and corruption. Default 1. */
  readonly seed?: number | undefined
}

export interface FaultProxy {
  readonly host: '127.0.0.1'
  /** Where it listens on 127.0.0.1. */
  readonly port: number
  /** `redis://127.0.0.1:port`, or with another scheme. */
  url(scheme?: string): string
  /**
   * Replaces the fault in force. `where` chooses the connections that it applies to (ignored by `refuse`); default all.
   */
  set(fault: Fault, where?: (connection: ProxyConnection) => boolean): Promise<void>
  /** Ends the fault. Rejects if the port cannot be taken again after `refuse`. */
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
  /** Sets `counts` to 0. */
  resetCounts(): void
  /** Ends all connections and stops listening. */
  close(): Promise<void>
}

interface Connection {
  readonly id: number
  readonly counter: CommandCounter
  readonly lanes: readonly [Lane, Lane]
  bytesUp: number
  bytesDown: number
}

const HOLD_LIMIT = 8 * 1024 * 1024

const OPTIONS: Shape<FaultProxyOptions> = {
  to: required(optionsOf<FaultProxyOptions['to']>({ host: text, port: required(whole(1, 65_535)) })),
  port: whole(0, 65_535),
  seed: whole(0),
}

/** Starts a proxy in front of `to`. It listens when the promise resolves. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  checkOptions<FaultProxyOptions>(options, OPTIONS, 'startFaultProxy')
  const random = seededRandom(options.seed ?? 1)
  const open = new Set<Connection>()
  let counts = { connections: 0, bytesUp: 0, bytesDown: 0, commands: new Map<string, number>() }
  let fault: Fault | undefined
  let concerns: (connection: ProxyConnection) => boolean = () => true
  let ids = 0
  let server: Server | undefined
  let port = options.port ?? 0

  const faultOf = (connection: Connection): Fault | undefined =>
    fault !== undefined && concerns(view(connection)) ? fault : undefined

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
    const target = connect({
      host: options.to.host ?? '127.0.0.1',
      port: options.to.port,
      noDelay: true,
      allowHalfOpen: true,
    })
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
    if (current?.kind === 'delay' && aimsAt(current.direction, one))
      due = now + current.ms + random.next() * (current.jitterMs ?? 0)
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

  /**
   * A connection is over when its end was passed on in both directions: a lane that still holds an end back would
   * otherwise never pass it on.
   */
  function ended(connection: Connection, one: Lane): void {
    one.isOver = true
    if (connection.lanes.every((lane) => lane.isOver)) open.delete(connection)
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
    if (lost)
      for (const connection of [...open]) if (connection.lanes.some((one) => one.held)) kill(connection, 'reset')
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

function view(connection: Connection): ProxyConnection {
  return {
    id: connection.id,
    bytesUp: connection.bytesUp,
    bytesDown: connection.bytesDown,
    commands: connection.counter.commands,
  }
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return address.port
}
