// Lists the names in a server, step by step.
import type { Connection } from './connection.ts'

const SCAN_STEP = '1000'

/** By SCAN, which never blocks the server; a name that exists throughout is returned at least once, perhaps twice. */
export async function* scanNames(server: Connection, what: string, match: string): AsyncGenerator<Buffer[]> {
  let cursor = '0'
  do {
    const from = cursor
    const reply = await server.exchange(what, 'TIER_FAILED', (wire) =>
      wire.call('SCAN', [from, 'MATCH', match, 'COUNT', SCAN_STEP]),
    )
    if (!Array.isArray(reply)) throw new TypeError('SCAN answered no list')
    cursor = String(reply[0])
    const names: unknown = reply[1]
    if (Array.isArray(names) && names.length > 0) yield names.filter((name) => Buffer.isBuffer(name))
  } while (cursor !== '0')
}
