// Checks that the server can be used: it accepts writes, and the schema exists in our version, or is installed.
import type { TierBounds } from '../../core/contracts.ts'
import { MillpondError } from '../../core/errors.ts'
import { isBounded, sayBounds } from './bounds.ts'
import { ask } from './call.ts'
import type { PostgresClient } from './client.ts'
import type { PostgresSettings } from './options.ts'
import { lockKey, postgresSchema, SCHEMA_VERSION } from './schema.ts'
import { isMissing, sqlState } from './sql-state.ts'

const INSTALL_MS = 30_000

/**
 * @throws MillpondError `SCHEMA_NEWER` if a later Millpond has installed it; other errors say why the server cannot be
 * used.
 */
export async function checkServer(client: PostgresClient, settings: PostgresSettings): Promise<void> {
  const { connectMs, install, schema, bounds } = settings
  const [state] = await ask(client, "SELECT current_setting('transaction_read_only')", connectMs)
  if (state?.[0] === 'on') throw new Error('the server is read-only: a standby, or a demoted primary')
  let version = await versionOf(client, settings)
  if ((version === undefined || version < SCHEMA_VERSION) && install) version = await installSchema(client, settings)
  if (version === undefined)
    throw new Error(`the schema "${schema}" does not exist: run postgresSchema() as its owner, or set install: true`)
  if (version < SCHEMA_VERSION)
    throw new Error(
      `the schema "${schema}" has version ${version}, but this Millpond needs ${SCHEMA_VERSION}: run postgresSchema() as its owner`,
    )
  if (version > SCHEMA_VERSION) {
    throw new MillpondError(
      'SCHEMA_NEWER',
      `[postgres] the schema "${schema}" has version ${version}, but this Millpond supports only ${SCHEMA_VERSION}: update it, or use another schema`,
    )
  }
  await checkGrants(client, settings)
  if (bounds !== undefined) await checkBounds(client, settings, bounds)
}

/**
 * The newest table, which grants of an earlier version do not name. Without it this process could read and trust what
 * it reads, while its heartbeats fail: others would not wait for it to apply their invalidations.
 */
async function checkGrants(client: PostgresClient, { connectMs, schema }: PostgresSettings): Promise<void> {
  const table = `'"${schema}".heartbeat'`
  const sql = `SELECT current_user, bool_and(has_table_privilege(${table}, p)) FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS p`
  const [row] = await ask(client, sql, connectMs)
  if (row?.[1] !== 't')
    throw new Error(
      `the role ${row?.[0]} may not use the table "${schema}".heartbeat: run postgresGrants() of this version as the schema's owner`,
    )
}

/** If processes set different limits, the last to connect wins: they apply to all users of the schema. */
async function checkBounds(client: PostgresClient, settings: PostgresSettings, bounds: TierBounds): Promise<void> {
  const { connectMs, install, schema } = settings
  const isThere = async (): Promise<boolean> =>
    (await ask(client, `SELECT ${isBounded(`"${schema}"`)}`, connectMs))[0]?.[0] === 't'
  if (!(await isThere()) && install) await installSchema(client, settings, isThere)
  if (!(await isThere()))
    throw new Error(
      `the entries of the schema "${schema}" are not counted, so they cannot be bounded: run postgresSchema({ bounded: true }) as its owner`,
    )
  await ask(client, sayBounds(`"${schema}"`, bounds), connectMs)
}

async function versionOf(client: PostgresClient, { schema, connectMs }: PostgresSettings): Promise<number | undefined> {
  try {
    const [row] = await ask(client, `SELECT version FROM "${schema}".meta`, connectMs)
    return row?.[0] === undefined || row[0] === null ? undefined : Number(row[0])
  } catch (error) {
    if (isMissing(sqlState(error))) return undefined
    throw error
  }
}

/**
 * One process at a time: one that had to wait checks again, because functions must not be replaced while the first
 * process already calls them. If two roles install at the first start, the second may not replace what the first has
 * created, and need not.
 */
async function installSchema(
  client: PostgresClient,
  settings: PostgresSettings,
  isThere = async (version: number): Promise<boolean> => version >= SCHEMA_VERSION,
): Promise<number | undefined> {
  const { schema, unlogged, bounds } = settings
  try {
    // The installing statements also contain BEGIN, which continues this transaction with a warning: suppressed.
    const wait = `SET LOCAL client_min_messages = error; SET LOCAL statement_timeout = '30s'; SELECT pg_advisory_xact_lock(${lockKey(schema, 'install')})`
    await ask(client, `BEGIN; ${wait}`, INSTALL_MS)
    const [row] = await ask(client, `SELECT to_regclass('"${schema}".meta') IS NOT NULL`, INSTALL_MS)
    const version = row?.[0] === 't' ? await versionOf(client, settings) : undefined
    if (version !== undefined && (await isThere(version))) {
      await ask(client, 'COMMIT', INSTALL_MS)
      return version
    }
    await ask(client, postgresSchema({ schema, unlogged, bounded: bounds !== undefined }), INSTALL_MS)
  } catch (error) {
    await ask(client, 'ROLLBACK', settings.connectMs)
    const version = await versionOf(client, settings)
    if (version === undefined) throw error
    return version
  }
  return versionOf(client, settings)
}
