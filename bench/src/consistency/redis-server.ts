// The one Redis server that all contenders use, in turn. It persists nothing and listens on a free port of this
// machine.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findProgram, freePort } from '../program.ts'

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly version: string
  empty(): Promise<void>
  /** Bytes that the server holds. */
  usedMemory(): Promise<number>
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

/** Throws an `Error` that says how to get a server when none is here. */
export async function startRedisServer(): Promise<RedisServer> {
  const { path, libraries, version } = findProgram('redis')
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
  const child = spawn(path, args, {
    stdio: 'ignore',
    env: libraries === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries },
  })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const client = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: (times) => (times > 100 ? null : 50),
    maxRetriesPerRequest: null,
  })
  client.on('error', () => undefined)
  await client.ping()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    version: /v=([\d.]+)/.exec(version)?.[1] ?? version,
    empty: async () => void (await client.flushall()),
    usedMemory: async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1] ?? Number.NaN),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async close() {
      client.disconnect()
      process.off('exit', kill)
      const gone = ended(child)
      kill()
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}
