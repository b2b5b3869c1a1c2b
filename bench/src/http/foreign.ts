// nginx and Varnish with a cache before an origin, as Debian brings them, and the CPU time that they and their children
// have used.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProgram } from '../program.ts'

export type Foreign = 'nginx' | 'varnish'

export interface Running {
  /** Seconds since it began. */
  cpu(): Promise<number>
  end(): void
}

/** Until it takes connections: Varnish compiles its configuration first. */
const START_MS = 60_000

/** Resolves when it listens. @throws Error with what the server says when it does not. */
export async function startForeign(kind: Foreign, port: number, originPort: number): Promise<Running> {
  const { path, libraries } = findProgram(kind)
  const folder = mkdtempSync(join(tmpdir(), `millpond-${kind}-`))
  const args =
    kind === 'nginx' ? nginx(folder, port, originPort) : varnish(folder, port, originPort, dirname(dirname(path)))
  const all = [
    libraries,
    libraries
      ?.split(':')
      .map((one) => join(one, 'varnish'))
      .join(':'),
    process.env.LD_LIBRARY_PATH,
  ]
  const child = spawn(path, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LD_LIBRARY_PATH: all.filter(Boolean).join(':') },
  })
  let said = ''
  child.stderr.on('data', (chunk) => (said += chunk))
  const end = (): void => {
    const remove = (): void => rmSync(folder, { recursive: true, force: true })
    // One that did not start has ended already.
    if (child.kill()) child.once('exit', remove)
    else remove()
  }
  try {
    await listening(child, port)
  } catch (error) {
    end()
    throw new Error(`${kind} did not start:\n${said}`, { cause: error })
  }
  return { cpu: async () => cpuOf(child.pid ?? 0), end }
}

/** The smallest configuration that caches, with its files in a folder of its own. */
function nginx(folder: string, port: number, originPort: number): string[] {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  writeFileSync(
    join(folder, 'nginx.conf'),
    `user ${userInfo().username}; daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; default_type text/plain; ${temporary.join(' ')}
  proxy_cache_path ${folder}/cache keys_zone=answers:10m;
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${originPort}; proxy_cache answers; } }
}
`,
  )
  return ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']
}

function varnish(folder: string, port: number, originPort: number, root: string): string[] {
  mkdirSync(join(folder, 'work'))
  const paths = ['-p', `vcl_path=${join(root, 'share/varnish/vcl')}`]
  return [
    '-F',
    '-n',
    join(folder, 'work'),
    '-a',
    `127.0.0.1:${port}`,
    '-b',
    `127.0.0.1:${originPort}`,
    '-s',
    'malloc,64m',
    '-j',
    'none',
    ...paths,
  ]
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  const until = performance.now() + START_MS
  while (!(await isOpen(port))) {
    if (child.exitCode !== null || performance.now() > until) throw new Error('it takes no connections')
    await sleep(100)
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Of the process and all below it, from proc(5). */
function cpuOf(pid: number): number {
  const ticks = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout)
  const processes = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (statOf(Number(name)) ?? []) : []))
  const family = new Set([pid])
  // Children have higher numbers than their parents, but for a wrap: two rounds find them all.
  for (let round = 0; round < 2; round++) for (const one of processes) if (family.has(one.parent)) family.add(one.pid)
  return processes.reduce((sum, one) => (family.has(one.pid) ? sum + one.ticks : sum), 0) / ticks
}

function statOf(pid: number): { readonly pid: number; readonly parent: number; readonly ticks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program may hold anything; what follows its last parenthesis begins with the state.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return undefined
  }
}
