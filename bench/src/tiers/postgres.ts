// The PostgreSQL tier beside a bare pg pool: one table, one prepared statement for as many keys as there are.
import { postgres } from 'millpond/tiers/postgres'
import pg from 'pg'
import { startPostgresServer } from '../postgres-server.ts'
import type { Comparison } from './comparison.ts'

export async function openPostgres(): Promise<Comparison> {
  const server = await startPostgresServer()
  const { url } = server
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => undefined)
  await pool.query('CREATE TABLE bare (key text PRIMARY KEY, body bytea NOT NULL)')
  const tier = postgres({ url, commandTimeout: 5000 })
  return {
    name: 'postgres',
    tier,
    bareName: 'pg',
    bare: {
      read: async (keys) => {
        const { rows } = await pool.query({
          name: 'read',
          text: 'SELECT key, body FROM bare WHERE key = ANY ($1::text[])',
          values: [keys],
        })
        return rows.length
      },
      write: async (keys, body) => {
        const text = `INSERT INTO bare (key, body) SELECT u.key, u.body FROM unnest($1::text[], $2::bytea[]) AS u (key, body)
          ON CONFLICT (key) DO UPDATE SET body = excluded.body`
        await pool.query({ name: 'write', text, values: [keys, keys.map(() => body)] })
      },
    },
    async close() {
      await pool.end()
      await tier.close()
      await server.close()
    },
  }
}
