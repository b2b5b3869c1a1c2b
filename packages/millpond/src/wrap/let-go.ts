// Connections that keep no process alive.

/** What of a client as ioredis makes it is concerned. */
interface Connected {
  on(event: 'connect' | 'reconnecting', listener: () => void): unknown
  readonly stream: { unref(): unknown }
}

/** An idle connection keeps no process alive, nor does a pause between two attempts: what somebody waits for is held by its own deadline. */
export function letGo(client: Connected): void {
  client.on('connect', () => client.stream.unref())
  client.on('reconnecting', () => {
    const timer: unknown = Reflect.get(client, 'reconnectTimeout')
    if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function') timer.unref()
  })
}
