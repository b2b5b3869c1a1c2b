// The shared tier of a cell: a real Redis behind one fault proxy per process, a SQLite file, or nothing.
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FaultProxy, startFaultProxy } from '../../src/testing/fault-proxy.ts'
import type { Patient } from '../../src/testing/nemesis.ts'
import { startRedis } from '../services/index.ts'
import type { Cell } from './plan.ts'

export interface SharedTierUnderTest {
  readonly folder: string
  /** What the worker of this number opens. */
  at(worker: number): string
  readonly links: readonly FaultProxy[]
  readonly server?: Patient
  readonly lockFile?: (ms: number) => Promise<void>
  close(): Promise<void>
}

export async function openSharedTier(cell: Cell, compiled: string): Promise<SharedTierUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-history-'))
  const forget = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  if (cell.shared === 'redis') return openRedis(cell, folder, forget)
  const path = join(folder, 'shared.db')
  return {
    folder,
    at: () => path,
    links: [],
    ...(cell.shared === 'sqlite' ? { lockFile: (ms: number) => lockFile(compiled, path, ms) } : {}),
    close: async () => forget(),
  }
}

async function openRedis(cell: Cell, folder: string, forget: () => void): Promise<SharedTierUnderTest> {
  const redis = await startRedis()
  const links = await Promise.all(
    Array.from({ length: cell.processes }, (_, worker) => startFaultProxy({ to: { port: redis.port }, seed: cell.seed + worker })),
  )
  return {
    folder,
    at: (worker) => links[worker]?.url() ?? redis.url,
    links,
    server: {
      pause: () => redis.pause(),
      resume: () => redis.resume(),
      kill: () => redis.kill(),
      restart: (options) => redis.restart(options),
      save: async () => void (await redis.command('SAVE')),
    },
    async close() {
      await Promise.all(links.map((link) => link.close()))
      await redis.stop()
      forget()
    },
  }
}

/** Another process holds the file's write lock for a while. */
function lockFile(compiled: string, path: string, ms: number): Promise<void> {
  const child = fork(join(compiled, 'test/histories/lock-worker.js'), [path, String(ms)], { stdio: 'inherit', execArgv: [] })
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the locker ended with ${code}`))))
  })
}
