// One connection to one server: commands in, replies out, in order. The first error ends it and rejects all pending
// commands.
//
// No command is sent before the server has shown that it speaks the meta protocol: an older one would read values as
// commands.

import type { Socket } from 'node:net'
import { nextTick } from 'node:process'
import { setImmediate } from 'node:timers'
import { isError } from '../../core/errors.ts'
import { unheld } from '../../core/unheld.ts'
import { Replies, type Reply } from './replies.ts'

export type Verb = 'mg' | 'ms' | 'md'

export interface ConnectionSettings {
  readonly commandMs: number
  readonly connectMs: number
  /** User name and password, with a space between. */
  readonly login: string | undefined
}

type Greeting = 'STORED' | 'MN' | 'VERSION'

interface Batch {
  readonly verb: Verb
  readonly count: number
  readonly replies: Reply[]
  readonly resolve: (replies: Reply[]) => void
  readonly reject: (error: Error) => void
}

/** The valid reply lines of each command, besides `SERVER_ERROR`. */
const LINES: Readonly<Record<Verb, ReadonlySet<string>>> = {
  mg: new Set(['EN']),
  ms: new Set(['HD', 'NS', 'EX', 'NF']),
  md: new Set(['HD', 'NF', 'EX']),
}
/** Bytes of a large value that count as progress. */
const PROGRESS = 16_384
/** A timer later than this indicates that the process was busy. */
const PAUSE_MS = 20
/** Handled batches are released in groups of this size. */
const LOT = 1024
/** The first version with the current meta protocol. */
const LEAST = [1, 6, 10] as const

export class Connection {
  readonly #socket: Socket
  readonly #settings: ConnectionSettings
  readonly #onReady: () => void
  readonly #onEnd: (error: Error) => void
  readonly #replies = new Replies((reply) => this.#take(reply))
  #state: 'greeting' | 'ready' | 'ended' = 'greeting'
  /** The expected replies to the greeting, in order. */
  #expected: readonly Greeting[]
  #batches: Batch[] = []
  #handled = 0
  #out: (string | Buffer)[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Monotonic time when no reply was last pending, or progress was last made. */
  #heardAt = performance.now()
  #partial = 0
  #whenIdle: (() => void) | undefined

  /** `onEnd` is called once, before pending commands reject. */
  constructor(socket: Socket, settings: ConnectionSettings, onReady: () => void, onEnd: (error: Error) => void) {
    this.#socket = socket
    this.#settings = settings
    this.#expected = settings.login === undefined ? ['MN', 'VERSION'] : ['STORED', 'MN', 'VERSION']
    this.#onReady = onReady
    this.#onEnd = onEnd
    socket.setNoDelay(true)
    // An idle connection does not keep the process alive; the deadline timer does while a reply is pending.
    socket.unref()
    socket.on('data', (bytes: Buffer) => this.#hear(bytes))
    socket.on('error', (error) => this.fail(error))
    socket.on('close', () => this.fail(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' })))
    socket.write(greeting(settings.login))
    this.#watch(settings.connectMs)
  }

  /** One reply per command, in order. Commands of one event-loop turn are sent together. */
  send(commands: string | Buffer, count: number, verb: Verb): Promise<Reply[]> {
    return new Promise((resolve, reject) => {
      if (this.#isIdle) this.#timer?.ref?.()
      this.#batches.push({ verb, count, replies: [], resolve, reject })
      if (this.#state === 'ready') {
        if (this.#out.length === 0) nextTick(() => this.#flush())
        if (this.#timer === undefined) this.#watch(this.#settings.commandMs)
      }
      this.#out.push(commands)
    })
  }

  /** Rejects all pending commands and ends the connection. */
  fail(error: Error): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    clearTimeout(this.#timer)
    this.#socket.destroy()
    this.#out = []
    this.#onEnd(error)
    for (const batch of this.#batches.slice(this.#handled)) batch.reject(error)
    this.#batches = []
    this.#handled = 0
    this.#whenIdle?.()
  }

  /** Waits for pending commands, which have their deadline. */
  async close(): Promise<void> {
    if (this.#state !== 'ended' && !this.#isIdle)
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    this.fail(new Error('the connection was closed by this process'))
  }

  #flush(): void {
    if (this.#state !== 'ready') return
    const out = this.#out
    this.#out = []
    // No reply was pending until now: each batch is one piece.
    if (this.#batches.length - this.#handled === out.length) this.#heardAt = performance.now()
    const [first] = out
    if (out.length === 1 && first !== undefined) this.#write(first)
    else if (out.every((commands) => typeof commands === 'string')) this.#write(out.join(''))
    else {
      this.#socket.cork()
      for (const commands of out) this.#write(commands)
      this.#socket.uncork()
    }
  }

  #write(commands: string | Buffer): void {
    if (typeof commands === 'string') this.#socket.write(commands, 'latin1')
    else this.#socket.write(commands)
  }

  #hear(bytes: Buffer): void {
    if (this.#state === 'ended') return
    const { partial } = this.#replies
    try {
      this.#replies.push(bytes)
    } catch (error) {
      this.fail(
        new Error(`its answer does not follow the meta protocol: ${isError(error) ? error.message : String(error)}`),
      )
      return
    }
    // A few bytes of a large value are not progress: a server must not hold a caller by dripping bytes.
    this.#partial += Math.max(0, partial - this.#replies.partial)
    if (this.#partial >= PROGRESS) {
      this.#partial = 0
      this.#heardAt = performance.now()
    }
  }

  /** Throws for an invalid reply. */
  #take(reply: Reply): void {
    if (this.#state === 'greeting') {
      this.#greet(reply)
      return
    }
    const batch = this.#batches[this.#handled]
    if (batch === undefined) throw new Error('an unexpected answer')
    if (
      typeof reply === 'string'
        ? !LINES[batch.verb].has(reply) && !reply.startsWith('SERVER_ERROR')
        : batch.verb !== 'mg'
    )
      throw new Error(`${batch.verb} was answered with ${JSON.stringify(String(reply).slice(0, 80))}`)
    if (batch.replies.push(reply) < batch.count) return
    this.#heardAt = performance.now()
    this.#handled++
    if (this.#handled === this.#batches.length) {
      this.#batches.length = 0
      this.#handled = 0
      unheld(this.#timer)
      this.#whenIdle?.()
    } else if (this.#handled === LOT) {
      this.#batches.splice(0, LOT)
      this.#handled = 0
    }
    batch.resolve(batch.replies)
  }

  #greet(reply: Reply): void {
    const [expected, ...rest] = this.#expected
    const wrong = wrongIn(String(reply), expected)
    if (wrong !== undefined) {
      this.fail(new Error(wrong))
      return
    }
    this.#expected = rest
    if (rest.length > 0) return
    this.#state = 'ready'
    this.#heardAt = performance.now()
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#onReady()
    if (this.#batches.length > 0) {
      this.#watch(this.#settings.commandMs)
      this.#flush()
    }
  }

  /** No reply is pending. */
  get #isIdle(): boolean {
    return this.#batches.length === this.#handled
  }

  /**
   * After a pause of this process, timers run before sockets are read: replies may have arrived, so they are read
   * first. The timer is kept for the next batch; it keeps the process alive only while a reply is pending.
   */
  #watch(ms: number): void {
    const dueAt = performance.now() + ms
    this.#timer = setTimeout(() => setImmediate(() => this.#check(dueAt)), ms)
    if (this.#isIdle) unheld(this.#timer)
  }

  #check(dueAt: number): void {
    this.#timer = undefined
    if (this.#state === 'ended') return
    const lateMs = performance.now() - dueAt
    if (lateMs > PAUSE_MS) {
      // This process was paused, not the server.
      this.#watch(lateMs)
      return
    }
    if (this.#state === 'greeting') {
      this.fail(new Error(`no connection within ${this.#settings.connectMs} ms`))
      return
    }
    if (this.#isIdle) return
    const silentMs = performance.now() - this.#heardAt
    if (silentMs >= this.#settings.commandMs) this.fail(new Error(`no answer within ${this.#settings.commandMs} ms`))
    else this.#watch(Math.ceil(this.#settings.commandMs - silentMs))
  }
}

/** The peer closed an established connection: not a sign that it is unwell. */
export function isLost(error: unknown): boolean {
  return isError(error) && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

function greeting(login: string | undefined): string {
  const auth = login === undefined ? '' : `set auth 0 0 ${Buffer.byteLength(login)}\r\n${login}\r\n`
  return `${auth}mn\r\nversion\r\n`
}

/** Why the server cannot be used, if so: it must accept the login, support `mn`, and be recent enough. */
function wrongIn(answer: string, expected: Greeting | undefined): string | undefined {
  if (expected === 'STORED') return answer === 'STORED' ? undefined : 'the user name or password was rejected'
  if (/unauthenticated/i.test(answer)) return 'it requires a user name and a password'
  if (expected === 'MN') {
    const shown = JSON.stringify(answer.slice(0, 80))
    return answer === 'MN'
      ? undefined
      : `it does not support the meta protocol, available since Memcached ${LEAST.join('.')}: it answered ${shown}`
  }
  return isTooOld(answer)
    ? `it is ${answer.slice(8, 80)}: the meta protocol needs at least ${LEAST.join('.')}`
    : undefined
}

/** Takes the reply to `version`. A proxy may answer anything. */
export function isTooOld(answer: string): boolean {
  const version = /^VERSION (\d+)\.(\d+)\.(\d+)/.exec(answer)
  return version !== null && isBelow(version.slice(1).map(Number), LEAST)
}

function isBelow(version: readonly number[], least: readonly number[]): boolean {
  const at = version.findIndex((part, index) => part !== least[index])
  return at >= 0 && (version[at] ?? 0) < (least[at] ?? 0)
}
