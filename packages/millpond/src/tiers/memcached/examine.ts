// Examines the Memcached tier: each of its servers, over a separate connection.

import type { Socket } from 'node:net'
import type { TierStep } from '../../core/contracts.ts'
import { isError } from '../../core/errors.ts'
import { Examination, type Finding, findings } from '../examination.ts'
import { aboutOwnCertificate, nameOf, reach } from '../reach.ts'
import { isTooOld } from './connection.ts'
import type { MemcachedSettings } from './options.ts'

/** A server's default memory limit. */
const DEFAULT_BYTES = 64 * 1_048_576

/** Never rejects. */
export async function examineMemcached(settings: MemcachedSettings): Promise<readonly TierStep[]> {
  const examination = new Examination(settings.connectMs)
  for (const { host, port } of settings.servers) {
    const to = { host, port, tls: settings.tls }
    const socket = await reach(examination, to)
    if (socket === undefined) continue
    try {
      await speak(examination, nameOf(to), socket, settings)
    } finally {
      socket.destroy()
    }
  }
  return examination.steps
}

async function speak(examination: Examination, at: string, socket: Socket, settings: MemcachedSettings): Promise<void> {
  const { login, maxItemBytes } = settings
  const isIn = await examination.step('authenticate', at, () => signIn(socket, login), notSignedIn)
  if (isIn === undefined) return
  if (
    !(await examination.ping(
      at,
      () => ask(socket, 'mn\r\n'),
      () => 'the server accepts connections but does not answer: check its host',
    ))
  )
    return
  const known = await examination.step(
    'server',
    at,
    () => aboutServer(socket),
    () => 'use Memcached 1.6.10 or later on its own port',
  )
  if (known === undefined) return
  await examination.step(
    'settings',
    at,
    () => aboutSettings(socket, maxItemBytes),
    () => 'correct -I on the server, or maxItemBytes here',
  )
}

async function signIn(socket: Socket, login: string | undefined): Promise<Finding> {
  if (login !== undefined) {
    const answer = await ask(socket, `set auth 0 0 ${Buffer.byteLength(login)}\r\n${login}\r\n`)
    if (!answer.startsWith('STORED')) throw new Error('the user name or password was rejected')
  }
  const answer = await ask(socket, 'mn\r\n')
  if (/unauthenticated/i.test(answer)) throw new Error('it requires a user name and a password')
  return { detail: login === undefined ? 'without a password' : 'with user name and password' }
}

const notSignedIn = (error: unknown): string =>
  aboutOwnCertificate(error) ??
  (isError(error) && error.message.startsWith('the user name')
    ? 'correct username and password (-Y names their file on the server)'
    : isError(error) && error.message.startsWith('it requires')
      ? 'give username and password'
      : 'the server closes the connection or is silent: it may accept only TLS (tls: true), require a certificate of its clients (tls: { cert, key }), or have too many clients (-c)')

async function aboutServer(socket: Socket): Promise<Finding> {
  if (!(await ask(socket, 'mn\r\n')).startsWith('MN')) throw new Error('it does not support the meta protocol')
  const version = (await ask(socket, 'version\r\n')).trim()
  if (isTooOld(version)) throw new Error(`it is ${version.slice(8, 40)}`)
  return { detail: `Memcached ${version.slice(8, 40)}` }
}

async function aboutSettings(socket: Socket, maxItemBytes: number): Promise<Finding> {
  const text = await ask(socket, 'stats settings\r\n', 'END\r\n')
  const setting = (name: string): string => new RegExp(`^STAT ${name} (\\S+)`, 'm').exec(text)?.[1] ?? ''
  const [bytes, item] = [Number(setting('maxbytes')), Number(setting('item_size_max'))]
  if (item > 0 && item < maxItemBytes)
    throw new Error(`it accepts items of up to ${item} bytes, but up to ${maxItemBytes} are sent to it`)
  return findings(
    [`${(bytes / 1_048_576).toFixed(0)} MiB`, `items of up to ${item} bytes`],
    [
      bytes > 0 && bytes <= DEFAULT_BYTES && 'give it more memory (-m): the default is 64 MiB',
      setting('evictions') === 'off' && 'allow eviction (without -M): otherwise it rejects writes once it is full',
      setting('lru_crawler') === 'no' && 'switch its crawler on (-o lru_crawler): clear and scan need it',
    ],
  )
}

/** Resolves with the text received up to `end`. */
function ask(socket: Socket, command: string, end = '\r\n'): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = ''
    const done = (act: () => void): void => {
      socket.off('data', hear).off('close', lost)
      act()
    }
    const hear = (bytes: Buffer): void => {
      heard += bytes.toString('latin1')
      if (heard.endsWith(end) || /^(?:\w+_)?ERROR/.test(heard)) done(() => resolve(heard))
    }
    const lost = (): void => done(() => reject(socket.errored ?? new Error('the server closed the connection')))
    socket.on('data', hear).on('close', lost)
    socket.write(command)
  })
}
