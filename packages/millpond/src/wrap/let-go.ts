// Connections that keep no process alive.
import { unheld } from '../core/unheld.ts'

/** What of a client as ioredis makes it is concerned. */
interface Connected {
  on(event: 'connect' | 'reconnecting', listener: () => void): unknown
  readonly stream: { unref(): unknown }
}

/**
 * An idle connection keeps no process alive, nor does a pause between two attempts: what somebody waits for is held by
 * its own deadline.
 */
export function letGo(client: Connected): void {
  client.on('connect', () => client.stream.unref())
  client.on('reconnecting', () => unheld(Reflect.get(client, 'reconnectTimeout')))
}
