// A client of the library, configured to do nothing of its own accord.
import { letGo } from '../../wrap/let-go.ts'
import type { RedisClient, RedisClientClass, RedisClientOptions } from './client.ts'
import { guardReplies, type Hear } from './guard-replies.ts'
import type { Address, RedisSettings } from './options.ts'

/** Pause between attempts to connect, in milliseconds: grows from the first to the last. */
const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 2000
/** A group that is electing a new master is asked more often. */
const LAST_ELECTION_MS = 500
/** How long a closing connection waits for the other side to close, which a dead one never does. */
const DISCONNECT_MS = 100

/**
 * A client that connects on request and reconnects after `retry` milliseconds (`null`: never); it queues nothing and
 * sends nothing twice. The caller selects the database: the client would ignore a failing SELECT, and send the commands
 * to database 0. With `hear` the client listens for messages.
 */
export function createClient(
  settings: RedisSettings,
  Client: RedisClientClass,
  retry: () => number | null,
  hear?: Hear,
): RedisClient {
  const { address, template, connectMs, commandMs } = settings
  const options = {
    lazyConnect: true,
    db: 0,
    keyPrefix: '',
    protocol: 2,
    connectTimeout: connectMs,
    disconnectTimeout: DISCONNECT_MS,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableAutoPipelining: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    keepAlive: 10_000,
    retryStrategy: retry,
    role: 'master',
    sentinelCommandTimeout: commandMs,
    // If no sentinel answers, the client ends and we reconnect: its own pause would keep the process alive.
    sentinelRetryStrategy: () => null,
    // We have our own (`SentinelWatch`): the client's would write to the console.
    failoverDetector: false,
  } satisfies RedisClientOptions
  const client = template === undefined ? new Client({ ...address, ...options }) : template.duplicate(options)
  // Without a listener the client writes to the console.
  client.on('error', () => {})
  letGo(client)
  if (sentinelsOf(settings) !== undefined) leaveSentinelsSoon(client)
  guardReplies(client, hear)
  return client
}

/**
 * Chooses the database of a new connection. Not by the client's own `select`: ioredis would remember the number, also
 * one that the server has refused, and send it by itself on the next connection, where nobody handles the rejection.
 */
export const select = (client: RedisClient, db: number): Promise<unknown> => client.callBuffer('SELECT', [db])

/**
 * The client asks sentinels over connections that take none of our options, and keeps the process alive for two seconds
 * after each: longer than the pause until it asks again, so that the process would never end while no sentinel answers.
 */
function leaveSentinelsSoon(client: RedisClient): void {
  const connector: unknown = Reflect.get(client, 'connector')
  if (typeof connector !== 'object' || connector === null) return
  const ask: unknown = Reflect.get(connector, 'connectToSentinel')
  if (typeof ask !== 'function') return
  Reflect.set(connector, 'connectToSentinel', (...args: unknown[]): object => {
    const asking = Reflect.apply(ask, connector, args)
    const own: unknown = Reflect.get(asking, 'connector')
    if (typeof own === 'object' && own !== null) Reflect.set(own, 'disconnectTimeout', DISCONNECT_MS)
    return asking
  })
}

export function retryDelay(attempts: number, isElection: boolean): number {
  const delay = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts, 10), isElection ? LAST_ELECTION_MS : LAST_RETRY_MS)
  return Math.round(delay * (0.75 + Math.random() / 2))
}

/** The options for connections to the sentinels, if the settings name any. */
export function sentinelsOf({ address, template }: RedisSettings): Address | undefined {
  if (address.sentinels !== undefined) return address
  const { sentinels, name, sentinelUsername, sentinelPassword, sentinelTLS } = template?.options ?? {}
  if (!sentinels || !name) return undefined
  return {
    sentinels: sentinels.map(({ host = '127.0.0.1', port = 26_379 }) => ({ host, port })),
    name,
    ...(sentinelUsername && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
    ...(sentinelTLS && { sentinelTLS }),
  }
}
