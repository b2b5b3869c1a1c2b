// Connections that do not keep the process alive.
import { unheld } from '../core/unheld.ts'

/** The used part of an ioredis client. */
interface Connected {
  on(event: 'connect' | 'reconnecting', listener: () => void): unknown
  readonly stream: { unref(): unknown }
}

/**
 * An idle connection does not keep the process alive, nor does a pause between two attempts: pending calls are held by
 * their own deadline.
 */
export function letGo(client: Connected): void {
  client.on('connect', () => client.stream.unref())
  client.on('reconnecting', () => unheld(Reflect.get(client, 'reconnectTimeout')))
}
