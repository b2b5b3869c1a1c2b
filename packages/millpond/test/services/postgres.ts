// A PostgreSQL server for tests.
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { chownSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { guard } from './guard.ts'
import { type Program, program } from './program.ts'
import { launch, type Service } from './service.ts'

export interface PostgresService extends Service {
  /** Runs SQL on a connection of its own and returns the rows. */
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
}

interface Identity {
  readonly uid: number
  readonly gid: number
}

/** What the server syncs where its package's settings are left alone. */
export const SHIPPED_SYNCS: readonly string[] = ['-c', 'fsync=on', '-c', 'full_page_writes=on']
/** A file system in memory, which syncs at once. */
const TMPFS = 0x01021994

/**
 * Starts a server with one superuser `postgres`, no password, an empty database `postgres`, UTF-8 and the C locale. All
 * else is as its package ships it, but that on a disk, which other tests keep busy, it does not sync: a sync would
 * outlast a tier's deadline. `args` are added: `['-c', 'max_connections=20']`.
 */
export async function startPostgres({
  args = [],
}: {
  readonly args?: readonly string[]
} = {}): Promise<PostgresService> {
  const identity = process.getuid?.() === 0 ? nobody() : undefined
  const server = reachable(program('postgres'), identity)
  const url = (port: number): string => `postgres://postgres@127.0.0.1:${port}/postgres`
  const create = (folder: string): Promise<void> => initialise(server, join(folder, 'data'), identity)

  const service = await launch({
    name: 'postgres',
    program: server,
    identity,
    url,
    prepare: create,
    wipe: async (folder) => {
      rmSync(join(folder, 'data'), { recursive: true, force: true })
      await create(folder)
    },
    args: (port, folder) => [
      ...[
        '-D',
        join(folder, 'data'),
        '-p',
        String(port),
        '-c',
        'listen_addresses=127.0.0.1',
        '-c',
        'unix_socket_directories=',
      ],
      ...(statfsSync(folder).type === TMPFS ? [] : ['-c', 'fsync=off', '-c', 'full_page_writes=off']),
      ...args,
    ],
    ready: async (port) => (await query(url(port), 'select 1 as one')).length === 1,
    keep: async (port) => {
      await query(url(port), 'checkpoint')
    },
    stopSignal: 'SIGINT',
    family,
  })
  return Object.assign(service, {
    query: (sql: string, values?: readonly unknown[]) => query(service.url, sql, values),
  })
}

async function query(url: string, sql: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000, query_timeout: 20_000 })
  // The rejection of connect or query tells the same.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return (await client.query(sql, [...values])).rows
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** A cluster of databases as `initdb` makes it, made once in a process and copied: a copy takes a sixth of the time. */
let fresh: Promise<string> | undefined

async function initialise(server: Program, data: string, identity: Identity | undefined): Promise<void> {
  fresh ??= makeFresh(server, identity)
  // With its owner and its permissions, which the server insists on.
  await promisify(execFile)('cp', ['-a', await fresh, data])
}

async function makeFresh(server: Program, identity: Identity | undefined): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-postgres-fresh-'))
  guard('folder', folder)
  if (identity) chownSync(folder, identity.uid, identity.gid)
  const initdb = join(dirname(server.path), 'initdb')
  const data = join(folder, 'data')
  const args = [
    '-D',
    data,
    '-U',
    'postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
  ]
  await promisify(execFile)(initdb, args, { cwd: folder, env: server.env, ...(identity ?? {}) })
  return data
}

/** The first process and its children: freezing only the first would leave the others answering. */
function family(pid: number): number[] {
  return [pid, ...children(pid)]
}

function children(pid: number): number[] {
  if (process.platform !== 'linux') {
    const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    return [...table.matchAll(/(\d+)\s+(\d+)/g)]
      .filter(([, , parent]) => Number(parent) === pid)
      .map(([, child]) => Number(child))
  }
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) && parentOf(name) === pid ? [Number(name)] : []))
}

function parentOf(pid: string): number | undefined {
  try {
    // pid (name) state parent: the name may hold spaces and brackets.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}

/** PostgreSQL refuses to run as root. */
function nobody(): Identity {
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

const copies = new Map<string, Program>()

/** A project below a private folder (root's home) hides its fetched server from `nobody`: a copy in the open then. */
function reachable(server: Program, identity: Identity | undefined): Program {
  if (!identity || spawnSync(server.path, ['--version'], { env: server.env, ...identity }).status === 0) return server
  const known = copies.get(server.path)
  if (known) return known
  const at = server.path.indexOf(`${sep}usr${sep}lib${sep}`)
  if (at < 0) return server
  const from = server.path.slice(0, at)
  const to = mkdtempSync(join(tmpdir(), 'millpond-postgres-program-'))
  guard('folder', to)
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
  chownSync(to, identity.uid, identity.gid)
  const libraries = server.env.LD_LIBRARY_PATH?.replaceAll(from, to)
  const copy = {
    path: server.path.replace(from, to),
    env: { ...server.env, ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }) },
  }
  copies.set(server.path, copy)
  return copy
}
