// Examines the PostgreSQL tier, over a separate connection.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { TierStep } from '../../core/contracts.ts'
import { isError } from '../../core/errors.ts'
import { codeIn, Examination, type Finding, findings } from '../examination.ts'
import { aboutOwnCertificate, type Destination, nameOf, reach } from '../reach.ts'
import type { Access, Listening } from './client.ts'
import type { PostgresSettings } from './options.ts'

const LEAST = 130_000
/** What a client sends to request TLS (message formats of the protocol, SSLRequest). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** Never rejects. No steps for a pool that does not tell how it connects. */
export async function examinePostgres(settings: PostgresSettings, access: Access): Promise<readonly TierStep[]> {
  const examination = new Examination(settings.connectMs)
  const client = access.listener?.()
  if (client === undefined) return []
  client.unref?.()
  client.on('error', () => {})
  const to = destinationOf(client)
  const socket = await reach(examination, to)
  socket?.destroy()
  if (socket !== undefined)
    try {
      await speak(examination, nameOf(to), client, settings)
    } finally {
      client.end().catch(() => {})
    }
  return examination.steps
}

/** A pg client exposes its resolved options. */
function destinationOf(client: Listening): Destination {
  const [host, port, ssl] = ['host', 'port', 'ssl'].map((name): unknown => Reflect.get(client, name))
  const [name, number] = [typeof host === 'string' ? host : '127.0.0.1', typeof port === 'number' ? port : 5432]
  if (name.startsWith('/')) return { host: '', port: number, path: `${name}/.s.PGSQL.${number}` }
  return {
    host: name,
    port: number,
    ...(ssl !== undefined && ssl !== false && ssl !== null && { tls: optionsOf(ssl), beforeTls: askForTls }),
  }
}

const optionsOf = (ssl: unknown): ConnectionOptions => (typeof ssl === 'object' && ssl !== null ? ssl : {})

async function askForTls(socket: Socket): Promise<void> {
  socket.write(SSL_REQUEST)
  const [answer]: unknown[] = await once(socket, 'data')
  if (!Buffer.isBuffer(answer) || answer[0] !== 0x53) throw new Error('the server has no TLS (ssl = off)')
}

async function speak(
  examination: Examination,
  at: string,
  client: Listening,
  settings: PostgresSettings,
): Promise<void> {
  const isIn = await examination.step('authenticate', at, () => signIn(client), notSignedIn)
  if (isIn === undefined) return
  if (
    !(await examination.ping(
      at,
      () => client.query('SELECT 1'),
      () => 'the server accepts connections but does not answer: check its host',
    ))
  )
    return
  const isRight = await examination.step('server', at, () => aboutServer(client), notRight)
  if (isRight === undefined) return
  await examination.step('settings', at, () => aboutSettings(client, settings), notSuited)
}

async function signIn(client: Listening): Promise<Finding> {
  await client.connect()
  const [user, database] = ['user', 'database'].map((name): unknown => Reflect.get(client, name))
  return { detail: `as ${String(user)} in the database ${String(database)}` }
}

function notSignedIn(error: unknown): string {
  const certificate = aboutOwnCertificate(error)
  if (certificate !== undefined) return certificate
  switch (codeIn(error)) {
    case '28P01':
      return 'user name or password is wrong: correct them (percent-encoded in a URL)'
    case '28000':
      if (isError(error) && error.message.includes('client certificate'))
        return 'the server requires a certificate of this client (clientcert in pg_hba.conf): give it with its key, tls: { cert, key }'
      return 'pg_hba.conf on the server does not allow this user from here, or only with TLS: add a line there, or set sslmode'
    case '3D000':
      return 'there is no such database: create it (CREATE DATABASE), or correct its name'
    case '53300':
      return 'all connections are in use: raise max_connections, lower poolSize, or use a connection pooler'
    case '57P03':
      return 'the server is starting or stopping: wait, then check its log'
    default:
      return 'check the log of the server: it says why it closed the connection'
  }
}

async function aboutServer(client: Listening): Promise<Finding> {
  const [number, version, standby, readOnly] = await row(
    client,
    "SELECT current_setting('server_version_num') a, current_setting('server_version') b, pg_is_in_recovery() c, current_setting('transaction_read_only') d",
  )
  if (Number(number) < LEAST) throw new Error(`it is version ${version}`)
  if (standby === 'true') throw new Error('it is a standby, which accepts no writes')
  if (readOnly === 'on') throw new Error('it is read-only')
  return { detail: `PostgreSQL ${version}` }
}

const notRight = (error: unknown): string =>
  isError(error) && error.message.startsWith('it is version')
    ? `use PostgreSQL ${LEAST / 10_000} or later`
    : 'name the primary (target_session_attrs does that for several hosts), or set default_transaction_read_only = off for this user'

async function aboutSettings(client: Listening, { schema, install, poolSize }: PostgresSettings): Promise<Finding> {
  const [isThere, mayUse, mayMake, most, commit, vacuum] = await row(
    client,
    `SELECT to_regnamespace('"${schema}"') IS NOT NULL a, coalesce(has_schema_privilege(to_regnamespace('"${schema}"')::oid, 'USAGE'), false) b,
      has_database_privilege(current_database(), 'CREATE') c, current_setting('max_connections') d, current_setting('synchronous_commit') e, current_setting('autovacuum') f`,
  )
  if (isThere === 'true' && mayUse !== 'true') throw new Error(`the user may not use the schema ${schema}`)
  if (isThere !== 'true' && !(install && mayMake === 'true'))
    throw new Error(`the schema ${schema} does not exist, and this user may not create it`)
  return findings(
    [
      isThere === 'true' ? `schema ${schema}` : `schema ${schema} will be created`,
      `${most} connections, ${poolSize + 1} of them used by this pool`,
      `synchronous_commit ${commit}`,
    ],
    [
      vacuum !== 'on' && 'switch autovacuum on: a cache rewrites its rows constantly',
      Number(most) < 4 * (poolSize + 1) && 'raise max_connections: a few processes with this pool size use all of them',
    ],
  )
}

const notSuited = (error: unknown): string =>
  isError(error) && error.message.includes('may not use')
    ? 'run postgresGrants({ role }) as the owner of the schema'
    : 'run postgresSchema() as the owner, or grant this user CREATE on the database and leave install on'

/** The first row, as strings. */
async function row(client: Listening, text: string): Promise<readonly string[]> {
  const answer = await client.query(text)
  const rows: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'rows') : undefined
  const [first]: unknown[] = Array.isArray(rows) ? rows : []
  return Object.values(first ?? {}).map(String)
}
