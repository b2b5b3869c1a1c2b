// Which server holds a key in a cluster: the slot of a name, and the map of slots to masters.
//
// A slot is CRC16 (XMODEM) of the name modulo 16384, or of the part between its first `{` and the next `}` if that is
// not empty (Redis Cluster specification, "Key distribution model").

export const SLOTS = 16_384

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

export function slotOf(name: string): number {
  const bytes = Buffer.from(tagOf(name))
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] ?? 0)
  return crc % SLOTS
}

function tagOf(name: string): string {
  const start = name.indexOf('{')
  if (start < 0) return name
  const end = name.indexOf('}', start + 1)
  return end > start + 1 ? name.slice(start + 1, end) : name
}

/** Host and port as servers write them in redirections: the part after the last colon is the port. */
export type ServerName = string

export interface SlotMap {
  /** The master of each slot; undefined where no server serves it. */
  readonly owners: (ServerName | undefined)[]
  readonly masters: ReadonlySet<ServerName>
  readonly replicas: ReadonlySet<ServerName>
}

/**
 * Reads what CLUSTER SLOTS answered; `asked` is used for a server that does not know its own address. Undefined if it
 * serves no slot: the server does not belong to a cluster yet.
 */
export function readSlots(reply: unknown, asked: string): SlotMap | undefined {
  if (!Array.isArray(reply)) return undefined
  const owners: (ServerName | undefined)[] = new Array(SLOTS)
  const masters = new Set<ServerName>()
  const replicas = new Set<ServerName>()
  for (const range of reply) {
    if (!Array.isArray(range)) continue
    const [first, last, master, ...others]: unknown[] = range
    const owner = serverName(master, asked)
    if (owner === undefined) continue
    masters.add(owner)
    owners.fill(owner, Number(first), Number(last) + 1)
    for (const other of others) {
      const replica = serverName(other, asked)
      if (replica !== undefined) replicas.add(replica)
    }
  }
  return masters.size === 0 ? undefined : { owners, masters, replicas }
}

function serverName(server: unknown, asked: string): ServerName | undefined {
  if (!Array.isArray(server)) return undefined
  const [host, port]: unknown[] = server
  const name = host === null || host === undefined ? '' : String(host)
  return `${name === '' || name === '?' ? asked : name}:${Number(port)}`
}

export function addressOf(server: ServerName): { host: string; port: number } {
  const colon = server.lastIndexOf(':')
  return { host: server.slice(0, colon), port: Number(server.slice(colon + 1)) }
}

/** A server's answer to a command for a slot of another server. */
export interface Redirection {
  readonly kind: 'moved' | 'ask'
  readonly slot: number
  readonly server: ServerName
}

/** From `MOVED 3999 host:port` or `ASK 3999 host:port`; a redirection without a host means the asked server's own. */
export function redirectionOf(message: string, asked: string): Redirection | undefined {
  const found = /^(MOVED|ASK) (\d+) (\S*):(\d+)/.exec(message)
  if (found === null) return undefined
  const [, kind, slot, host, port] = found
  return {
    kind: kind === 'ASK' ? 'ask' : 'moved',
    slot: Number(slot),
    server: `${host === '' || host === '?' ? asked : host}:${port}`,
  }
}
