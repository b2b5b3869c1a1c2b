// The connections to a Redis Cluster: one `NodeConnection` for each master, so that each knows its server's run id, and
// a map of the slots.
//
// Nothing is ever sent twice of our own accord. A command goes to another server only if the first one did nothing but
// name it (MOVED, ASK) or did nothing at all (TRYAGAIN): a ledger step that may have been carried out must not be
// repeated, least of all by a promoted replica with the run id of its predecessor. While a master is down its slots
// fail at once, and the other servers are asked for the map until a server serves them again.

import { type ErrorCode, isError, MillpondError } from '../../core/errors.ts'
import type { RedisClient, RedisClientClass } from './client.ts'
import { ClusterNodes } from './cluster-nodes.ts'
import { type Connection, closed, failed, messageOf, type Wake, type Wire } from './connection.ts'
import { createClient } from './connection-client.ts'
import type { NodeConnection } from './connection-node.ts'
import { Deadlines } from './deadlines.ts'
import { Followers } from './followers.ts'
import type { Hear } from './guard-replies.ts'
import { AskingWire, byServer, type KeyCommand, linesFor, type Place, runOne } from './key-commands.ts'
import type { RedisSettings } from './options.ts'
import { addressOf, redirectionOf, type ServerName, slotOf } from './slots.ts'

const MAX_REDIRECTIONS = 16
/** Pause before a command is repeated whose keys are moving between two servers. */
const TRY_AGAIN_MS = 20

export class ClusterConnection implements Connection {
  readonly #settings: RedisSettings
  readonly #Client: RedisClientClass
  readonly #nodes: ClusterNodes
  readonly #deadlines: Deadlines
  readonly #followers: Followers
  #turn = 0
  #heardFrom: ServerName | undefined
  #closed = false

  /** Connects with the first exchange, not before. */
  constructor(settings: RedisSettings, client: RedisClientClass) {
    this.#settings = settings
    this.#Client = client
    this.#deadlines = new Deadlines(settings.commandMs)
    this.#followers = new Followers((hear) => this.#listener(hear))
    this.#nodes = new ClusterNodes(settings, client, ({ masters }) => {
      if (this.#heardFrom !== undefined && !masters.has(this.#heardFrom)) this.#followers.reconnect()
    })
  }

  exchange<T>(what: string, code: ErrorCode, talk: (wire: Wire) => Promise<T>, key = ''): Promise<T> {
    return this.#within(what, code, async (isOver) => {
      const wait = this.#nodes.ready()
      if (wait !== undefined) await wait
      let server = this.#nodes.ownerOf(slotOf(key))
      let asking = false
      for (let tries = 0; ; tries++) {
        const isAsking = asking
        try {
          return await this.#nodes.node(server).exchange(what, code, (wire) => {
            inTime(isOver)
            return talk(isAsking ? new AskingWire(wire) : wire)
          })
        } catch (error) {
          const move = redirectionOf(messageOf(error), addressOf(server).host)
          const isBusy = messageOf(error).startsWith('TRYAGAIN')
          if (isOver() || tries >= MAX_REDIRECTIONS || (move === undefined && !isBusy)) {
            this.#nodes.trouble()
            throw this.#asOwn(what, code, error)
          }
          if (move === undefined) await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS))
          else {
            this.#nodes.follow(move)
            server = move.server
            asking = move.kind === 'ask'
          }
          if (isOver()) throw error
        }
      }
    })
  }

  /**
   * Sends each command to its server, one pipeline per server, in parallel. Returns answers in the order of the
   * commands, with a `MillpondError` for each that a server did not answer; rejects if none did.
   */
  async each(what: string, code: ErrorCode, commands: readonly KeyCommand[]): Promise<unknown[]> {
    const answers: unknown[] = new Array(commands.length).fill(undefined)
    if (this.#closed) throw closed(what)
    const [first] = commands
    if (first === undefined) return answers
    if (commands.length === 1) return [await this.exchange(what, code, (wire) => runOne(wire, first), first.key)]
    const open = new Set(commands.keys())
    let expired: MillpondError | undefined
    try {
      await this.#within(what, code, (isOver) => this.#send(what, code, commands, answers, open, isOver))
    } catch (error) {
      if (!(error instanceof MillpondError)) throw error
      expired = error
    }
    for (const index of open) answers[index] = expired ?? failed(code, what, new Error('redirected too many times'))
    if (answers.every((answer) => answer instanceof MillpondError)) throw answers[0]
    // A copy: late answers must not change what was returned.
    return [...answers]
  }

  /** A connection to each master. */
  async masters(what: string, code: ErrorCode): Promise<readonly NodeConnection[]> {
    return this.#within(what, code, async () => {
      await this.#nodes.ready()
      return this.#nodes.servers.map((server) => this.#nodes.node(server))
    })
  }

  subscribe(channel: string, wake: Wake): () => void {
    return this.#closed ? () => {} : this.#followers.add(channel, wake)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#followers.close()
    await this.#deadlines.idle()
    await this.#nodes.close()
  }

  async #send(
    what: string,
    code: ErrorCode,
    commands: readonly KeyCommand[],
    answers: unknown[],
    open: Set<number>,
    isOver: () => boolean,
  ): Promise<void> {
    await this.#nodes.ready()
    let places = new Map<number, Place>()
    for (const [index, { key }] of commands.entries()) {
      try {
        places.set(index, { server: this.#nodes.ownerOf(slotOf(key)), isAsking: false, isKnown: true })
      } catch (error) {
        this.#settle(answers, open, index, failed(code, what, error))
      }
    }
    for (let tries = 0; places.size > 0 && tries <= MAX_REDIRECTIONS && !isOver(); tries++) {
      const again = new Map<number, Place>()
      await Promise.all(
        [...byServer(places)].map(async ([server, indexes]) => {
          const batch = indexes.flatMap((index) => linesFor(commands[index], places.get(index)))
          let replies: unknown[]
          try {
            const all = await this.#nodes.node(server).exchange(what, code, (wire) => {
              inTime(isOver)
              return wire.settleAll(batch)
            })
            replies = all.filter((_, at) => batch[at]?.[0] !== 'ASKING')
          } catch (error) {
            this.#nodes.trouble()
            for (const index of indexes) this.#settle(answers, open, index, this.#asOwn(what, code, error))
            return
          }
          for (const [at, index] of indexes.entries()) {
            const next = this.#judge(replies[at], places.get(index), commands[index])
            if (next !== undefined) again.set(index, next)
            else
              this.#settle(answers, open, index, isError(replies[at]) ? failed(code, what, replies[at]) : replies[at])
          }
        }),
      )
      places = again
    }
  }

  #settle(answers: unknown[], open: Set<number>, index: number, answer: unknown): void {
    answers[index] = answer
    open.delete(index)
  }

  /** Where the command must be sent instead, or undefined if this is its answer. */
  #judge(reply: unknown, place: Place | undefined, command: KeyCommand | undefined): Place | undefined {
    if (!isError(reply) || place === undefined) return undefined
    if (reply.message.startsWith('NOSCRIPT') && place.isKnown && command?.otherwise !== undefined)
      return { ...place, isKnown: false }
    const move = redirectionOf(reply.message, addressOf(place.server).host)
    if (move === undefined) {
      if (/^(CLUSTERDOWN|READONLY|MASTERDOWN)/.test(reply.message)) this.#nodes.trouble()
      return undefined
    }
    this.#nodes.follow(move)
    return { server: move.server, isAsking: move.kind === 'ask', isKnown: place.isKnown }
  }

  #within<T>(what: string, code: ErrorCode, work: (isOver: () => boolean) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closed(what))
    return new Promise((resolve, reject) => {
      let over = false
      const deadline = this.#deadlines.begin(() => {
        over = true
        this.#nodes.trouble()
        reject(failed(code, what, new Error(`no answer within ${this.#settings.commandMs} ms`)))
      })
      work(() => over)
        .finally(() => this.#deadlines.end(deadline))
        .then(resolve, (error: unknown) => reject(error instanceof MillpondError ? error : failed(code, what, error)))
    })
  }

  /** The connection to a server that left the cluster was closed, but the tier was not. */
  #asOwn(what: string, code: ErrorCode, error: unknown): unknown {
    const isLeft = error instanceof MillpondError && error.code === 'CLOSED' && !this.#closed
    return isLeft ? failed(code, what, new Error('the server left the cluster')) : error
  }

  /** Every server passes on messages published on another; each attempt tries the next server. */
  #listener(hear: Hear): RedisClient {
    const { servers } = this.#nodes
    const server = servers[this.#turn++ % servers.length] ?? ''
    this.#heardFrom = server
    const address = { ...this.#settings.address, ...addressOf(server) }
    return createClient({ ...this.#settings, address }, this.#Client, () => null, hear)
  }
}

/** A command whose caller has been told that it failed is not sent. */
function inTime(isOver: () => boolean): void {
  if (isOver()) throw new Error('the connection took too long')
}
