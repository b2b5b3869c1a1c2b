// A PostgreSQL server of its own for a measurement, on a free port of this machine. It need not survive a crash.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { findProgram, freePort } from './program.ts'

export interface PostgresServer {
  readonly url: string
  /** Of the process whose children serve the connections. */
  readonly pid: number
  readonly version: string
  close(): Promise<void>
}

/** Throws an `Error` that says how to get a server when none is here. `settings`: as after `-c`. */
export async function startPostgresServer(settings: readonly string[] = []): Promise<PostgresServer> {
  const { path, version } = findProgram('postgres')
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
  const all = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', ...settings]
  const args = ['-D', data, '-p', String(port), ...all.flatMap((setting) => ['-c', setting])]
  const child = spawn(path, args, { ...user, cwd: folder, stdio: 'ignore' })
  const stop = (): void => void child.kill('SIGINT')
  process.once('exit', stop)
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  await connected(url)
  return {
    url,
    pid: child.pid ?? Number.NaN,
    version: /[\d.]+/.exec(version)?.[0] ?? version,
    async close() {
      process.off('exit', stop)
      const gone = ended(child)
      stop()
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The server refuses to run as root. */
function identity(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (which: '-u' | '-g'): number => Number(execFileSync('id', [which, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

const ended = (child: ChildProcess): Promise<unknown> =>
  child.exitCode === null ? new Promise((resolve) => child.once('exit', resolve)) : Promise.resolve()

async function connected(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return
    } catch (error) {
      if (tries === 200) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}
