// A guard between ioredis and the server's answers: nothing that comes over a damaged stream, or from a proxy that is
// out of step, may end the process.
//
// ioredis (5.11 and 6.0) reads an answer to SUBSCRIBE, a message and an unrequested answer without a check: if one of
// them is null, it throws from a listener of its own, where the error cannot be caught. So every answer is given to us
// under the name of a command whose answers ioredis does not read. A connection for commands is left as soon as
// something unrequested comes, since what follows may be the answer to another command; and one that listens never
// enters ioredis's subscriber mode. A client without a visible queue, or with other things in it, is left alone, and
// its messages are taken as it emits them.
import { Duplex } from 'node:stream'
import type { RedisClient } from './client.ts'

/**
 * The most unrequested answers in one received chunk that are passed over. The client empties its queue in a loop of
 * its own, which must end.
 */
const MOST = 100_000

/** Takes a message of a channel; from a damaged stream, anything. */
export type Hear = (channel: unknown, text: unknown) => void

interface Item {
  readonly command: Command
}

interface Command {
  readonly name: string
  readonly args: readonly unknown[]
  resolve(answer: unknown): unknown
  reject(error: unknown): unknown
}

interface Queue {
  /** Anything, if the client is built differently. */
  shift(): unknown
  unshift(item: Item): unknown
}

/** What the client takes for the command that an unrequested answer belongs to. */
const UNREQUESTED: Item = { command: { name: 'unasked', args: [], resolve() {}, reject() {} } }

/** Puts the guard before a client's queue. With `hear` the client listens, and `hear` gets every message. */
export function guardReplies(client: RedisClient, hear?: Hear): void {
  // Never emitted behind the guard.
  if (hear !== undefined) client.on('messageBuffer', hear)
  const first: unknown = Reflect.get(client, 'commandQueue')
  if (!isQueue(first)) return
  /** How many more may be passed over; 0 while the client empties its queue by itself. */
  let passes = 0
  let hasLeft = false
  const leave = (): void => {
    if (hasLeft) return
    hasLeft = true
    client.disconnect(true)
  }
  const listener = hear === undefined ? undefined : new Listener(hear, leave)
  const guarded = (queue: unknown): unknown => {
    if (!isQueue(queue)) return queue
    const shift = queue.shift.bind(queue)
    queue.shift = () => {
      const asked = shift()
      if (passes === 0) return asked
      if (asked !== undefined) return listener === undefined || !isItem(asked) ? asked : listener.answerTo(asked, queue)
      passes -= 1
      if (listener !== undefined) return listener.answerTo(undefined, queue)
      leave()
      return UNREQUESTED
    }
    return queue
  }
  let queue = guarded(first)
  Object.defineProperty(client, 'commandQueue', {
    configurable: true,
    enumerable: true,
    get: () => queue,
    set: (next: unknown) => {
      queue = guarded(next)
    },
  })
  client.on('connect', () => {
    hasLeft = false
    // Before and after the client's own listener: only received data can contain an unrequested answer.
    const stream: unknown = client.stream
    if (!(stream instanceof Duplex)) return
    stream.prependListener('data', () => {
      passes = MOST
    })
    stream.on('data', () => {
      passes = 0
    })
  })
}

/**
 * Reads what comes over a subscribed connection: messages, one answer for each channel named, and answers to earlier
 * commands.
 */
class Listener {
  readonly #hear: Hear
  readonly #leave: () => void
  /** Answers that are still to come. */
  readonly #left = new WeakMap<Command, number>()

  constructor(hear: Hear, leave: () => void) {
    this.#hear = hear
    this.#leave = leave
  }

  /** Takes the next answer in place of the client. `asked`: the command that it answers, unless it is a message. */
  answerTo(asked: Item | undefined, queue: Queue): Item {
    const resolve = (answer: unknown): void => this.#take(answer, asked, queue)
    const reject = (error: unknown): void => {
      if (asked === undefined) this.#leave()
      else asked.command.reject(error)
    }
    return { command: { name: 'heard', args: [], resolve, reject } }
  }

  #take(answer: unknown, asked: Item | undefined, queue: Queue): void {
    const [kind, channel, text] = Array.isArray(answer) ? answer : []
    const said = kind instanceof Uint8Array || typeof kind === 'string' ? String(kind) : undefined
    if (said === 'message') {
      if (asked !== undefined) queue.unshift(asked)
      this.#hear(channel, text)
    } else if (said === 'subscribe' || said === 'unsubscribe') {
      if (asked !== undefined) this.#count(asked, queue)
    } else if (asked === undefined || /^(un)?subscribe$/i.test(asked.command.name)) {
      // Its caller is told that the connection has ended.
      if (asked !== undefined) queue.unshift(asked)
      this.#leave()
    } else asked.command.resolve(answer)
  }

  #count(asked: Item, queue: Queue): void {
    const { command } = asked
    const left = (this.#left.get(command) ?? command.args.length) - 1
    this.#left.set(command, left)
    if (left > 0) queue.unshift(asked)
    else command.resolve(0)
  }
}

function isItem(value: unknown): value is Item {
  if (typeof value !== 'object' || value === null || !('command' in value)) return false
  const { command } = value
  return (
    typeof command === 'object' &&
    command !== null &&
    'name' in command &&
    typeof command.name === 'string' &&
    'args' in command &&
    Array.isArray(command.args) &&
    'resolve' in command &&
    typeof command.resolve === 'function' &&
    'reject' in command &&
    typeof command.reject === 'function'
  )
}

function isQueue(value: unknown): value is Queue {
  return (
    typeof value === 'object' &&
    value !== null &&
    'shift' in value &&
    typeof value.shift === 'function' &&
    'unshift' in value &&
    typeof value.unshift === 'function'
  )
}
