// A Redis server for tests.
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type Certificate, selfSigned } from './certificate.ts'
import { program, redisServer } from './program.ts'
import { launch, type Service } from './service.ts'

export interface RedisService extends Service {
  /** One command on a connection of its own, as a user who may do everything. */
  command(...words: (string | number | Buffer)[]): Promise<unknown>
  /** A user who may do everything; the same as `url` without `acl`. */
  readonly adminUrl: string
  /** The authority to trust, with `tls`: PEM. */
  readonly ca: string | undefined
  /** What the server identifies itself with, and the only one that it trusts of a client, with `tls`. */
  readonly certificate: Certificate | undefined
}

export interface RedisServiceOptions {
  /** More of the command line: `['--maxmemory', '1mb']`. */
  readonly args?: readonly string[]
  /** Speaks TLS only, with a certificate of its own or this one; `url` begins with `rediss:`. */
  readonly tls?: boolean | Certificate
  /** Default: what `REDIS_SERVER` says, or Redis. */
  readonly server?: 'redis' | 'valkey'
  /** How long it may take until it answers, after each start. Default 20 s. */
  readonly patienceMs?: number
  /** The user of `url`, with what it may do: `~shop:* +get +set`. The default user is off then. */
  readonly acl?: { readonly user: string; readonly password: string; readonly rules: string }
}

const DATA = ['dump.rdb', 'appendonlydir']

/** The snapshots that the server takes where its package's settings are left alone. */
export const SHIPPED_SAVES: readonly string[] = ['--save', '3600 1 300 100 60 10000']

/**
 * Starts a server that persists nothing by itself: after `kill`, `restart` finds what the last SAVE (or `--appendonly
 * yes`) left; `restart` of a running server saves first, so nothing is lost.
 */
export async function startRedis(options: RedisServiceOptions = {}): Promise<RedisService> {
  const { args = [], tls = false, acl, server = redisServer(), patienceMs } = options
  const certificate = tls === true ? selfSigned() : tls || undefined
  const adminPassword = randomBytes(12).toString('hex')
  const url = (port: number, user?: string, password?: string): string =>
    `${tls ? 'rediss' : 'redis'}://${user === undefined ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password ?? '')}@`}127.0.0.1:${port}`
  const adminUrl = (port: number): string => (acl ? url(port, 'admin', adminPassword) : url(port))
  const command = (port: number, words: readonly (string | number | Buffer)[]): Promise<unknown> =>
    ask(adminUrl(port), words, certificate)

  const service = await launch({
    name: 'redis',
    patienceMs,
    program: program(server),
    url: (port) => (acl ? url(port, acl.user, acl.password) : url(port)),
    prepare: (folder) => {
      if (certificate) {
        writeFileSync(join(folder, 'cert.pem'), certificate.cert)
        writeFileSync(join(folder, 'key.pem'), certificate.key)
      }
      const users = acl
        ? [
            'user default off',
            `user admin on >${adminPassword} ~* &* +@all`,
            `user ${acl.user} on >${acl.password} ${acl.rules}`,
          ]
        : []
      writeFileSync(join(folder, 'redis.conf'), [...users, ''].join('\n'))
    },
    args: (port, folder) => [
      join(folder, 'redis.conf'),
      ...(tls ? ['--port', '0', '--tls-port', String(port), ...tlsArgs(folder)] : ['--port', String(port)]),
      ...[
        '--bind',
        '127.0.0.1',
        '--dir',
        folder,
        '--save',
        '',
        '--appendonly',
        'no',
        '--daemonize',
        'no',
        '--repl-diskless-sync-delay',
        '0',
      ],
      ...args,
    ],
    ready: async (port) => (await command(port, ['PING'])) === 'PONG',
    keep: async (port) => {
      await command(port, ['SAVE'])
    },
    wipe: (folder) => {
      for (const name of DATA) rmSync(join(folder, name), { recursive: true, force: true })
    },
  })
  return Object.assign(service, {
    command: (...words: (string | number | Buffer)[]) => command(service.port, words),
    adminUrl: adminUrl(service.port),
    ca: certificate?.cert,
    certificate,
  })
}

const tlsArgs = (folder: string): string[] => [
  ...['--tls-cert-file', join(folder, 'cert.pem'), '--tls-key-file', join(folder, 'key.pem')],
  ...['--tls-ca-cert-file', join(folder, 'cert.pem'), '--tls-auth-clients', 'no', '--tls-replication', 'yes'],
]

/** One command on a connection of its own. */
export async function ask(
  url: string,
  words: readonly (string | number | Buffer)[],
  certificate?: Certificate,
): Promise<unknown> {
  const [name, ...rest] = words
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: 20_000,
    commandTimeout: 20_000,
    // Tests give servers certificates that are not valid, and have them ask for one.
    ...(certificate ? { tls: { ...certificate, rejectUnauthorized: false } } : {}),
  })
  // The rejection of connect or call tells the same.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await client.call(String(name), rest)
  } finally {
    client.disconnect()
  }
}
