// Key rings from a file, the environment, or a key service that unwraps them.
import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { checkedElsewhere, checkOptions, duration, required, type Shape, text, withMethods } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, reasonOf, show } from '../core/errors.ts'
import { inTime } from './in-time.ts'
import { invalid } from './key-bytes.ts'
import { idOf, type KeyringOptions, keyring, type LiveKeyring } from './keyring.ts'

/** Unix permission bits of group and others. */
const NOT_MINE = 0o077

/** A ring from a file. */
export interface FileKeyring extends LiveKeyring {
  /**
   * Reads the file again, for example on a signal. If anything is wrong, nothing changes.
   * @throws MillpondError as `fileKeyring` does.
   */
  reload(): void
}

/**
 * A ring from a file that only its owner may read (mode 600 or 400): `{ "current": "k2", "keys": [{ "id": "k1", "key":
 * "<base64>" }, …] }`, optionally with `"next": { "id", "activeFrom" }`.
 * @throws MillpondError `KEYRING_INVALID` for a file that others may read, that is not JSON, or that is not a valid
 * ring; `KEYRING_UNREACHABLE` if the file does not exist.
 */
export function fileKeyring(path: string): FileKeyring {
  const ring = keyring(readKeyFile(path))
  return Object.assign(ring, { reload: () => ring.replace(readKeyFile(path)) })
}

function readKeyFile(path: string): KeyringOptions {
  const source = `the key file ${show(path)}`
  const parsed = parseKeys(readOwn(path, source), source)
  if (typeof parsed !== 'object' || parsed === null || !('keys' in parsed) || !Array.isArray(parsed.keys))
    throw invalid('it is not { "current", "keys": [{ "id", "key" }] }', source)
  const keys = parsed.keys.map((one: unknown): [string, string] => {
    if (typeof one === 'object' && one !== null && 'id' in one && 'key' in one) return [String(one.id), String(one.key)]
    throw invalid('one of its keys is not { "id", "key" }', source)
  })
  return {
    current: 'current' in parsed ? String(parsed.current) : '',
    keys,
    ...('next' in parsed && { next: nextOf(parsed.next, source) }),
  }
}

function nextOf(next: unknown, source: string): NonNullable<KeyringOptions['next']> {
  if (typeof next === 'object' && next !== null && 'id' in next && 'activeFrom' in next)
    return {
      id: String(next.id),
      activeFrom: typeof next.activeFrom === 'number' ? next.activeFrom : String(next.activeFrom),
    }
  throw invalid('its next key is not { "id", "activeFrom" }', source)
}

/** Checks the permissions of the opened file, since the path may have been replaced. */
function readOwn(path: string, source: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new MillpondError('KEYRING_UNREACHABLE', `${source} cannot be read: ${reasonOf(cause)}`, { cause })
  }
  try {
    const { mode } = fstatSync(file)
    if (process.platform !== 'win32' && (mode & NOT_MINE) !== 0)
      throw invalid(`other users may read or change it (mode ${(mode & 0o777).toString(8)}): chmod 600`, source)
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

/** The parser's own message would quote the text. */
function parseKeys(text: string, source: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('it is not JSON', source)
  }
}

/**
 * A ring from an environment variable: `k2:<key>,k1:<key>`, the first one current; or a single key, whose id is derived
 * from it. Keys as base64 or hexadecimal.
 * @param name Default `CACHE_ENCRYPTION_KEY`.
 * @throws MillpondError `KEYRING_INVALID` if it is not set, or not a valid ring.
 */
export function environmentKeyring(
  name = 'CACHE_ENCRYPTION_KEY',
  environment: Readonly<Record<string, string | undefined>> = process.env,
): LiveKeyring {
  const text = environment[name]?.trim()
  // A caller who passes the key instead of its name must not find it in a log.
  const isName = /^[a-z_]\w{0,39}$/i.test(name)
  const source = `the environment variable ${isName ? name : '(whose name is not shown: it may be the key itself)'}`
  if (text === undefined || text === '')
    throw invalid('it is not set: give it a key such as that of `openssl rand -base64 32`', source)
  const keys = text.split(',').map((part): [string, string] => {
    const at = part.indexOf(':')
    const key = part.slice(at + 1).trim()
    return [
      at < 0 ? idOf(Buffer.from(key, /^[0-9a-f]{64}$/i.test(key) ? 'hex' : 'base64')) : part.slice(0, at).trim(),
      key,
    ]
  })
  return keyring({ current: keys[0]?.[0] ?? '', keys })
}

/** A service whose own key never leaves it: AWS KMS, Google Cloud KMS, Vault's transit engine. */
export interface KeyService {
  /** Encrypts the key; the result may be kept in a file or an image. */
  wrap(key: Uint8Array): Promise<Uint8Array>
  /** Decrypts what `wrap` has encrypted. */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>
}

/** Keys as wrapped by the service. */
export interface WrappedKeyringOptions {
  /** The service that unwraps the keys, such as `awsKms(…)`. */
  readonly service: Pick<KeyService, 'unwrap'>
  /** The id of the key that encrypts new entries. */
  readonly current: string
  /** Wrapped keys by their id. */
  readonly keys: Readonly<Record<string, Uint8Array>>
  /** As for `keyring`: the key that replaces `current` at a given time. */
  readonly next?: KeyringOptions['next'] | undefined
  /** The time limit for unwrapping a key. Default `'10s'`. */
  readonly timeout?: Duration | undefined
}

/** A ring whose keys were unwrapped by a service. */
export interface WrappedKeyring extends LiveKeyring {
  /**
   * Replaces the keys once the service has unwrapped all of them; if it fails, or a key is wrong, nothing changes.
   * @throws MillpondError as `wrappedKeyring` does.
   */
  reload(changed: Pick<WrappedKeyringOptions, 'current' | 'keys' | 'next'>): Promise<void>
}

/**
 * A new wrapped key; its plaintext is not returned.
 * @throws MillpondError `KEYRING_UNREACHABLE` if the service's result is not a wrapped key; errors of the service.
 */
export async function newWrappedKey(service: Pick<KeyService, 'wrap'>): Promise<Uint8Array> {
  const key = randomBytes(32)
  try {
    const wrapped: unknown = await service.wrap(key)
    if (wrapped instanceof Uint8Array && wrapped.byteLength > 0) return wrapped
    throw new MillpondError(
      'KEYRING_UNREACHABLE',
      `the key service answered ${show(wrapped)}, which is not a wrapped key`,
    )
  } finally {
    key.fill(0)
  }
}

const WRAPPED: Shape<WrappedKeyringOptions> = {
  service: required(withMethods<WrappedKeyringOptions['service']>('a key service, with unwrap', 'unwrap')),
  current: required(text),
  keys: required<WrappedKeyringOptions['keys']>(checkedElsewhere), // checked below, and never shown
  next: checkedElsewhere, // by the ring
  timeout: duration,
}

/**
 * A ring of keys that a service unwraps once, before the cache is created. The service is not called again, so its
 * outages do not affect running processes.
 * @throws MillpondError `KEYRING_UNREACHABLE` if the service fails or times out for any of the keys; `KEYRING_INVALID`
 * as `keyring`.
 */
export async function wrappedKeyring(options: WrappedKeyringOptions): Promise<WrappedKeyring> {
  checkOptions<WrappedKeyringOptions>(options, WRAPPED, 'wrappedKeyring')
  const ring = keyring(await unwrapAll(options))
  return Object.assign(ring, {
    async reload(changed: Pick<WrappedKeyringOptions, 'current' | 'keys' | 'next'>) {
      const next = {
        service: options.service,
        ...(options.timeout !== undefined && { timeout: options.timeout }),
        ...changed,
      }
      checkOptions<WrappedKeyringOptions>(next, WRAPPED, 'reload')
      ring.replace(await unwrapAll(next))
    },
  })
}

async function unwrapAll({
  service,
  current,
  keys,
  next,
  timeout = '10s',
}: WrappedKeyringOptions): Promise<KeyringOptions> {
  if (typeof keys !== 'object' || keys === null || !Object.values(keys).every((key) => key instanceof Uint8Array))
    throw new MillpondError(
      'OPTION_INVALID',
      'wrappedKeyring.keys is not an object of wrapped keys by id: give { k1: bytes }',
    )
  const ms = parseDuration(timeout, 'timeout')
  const opened = await Promise.all(
    Object.entries(keys).map(
      async ([id, wrapped]): Promise<[string, Uint8Array]> => [id, await unwrapped(service, id, wrapped, ms)],
    ),
  )
  return { current, keys: opened, ...(next !== undefined && { next }) }
}

async function unwrapped(
  service: WrappedKeyringOptions['service'],
  id: string,
  wrapped: Uint8Array,
  ms: number,
): Promise<Uint8Array> {
  try {
    return await inTime(service.unwrap(wrapped), ms)
  } catch (cause) {
    if (cause instanceof MillpondError && cause.code === 'KEYRING_INVALID') throw cause
    throw new MillpondError(
      'KEYRING_UNREACHABLE',
      `the key service did not unwrap the key ${show(id)}: ${reasonOf(cause)}`,
      { cause },
    )
  }
}
