// One server process on a free loopback port in a folder of its own: started, answering, frozen, killed, restarted,
// gone.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { guard, unguard } from './guard.ts'
import type { Program } from './program.ts'
import { until } from './until.ts'

/** A running server. It ends with this process, however this process ends. */
export interface Service {
  readonly url: string
  readonly host: '127.0.0.1'
  readonly port: number
  /** Changes with a restart. */
  readonly pid: number
  /** Its data and log; removed by `stop`. */
  readonly folder: string
  /** Ends it in an orderly way and clears everything away. May be called twice. */
  stop(): Promise<void>
  /** SIGKILL; resolves when the process is gone. Its folder stays, for `restart`. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** Ends it if it runs, and starts it on the same port: with its data, or `empty`. */
  restart(options?: { empty?: boolean }): Promise<void>
  /** What it wrote so far. */
  log(): string
}

export interface Launch {
  readonly name: string
  readonly program: Program
  readonly url: (port: number) => string
  readonly args: (port: number, folder: string) => readonly string[]
  /** Resolves with true once it answers. */
  readonly ready: (port: number) => Promise<boolean>
  /** Who runs it; this process's user when absent. */
  readonly identity?: { readonly uid: number; readonly gid: number } | undefined
  /** Writes what must exist before the first start. */
  readonly prepare?: (folder: string, port: number) => Promise<void> | void
  /** Called before a restart that keeps the data, while the server still runs. */
  readonly keep?: (port: number) => Promise<void>
  /** Removes the data of a server that does not run. */
  readonly wipe?: (folder: string, port: number) => Promise<void> | void
  readonly stopSignal?: NodeJS.Signals
  /** How long it may take until it answers, after each start. Default 20 s. */
  readonly patienceMs?: number | undefined
  /** All processes of the server, given its main one. */
  readonly family?: (pid: number) => readonly number[]
}

const ORDERLY_MS = 5_000

/** Starts the server and waits until it answers. Another port is tried when somebody was quicker. */
export async function launch(what: Launch): Promise<Service> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOn(await freePort(), what)
    } catch (error) {
      if (tries === 3 || !/address already in use/i.test(String(error))) throw error
    }
  }
}

async function startOn(port: number, what: Launch): Promise<Service> {
  const folder = makeFolder(what)
  const logFile = join(folder, 'server.log')
  let child: ChildProcess | undefined
  let stopped = false

  const isRunning = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null
  const pid = (): number => child?.pid ?? -1
  const log = (): string => readFileSync(logFile, 'utf8')
  const signal = (name: NodeJS.Signals): void => {
    if (!isRunning()) return
    for (const one of what.family?.(pid()) ?? [pid()]) sendSignal(one, name)
  }

  const start = async (): Promise<void> => {
    const out = openSync(logFile, 'a')
    const started = spawn(what.program.path, what.args(port, folder), {
      cwd: folder,
      env: what.program.env,
      stdio: ['ignore', out, out],
      ...(what.identity ?? {}),
    })
    closeSync(out)
    child = started
    await Promise.race([once(started, 'spawn'), once(started, 'error').then(([error]) => Promise.reject(error))])
    guard('pid', pid())
    started.once('exit', () => unguard('pid', started.pid ?? -1))
    started.unref()
    const answers = async () => (isRunning() ? what.ready(port) : 'ended')
    await until(`${what.name} on port ${port}`, answers, what.patienceMs).catch(async (error: unknown) => {
      await end('SIGKILL')
      throw error
    })
    if (!isRunning()) throw new Error(`${what.name} ended at once:\n${log()}`)
  }

  const end = async (how: NodeJS.Signals): Promise<void> => {
    if (!child || !isRunning()) return
    const gone = once(child, 'exit')
    const all = what.family?.(pid()) ?? []
    signal('SIGCONT')
    if (how === 'SIGKILL') signal('SIGKILL')
    else child.kill(how)
    const timer = setTimeout(() => signal('SIGKILL'), ORDERLY_MS)
    await gone
    clearTimeout(timer)
    // What it shares with its children is in the way of a restart until they are gone too.
    await until(`the processes of ${what.name} to end`, () => all.every(isGone))
  }

  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    await end(what.stopSignal ?? 'SIGTERM')
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    unguard('folder', folder)
  }

  try {
    await what.prepare?.(folder, port)
    await start()
  } catch (error) {
    await stop()
    throw error
  }

  return {
    url: what.url(port),
    host: '127.0.0.1',
    port,
    folder,
    get pid() {
      return pid()
    },
    stop,
    kill: () => end('SIGKILL'),
    pause: () => {
      signal('SIGSTOP')
      for (const one of what.family?.(pid()) ?? [pid()]) standsStill(one)
    },
    resume: () => signal('SIGCONT'),
    restart: async ({ empty = false } = {}) => {
      if (stopped) throw new Error(`${what.name} was stopped: start a new one`)
      if (isRunning()) {
        signal('SIGCONT')
        if (!empty) await what.keep?.(port)
        await end('SIGKILL')
      }
      if (empty) await what.wipe?.(folder, port)
      await start()
    },
    log,
  }
}

function makeFolder({ name, identity }: Launch): string {
  const folder = mkdtempSync(join(tmpdir(), `millpond-${name}-`))
  guard('folder', folder)
  if (identity) {
    chownSync(folder, identity.uid, identity.gid)
    chmodSync(folder, 0o700)
  }
  return folder
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return true
  }
  try {
    // Dead, and not yet taken down by its parent.
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return process.platform === 'linux'
  }
}

/** Blocks until each thread has stopped: on a busy machine one that was running answers once more after the signal. */
function standsStill(pid: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let tries = 0; tries < 1000 && isAwake(pid); tries++) Atomics.wait(pause, 0, 0, 1)
}

function isAwake(pid: number): boolean {
  if (process.platform !== 'linux') return false
  try {
    return readdirSync(`/proc/${pid}/task`).some(
      (thread) => !/\) [TtZX] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')),
    )
  } catch {
    return false
  }
}

function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended in the meantime.
  }
}
