// The PostgreSQL tier beside a bare pg pool: one table, one prepared statement for as many keys as there are.
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { postgres } from 'millpond/tiers/postgres'
import pg from 'pg'
import { findProgram, freePort } from '../program.ts'
import type { Comparison } from './comparison.ts'

/** The server refuses to run as root. */
function identity(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (which: '-u' | '-g'): number => Number(execFileSync('id', [which, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

export async function openPostgres(): Promise<Comparison> {
  const { path } = findProgram('postgres')
  const user = identity()
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const port = await freePort()
  const initdb = join(dirname(path), 'initdb')
  execFileSync(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'], {
    ...user,
    cwd: folder,
    stdio: 'ignore',
  })
  const args = [
    '-D',
    data,
    '-p',
    String(port),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
    '-c',
    'fsync=off',
  ]
  const child = spawn(path, args, { ...user, cwd: folder, stdio: 'ignore' })
  const stop = (): void => void child.kill('SIGINT')
  process.once('exit', stop)
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => undefined)
  await connected(pool)
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
      process.off('exit', stop)
      const gone = new Promise((resolve) => child.once('exit', resolve))
      stop()
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function connected(pool: pg.Pool): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await pool.query('SELECT 1')
      return
    } catch (error) {
      if (tries === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
