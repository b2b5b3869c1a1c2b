// PostgreSQL through pg: a small pool, whole numbers as numbers.
import { type Dialect, PostgresDialect } from 'kysely'
import { isError } from 'millpond/options'
import pg from 'pg'
import { StartError } from '../start-error.ts'

const INT8 = 20
const NUMERIC = 1700
const POOL_SIZE = 10
const CONNECT_MS = 5_000

/** Sums and counts arrive as text; every figure of this schema is a whole number below 2^53. */
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 || oid === NUMERIC
      ? Number
      : format === 'binary'
        ? pg.types.getTypeParser(oid, 'binary')
        : pg.types.getTypeParser(oid, 'text'),
}

export async function postgresDialect(url: string): Promise<{ dialect: Dialect; location: string }> {
  const location = withoutPassword(url)
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE, connectionTimeoutMillis: CONNECT_MS, types })
  // An idle connection that the server closes must not end the process; the next query opens another.
  pool.on('error', () => undefined)
  try {
    await pool.query('select 1')
  } catch (error) {
    await pool.end()
    const reason = isError(error) && error.message !== '' ? error.message : 'no answer'
    throw new StartError(
      `cannot reach PostgreSQL at ${location} (${reason}): start the server, or correct DATABASE_URL`,
      { cause: error },
    )
  }
  return { dialect: new PostgresDialect({ pool }), location }
}

function withoutPassword(url: string): string {
  const shown = new URL(url)
  if (shown.password !== '') shown.password = '***'
  return shown.href
}
