// Opens the write log of a collection on a Redis server: by a given client, or its own.
import { MillpondError } from '../../core/errors.ts'
import { isNotInstalled, loadPackage } from '../../core/packages.ts'
import type { WriteStreamOptions } from '../../engine/collection.ts'
import { letGo } from '../../wrap/let-go.ts'
import type { CollectionHost } from '../collection-host.ts'
import { RedisLog, type StreamClient } from './redis-log.ts'

const TIMEOUT_MS = 5000
/** The client's own two seconds would delay the exit of a process that has closed everything. */
const DISCONNECT_MS = 100

/** The used part of an ioredis client. */
interface OwnClient extends StreamClient {
  on(event: 'error' | 'connect' | 'reconnecting', listener: (error: unknown) => void): unknown
  disconnect(): void
  readonly stream: { unref(): unknown }
}

/** @throws MillpondError `OPTION_INVALID` if the package is missing, or keys are to be hidden. Connects later. */
export function openStream(
  options: WriteStreamOptions,
  collection: string,
  { clock, events, owner, hidesKeys }: CollectionHost,
): RedisLog {
  if (hidesKeys)
    throw new MillpondError(
      'OPTION_INVALID',
      `collection ${collection}: writeBehind.stream would reveal to the server the keys that codec: { keyNames } hides: use a journal, a local file`,
    )
  const { url, client, allowLossMs = 0, assumeDurable = false, replicas = 0 } = options
  const onError = (error: unknown): void =>
    events.emit('warning', { message: `collection ${collection}: the stream of its writes`, error })
  const own = client === undefined ? connect(url ?? '') : undefined
  const used = client ?? own
  if (used === undefined)
    throw new MillpondError('OPTION_INVALID', `collection ${collection}: writeBehind.stream: give a url or a client`)
  const end = own && (() => own.disconnect())
  return new RedisLog({
    client: used,
    name: owner,
    allowLossMs,
    assumeDurable,
    replicas,
    timeoutMs: TIMEOUT_MS,
    clock,
    onError,
    end,
  })
}

function connect(url: string): OwnClient {
  let found: unknown
  try {
    found = loadPackage('ioredis')
  } catch (cause) {
    if (!isNotInstalled(cause)) throw cause
    throw new MillpondError('OPTION_INVALID', 'writeBehind.stream.url needs the package ioredis: npm install ioredis', {
      cause,
    })
  }
  const Client = classOf(found)
  // Calls while it is not connected wait for the deadline of the step, and no longer.
  const client = new Client(url, { maxRetriesPerRequest: null, disconnectTimeout: DISCONNECT_MS })
  client.on('error', () => {}) // calls meanwhile report it
  letGo(client)
  return client
}

type ClientClass = new (url: string, options: { maxRetriesPerRequest: null; disconnectTimeout: number }) => OwnClient

function classOf(found: unknown): ClientClass {
  if (typeof found === 'function' && 'Redis' in found && typeof found.Redis === 'function')
    return found.Redis as ClientClass
  throw new MillpondError(
    'OPTION_INVALID',
    'writeBehind.stream.url: the package ioredis has no class Redis: use version 5 or 6',
  )
}
