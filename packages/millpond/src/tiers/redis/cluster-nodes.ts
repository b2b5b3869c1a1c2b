// The servers of a cluster: a connection to each master, and the slot map, which is requested again when it is old or
// seems wrong.
import type { RedisClientClass } from './client.ts'
import { closed, failed, reasonOf } from './connection.ts'
import { NodeConnection } from './connection-node.ts'
import type { RedisSettings } from './options.ts'
import { addressOf, type Redirection, readSlots, type ServerName, type SlotMap } from './slots.ts'

/** The maximum age of the map in normal operation, and the pause between requests for it in trouble. */
const MAP_MS = 5000
const TROUBLE_MS = 100
/** Servers asked for the map at a time. */
const ASKED_AT_ONCE = 3

export class ClusterNodes {
  readonly #settings: RedisSettings
  readonly #Client: RedisClientClass
  readonly #seeds: readonly ServerName[]
  readonly #adopted: (map: SlotMap) => void
  readonly #nodes = new Map<ServerName, NodeConnection>()
  #map: SlotMap | undefined
  /** Why there is no map; undefined before the first attempt has ended. */
  #down: unknown
  #asking: Promise<void> | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #turn = 0
  #closed = false

  /** Connects with the first call, not before. `adopted` gets each new map. */
  constructor(settings: RedisSettings, client: RedisClientClass, adopted: (map: SlotMap) => void) {
    this.#settings = settings
    this.#Client = client
    this.#adopted = adopted
    this.#seeds = (settings.cluster ?? []).map(({ host, port }) => `${host}:${port}`)
  }

  /** The masters, or where to ask for them. */
  get servers(): readonly ServerName[] {
    return this.#map === undefined ? this.#seeds : [...this.#map.masters]
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#nodes.values()].map((node) => node.close()))
  }

  /** @throws MillpondError `CLOSED`. */
  node(server: ServerName): NodeConnection {
    const known = this.#nodes.get(server)
    if (known !== undefined) return known
    if (this.#closed) throw closed('connect')
    const { address } = this.#settings
    const node = new NodeConnection({ ...this.#settings, address: { ...address, ...addressOf(server) } }, this.#Client)
    this.#nodes.set(server, node)
    return node
  }

  /** Waits for the first map; undefined afterwards, since later maps are not waited for. */
  ready(): Promise<void> | undefined {
    if (this.#map === undefined) return this.#firstMap()
    if (performance.now() - this.#askedAt > MAP_MS) void this.#refresh()
    return undefined
  }

  async #firstMap(): Promise<void> {
    const asked = this.#refresh()
    if (this.#down !== undefined) throw this.#down
    await asked
    if (this.#map === undefined) throw this.#down ?? new Error('no server of the list answered')
  }

  /** @throws Error if no server serves the slot. */
  ownerOf(slot: number): ServerName {
    const server = this.#map?.owners[slot]
    if (server !== undefined) return server
    this.trouble()
    throw new Error(`no server serves the slot ${slot}`)
  }

  /** A server named the owner of the slot: noted, if the move is permanent (MOVED). */
  follow({ kind, slot, server }: Redirection): void {
    if (kind === 'ask') return
    if (this.#map !== undefined) this.#map.owners[slot] = server
    this.trouble()
  }

  /** A failure that a newer map may explain. */
  trouble(): void {
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

  /** Asks a few servers at a time, those that are up first and others each time; the first answer counts. */
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
    const reply = await this.node(server).exchange('read the slots', 'TIER_FAILED', (wire) =>
      wire.call('CLUSTER', ['SLOTS']),
    )
    const map = readSlots(reply, addressOf(server).host)
    if (map === undefined)
      throw failed(
        'TIER_FAILED',
        'read the slots',
        new Error(`${server} serves no slots: it is not part of a cluster yet`),
      )
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
    this.#adopted(map)
  }
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}
