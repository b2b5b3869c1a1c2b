// The servers whose processor is measured, with their own figures of it, or those of the operating system.
import { readdirSync, readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import pg from 'pg'
import { startRedisServer } from '../consistency/redis-server.ts'
import { startPostgresServer } from '../postgres-server.ts'
import type { Kind } from './words.ts'

export interface Figures {
  /** Of the server's processor, so far. */
  readonly seconds: number
  /** Over its network; undefined where it does not count them. */
  readonly bytes: number | undefined
  /** Commands of Redis, or transactions. */
  readonly commands: number
}

export interface FleetServer {
  readonly kind: Kind
  readonly url: string
  /** Its name and version. */
  readonly title: string
  empty(): Promise<void>
  figures(): Promise<Figures>
  close(): Promise<void>
}

/** `connections`: as many as may be open at once. */
export const startServer = (kind: Kind, connections: number): Promise<FleetServer> =>
  kind === 'redis' ? startRedis() : startPostgres(connections)

async function startRedis(): Promise<FleetServer> {
  const server = await startRedisServer()
  const admin = new Redis(server.url)
  return {
    kind: 'redis',
    url: server.url,
    title: `Redis ${server.version}`,
    empty: () => server.empty(),
    async figures() {
      const text = `${await admin.info('cpu')}\n${await admin.info('stats')}`
      const sum = (...names: readonly string[]): number =>
        names.reduce((total, name) => total + Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1]), 0)
      return {
        seconds: sum('used_cpu_user', 'used_cpu_sys'),
        bytes: sum('total_net_input_bytes', 'total_net_output_bytes'),
        commands: sum('total_commands_processed'),
      }
    },
    async close() {
      admin.disconnect()
      await server.close()
    },
  }
}

/** Linux counts the time of processes in hundredths of a second. */
const TICKS = 100

async function startPostgres(connections: number): Promise<FleetServer> {
  const server = await startPostgresServer([`max_connections=${connections}`])
  const admin = new pg.Client({ connectionString: server.url })
  admin.on('error', () => undefined)
  await admin.connect()
  return {
    kind: 'postgres',
    url: server.url,
    title: `PostgreSQL ${server.version}`,
    empty: async () => void (await admin.query('DROP SCHEMA IF EXISTS millpond CASCADE')),
    async figures() {
      const { rows } = await admin.query(
        'SELECT sum(xact_commit + xact_rollback)::float8 AS count FROM pg_stat_database',
      )
      return { seconds: secondsOf(server.pid), bytes: undefined, commands: Number(rows[0]?.count) }
    },
    async close() {
      await admin.end()
      await server.close()
    },
  }
}

/** What a process and its children have used, those included that have ended. */
function secondsOf(pid: number): number {
  let ticks = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const fields = statOf(name)
    if (fields === undefined) continue
    const [parent, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [1, 11, 12, 13, 14].map((at) =>
      Number(fields[at]),
    )
    if (Number(name) === pid) ticks += user + system + endedUser + endedSystem
    else if (parent === pid) ticks += user + system
  }
  return ticks / TICKS
}

/** The fields behind the program's name, which may have blanks in it; undefined if the process has ended. */
function statOf(pid: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
