// The connections to a Redis Cluster: one `NodeConnection` for each master, so that each knows its server's run id, and a map of the slots.
//
// Nothing is ever sent twice of our own accord. A command goes to another server only when the one that was asked did nothing but name
// it (MOVED, ASK) or did nothing at all (TRYAGAIN): a step of the ledger that may have been taken must not be taken again, least of
// all by a promoted replica with the run id of the server it came after. While a master is down its slots fail at once,
// and the other servers are asked for the map until somebody serves them again.
import type { Redis } from 'ioredis'
import { type ErrorCode, MillpondError } from '../../core/errors.ts'
import { type Argument, type Connection, closed, failed, type Wire } from './connection.ts'
import { createClient, retryDelay } from './connection-client.ts'
import { NodeConnection } from './connection-node.ts'
import { Deadlines } from './deadlines.ts'
import type { RedisSettings } from './options.ts'
import type { Script } from './scripts.ts'
import { addressOf, readSlots, redirectionOf, type ServerName, type SlotMap, slotOf } from './slots.ts'
import { Subscriptions } from './subscriptions.ts'

/** A command for the server that holds `key`. With a script it is that script on that key. */
export interface KeyCommand {
  readonly key: string
  readonly words: readonly [string, ...Argument[]]
  /** Sent instead of the words where the server does not know the script of EVALSHA. */
  readonly otherwise?: readonly [string, ...Argument[]]
}

/** The command that runs a script on one key. */
export function scriptCommand(script: Script, key: string, args: readonly Argument[]): KeyCommand {
  return { key, words: ['EVALSHA', script.sha, 1, key, ...args], otherwise: ['EVAL', script.text, 1, key, ...args] }
}

const MAX_REDIRECTIONS = 16
/** Keys in motion between two servers: asked again after so long. */
const TRY_AGAIN_MS = 20
/** How old the map may get while all is well, and how often it is asked for in trouble. */
const MAP_MS = 5000
const TROUBLE_MS = 100
/** Servers asked for the map at a time. */
const ASKED_AT_ONCE = 3

export class ClusterConnection implements Connection {
  readonly #settings: RedisSettings
  readonly #Client: typeof Redis
  readonly #seeds: readonly ServerName[]
  readonly #nodes = new Map<ServerName, NodeConnection>()
  readonly #deadlines: Deadlines
  readonly #subscriptions: Subscriptions
  #map: SlotMap | undefined
  /** Why there is no map; undefined before the first attempt has ended. */
  #down: unknown
  #asking: Promise<void> | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #turn = 0
  #heardFrom: ServerName | undefined
  #closed = false

  /** Connects with the first exchange, not before. */
  constructor(settings: RedisSettings, seeds: readonly { readonly host: string; readonly port: number }[], client: typeof Redis) {
    this.#settings = settings
    this.#Client = client
    this.#seeds = seeds.map(({ host, port }) => `${host}:${port}`)
    this.#deadlines = new Deadlines(settings.commandMs)
    this.#subscriptions = new Subscriptions(() => this.#listener())
  }

  exchange<T>(what: string, code: ErrorCode, talk: (wire: Wire) => Promise<T>, key = ''): Promise<T> {
    return this.#within(what, code, async (isOver) => {
      await this.#ready()
      let server = this.#ownerOf(slotOf(key))
      let asking = false
      for (let tries = 0; ; tries++) {
        const isAsking = asking
        try {
          return await this.#node(server).exchange(what, code, (wire) => talk(isAsking ? new AskingWire(wire) : wire))
        } catch (error) {
          const move = redirectionOf(messageOf(error), addressOf(server).host)
          const isBusy = messageOf(error).startsWith('TRYAGAIN')
          if (isOver() || tries >= MAX_REDIRECTIONS || (move === undefined && !isBusy)) {
            this.#trouble()
            throw this.#asOwn(what, code, error)
          }
          if (move === undefined) await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS))
          else {
            this.#follow(move)
            server = move.server
            asking = move.kind === 'ask'
          }
          if (isOver()) throw error
        }
      }
    })
  }

  /**
   * Sends each command to its server, one pipeline for each server, in parallel. Answers in the order of the commands, a `MillpondError` in the place of
   * what a server did not answer; rejects when none did.
   */
  async each(what: string, code: ErrorCode, commands: readonly KeyCommand[]): Promise<unknown[]> {
    const answers: unknown[] = new Array(commands.length).fill(undefined)
    if (commands.length === 0 && !this.#closed) return answers
    const open = new Set(commands.keys())
    let expired: MillpondError | undefined
    try {
      await this.#within(what, code, (isOver) => this.#send(what, code, commands, answers, open, isOver))
    } catch (error) {
      if (!(error instanceof MillpondError)) throw error
      expired = error
    }
    for (const index of open) answers[index] = expired ?? failed(code, what, new Error('sent from one server to the next too often'))
    const [first] = answers
    if (first instanceof MillpondError && answers.every((answer) => answer instanceof MillpondError)) throw first
    // What comes late changes nothing that was answered.
    return [...answers]
  }

  /** A connection to each master. */
  async masters(what: string, code: ErrorCode): Promise<readonly NodeConnection[]> {
    return this.#within(what, code, async () => {
      await this.#ready()
      return [...(this.#map?.masters ?? [])].map((server) => this.#node(server))
    })
  }

  subscribe(channel: string, wake: () => void): () => void {
    return this.#subscriptions.add(channel, wake)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#subscriptions.close()
    await this.#deadlines.idle()
    await Promise.all([...this.#nodes.values()].map((node) => node.close()))
  }

  async #send(
    what: string,
    code: ErrorCode,
    commands: readonly KeyCommand[],
    answers: unknown[],
    open: Set<number>,
    isOver: () => boolean,
  ): Promise<void> {
    await this.#ready()
    let places = new Map<number, Place>()
    for (const [index, { key }] of commands.entries()) {
      const server = this.#map?.owners[slotOf(key)]
      if (server !== undefined) places.set(index, { server, isAsking: false, isKnown: true })
      else this.#settle(answers, open, index, failed(code, what, new Error(`nobody serves the slot ${slotOf(key)}`)))
    }
    for (let tries = 0; places.size > 0 && tries <= MAX_REDIRECTIONS && !isOver(); tries++) {
      const again = new Map<number, Place>()
      await Promise.all(
        [...byServer(places)].map(async ([server, indexes]) => {
          const batch = indexes.flatMap((index) => linesOf(commands[index], places.get(index)))
          let replies: unknown[]
          try {
            const all = await this.#node(server).exchange(what, code, (wire) => wire.settleAll(batch))
            replies = all.filter((_, at) => batch[at]?.[0] !== 'ASKING')
          } catch (error) {
            this.#trouble()
            for (const index of indexes) this.#settle(answers, open, index, this.#asOwn(what, code, error))
            return
          }
          for (const [at, index] of indexes.entries()) {
            const next = this.#judge(replies[at], places.get(index), commands[index])
            if (next !== undefined) again.set(index, next)
            else this.#settle(answers, open, index, replies[at] instanceof Error ? failed(code, what, replies[at]) : replies[at])
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

  /** Where the command must go instead, or undefined when this is its answer. */
  #judge(reply: unknown, place: Place | undefined, command: KeyCommand | undefined): Place | undefined {
    if (!(reply instanceof Error) || place === undefined) return undefined
    if (reply.message.startsWith('NOSCRIPT') && place.isKnown && command?.otherwise !== undefined) return { ...place, isKnown: false }
    const move = redirectionOf(reply.message, addressOf(place.server).host)
    if (move === undefined) {
      if (/^(CLUSTERDOWN|READONLY|MASTERDOWN)/.test(reply.message)) this.#trouble()
      return undefined
    }
    this.#follow(move)
    return { server: move.server, isAsking: move.kind === 'ask', isKnown: place.isKnown }
  }

  #within<T>(what: string, code: ErrorCode, work: (isOver: () => boolean) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closed(what))
    return new Promise((resolve, reject) => {
      let over = false
      const deadline = this.#deadlines.begin(() => {
        over = true
        this.#trouble()
        reject(failed(code, what, new Error(`no answer within ${this.#settings.commandMs} ms`)))
      })
      work(() => over)
        .finally(() => this.#deadlines.end(deadline))
        .then(resolve, (error: unknown) => reject(error instanceof MillpondError ? error : failed(code, what, error)))
    })
  }

  #node(server: ServerName): NodeConnection {
    const known = this.#nodes.get(server)
    if (known !== undefined) return known
    if (this.#closed) throw closed('connect')
    const { address } = this.#settings
    const node = new NodeConnection({ ...this.#settings, address: { ...address, ...addressOf(server) } }, this.#Client)
    this.#nodes.set(server, node)
    return node
  }

  /** The first map is waited for; later ones are not. */
  async #ready(): Promise<void> {
    if (this.#map === undefined) {
      const asked = this.#refresh()
      if (this.#down !== undefined) throw this.#down
      await asked
      if (this.#map === undefined) throw this.#down ?? new Error('no server of the list answered')
    } else if (performance.now() - this.#askedAt > MAP_MS) void this.#refresh()
  }

  #ownerOf(slot: number): ServerName {
    const server = this.#map?.owners[slot]
    if (server !== undefined) return server
    this.#trouble()
    throw new Error(`nobody serves the slot ${slot}`)
  }

  /** A server that left the cluster was closed, the tier was not. */
  #asOwn(what: string, code: ErrorCode, error: unknown): unknown {
    const isLeft = error instanceof MillpondError && error.code === 'CLOSED' && !this.#closed
    return isLeft ? failed(code, what, new Error('the server left the cluster')) : error
  }

  #follow({ kind, slot, server }: { readonly kind: 'moved' | 'ask'; readonly slot: number; readonly server: ServerName }): void {
    if (kind === 'ask') return
    if (this.#map !== undefined) this.#map.owners[slot] = server
    this.#trouble()
  }

  #trouble(): void {
    void this.#refresh()
  }

  #refresh(): Promise<void> {
    if (this.#closed || performance.now() - this.#askedAt < TROUBLE_MS) return this.#asking ?? Promise.resolve()
    if (this.#asking !== undefined) return this.#asking
    this.#askedAt = performance.now()
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Those that are up first, each time another of them; a few at a time, and the first answer counts. */
  async #ask(): Promise<void> {
    const known = [...new Set([...(this.#map?.masters ?? []), ...this.#seeds, ...(this.#map?.replicas ?? [])])]
    const up = rotated(
      known.filter((server) => this.#nodes.get(server)?.isUp),
      this.#turn++,
    )
    const others = known.filter((server) => !up.includes(server))
    const order = [...up, ...others]
    let why: unknown
    for (let at = 0; at < order.length && !this.#closed; at += ASKED_AT_ONCE) {
      try {
        this.#adopt(await Promise.any(order.slice(at, at + ASKED_AT_ONCE).map((server) => this.#askOne(server))))
        return
      } catch (error) {
        why = reasonOf(error instanceof AggregateError ? error.errors[0] : error)
      }
    }
    this.#down = why ?? new Error('no server of the list answered')
  }

  async #askOne(server: ServerName): Promise<SlotMap> {
    const reply = await this.#node(server).exchange('read the slots', 'TIER_FAILED', (wire) => wire.call('CLUSTER', ['SLOTS']))
    const map = readSlots(reply, addressOf(server).host)
    if (map === undefined)
      throw failed('TIER_FAILED', 'read the slots', new Error(`${server} serves no slots: it belongs to no cluster yet`))
    return map
  }

  #adopt(map: SlotMap): void {
    this.#map = map
    this.#down = undefined
    for (const [server, node] of this.#nodes) {
      if (map.masters.has(server)) continue
      this.#nodes.delete(server)
      void node.close()
    }
    if (this.#heardFrom !== undefined && !map.masters.has(this.#heardFrom)) this.#subscriptions.reconnect()
  }

  /** Any server passes on what is published on another; each attempt tries the next. */
  #listener(): Redis {
    const servers = [...(this.#map?.masters ?? this.#seeds)]
    const server = servers[this.#turn++ % servers.length] ?? ''
    this.#heardFrom = server
    const client = createClient(
      { ...this.#settings, address: { ...this.#settings.address, ...addressOf(server) } },
      this.#Client,
      () => null,
    )
    client.on('end', () => {
      if (!this.#closed) setTimeout(() => this.#subscriptions.replace(client), retryDelay(2, true)).unref()
    })
    return client
  }
}

interface Place {
  readonly server: ServerName
  readonly isAsking: boolean
  readonly isKnown: boolean
}

function byServer(places: ReadonlyMap<number, Place>): Map<ServerName, number[]> {
  const groups = new Map<ServerName, number[]>()
  for (const index of [...places.keys()].sort((a, b) => a - b)) {
    const server = places.get(index)?.server ?? ''
    const group = groups.get(server)
    if (group !== undefined) group.push(index)
    else groups.set(server, [index])
  }
  return groups
}

function linesOf(command: KeyCommand | undefined, place: Place | undefined): (readonly [string, ...Argument[]])[] {
  if (command === undefined) return []
  const words = place?.isKnown === false ? (command.otherwise ?? command.words) : command.words
  return place?.isAsking ? [['ASKING'], words] : [words]
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

/** What the server or the socket itself said. */
function messageOf(error: unknown): string {
  const cause = reasonOf(error)
  return cause instanceof Error ? cause.message : ''
}

function reasonOf(error: unknown): unknown {
  return error instanceof MillpondError ? (error.cause ?? new Error(error.message)) : error
}

/** Says before each command that the server may serve a slot that is only on its way to it. */
class AskingWire implements Wire {
  readonly serverId: string
  readonly #wire: Wire

  constructor(wire: Wire) {
    this.serverId = wire.serverId
    this.#wire = wire
  }

  async call(command: string, args: Argument[]): Promise<unknown> {
    const [answer] = await this.callAll([[command, ...args]])
    return answer
  }

  async callAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]> {
    const answers = await this.settleAll(commands)
    for (const answer of answers) if (answer instanceof Error) throw answer
    return answers
  }

  async settleAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]> {
    const answers = await this.#wire.settleAll(commands.flatMap((command): (readonly [string, ...Argument[]])[] => [['ASKING'], command]))
    return answers.filter((_, at) => at % 2 === 1)
  }
}
