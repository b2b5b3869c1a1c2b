// The shared tier of a cell: a real Redis or PostgreSQL behind one fault proxy per process, a group of Redis servers, a
// SQLite file, or nothing; a Memcached or a folder beside what keeps the ledger.
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FaultProxy, startFaultProxy } from '../../src/testing/fault-proxy.ts'
import type { FaultableGroup, FaultableRegions, FaultableServer } from '../../src/testing/nemesis.ts'
import {
  type RedisService,
  type Service,
  startCluster,
  startMemcached,
  startPostgres,
  startRedis,
  startSentinel,
} from '../services/index.ts'
import { beginsFarApart, type Cell, regionOf } from './plan.ts'
import { faultableCluster, faultableSentinels } from './server-groups.ts'

export interface SharedTierUnderTest {
  readonly folder: string
  /** What the worker of this number opens. */
  at(worker: number): string
  readonly links: readonly FaultProxy[]
  readonly server?: FaultableServer
  readonly group?: FaultableGroup
  readonly nodes?: readonly FaultableServer[]
  readonly regions?: FaultableRegions
  readonly lockFile?: (ms: number) => Promise<void>
  close(): Promise<void>
}

export async function openSharedTier(cell: Cell, compiled: string): Promise<SharedTierUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-history-'))
  const forget = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  if (cell.shared === 'redis') return openRedis(cell, folder, forget)
  if (cell.shared === 'postgres') return openPostgres(cell, folder, forget)
  if (cell.shared === 'sentinel') return openSentinel(folder, forget)
  if (cell.shared === 'cluster') return openCluster(folder, forget)
  if (cell.shared === 'memcached') return openMemcached(cell, folder, forget)
  if (cell.shared === 'ring') return openRing(folder, forget)
  if (cell.shared === 'regions') return openRegions(cell, folder, forget)
  const path = join(folder, 'shared.db')
  return {
    folder,
    at: () => path,
    links: [],
    ...(cell.shared === 'sqlite' || cell.shared === 'file'
      ? { lockFile: (ms: number) => lockFile(compiled, path, ms) }
      : {}),
    close: async () => forget(),
  }
}

async function openRedis(cell: Cell, folder: string, forget: () => void): Promise<SharedTierUnderTest> {
  const redis = await startRedis(cell.fault === 'server-loading' ? { args: SLOW_LOADING } : {})
  if (cell.fault === 'server-loading') await redis.command('EVAL', FILL, 0)
  const links = await linksTo(redis.port, cell)
  return {
    folder,
    at: (worker) => JSON.stringify({ url: links[worker]?.url() ?? redis.url }),
    links,
    server: {
      pause: () => redis.pause(),
      resume: () => redis.resume(),
      kill: () => redis.kill(),
      restart: (options) => redis.restart(options),
      save: async () => void (await redis.command('SAVE')),
      command: redis.command,
    },
    async close() {
      await Promise.all(links.map((link) => link.close()))
      await redis.stop()
      forget()
    },
  }
}

/** The faults are all its own: the Redis that keeps the ledger stands by. */
async function openMemcached(cell: Cell, folder: string, forget: () => void): Promise<SharedTierUnderTest> {
  const [server, ledger] = await Promise.all([startMemcached(), startRedis()])
  const links = await linksTo(server.port, cell)
  return {
    folder,
    at: (worker) => JSON.stringify({ servers: `127.0.0.1:${links[worker]?.port ?? server.port}`, ledger: ledger.url }),
    links,
    server: {
      pause: () => server.pause(),
      resume: () => server.resume(),
      kill: () => server.kill(),
      restart: (options) => server.restart(options),
      // It holds nothing over a restart.
      save: async () => {},
    },
    async close() {
      await Promise.all(links.map((link) => link.close()))
      await Promise.all([server.stop(), ledger.stop()])
      forget()
    },
  }
}

/** What a process of a ring opens. */
export interface RingAt {
  readonly redis: readonly string[]
  readonly memcached: string
  /** Another Redis, for who wants one more node. */
  readonly spare: string
  readonly ledger: string
}

async function openRing(folder: string, forget: () => void): Promise<SharedTierUnderTest> {
  const [a, b, spare, ledger, c] = await Promise.all([
    startRedis(),
    startRedis(),
    startRedis(),
    startRedis(),
    startMemcached(),
  ])
  const at: RingAt = { redis: [a.url, b.url], memcached: `127.0.0.1:${c.port}`, spare: spare.url, ledger: ledger.url }
  const faultable = (server: Service, save: () => Promise<unknown>): FaultableServer => ({
    pause: () => server.pause(),
    resume: () => server.resume(),
    kill: () => server.kill(),
    restart: (options) => server.restart(options),
    save: async () => void (await save()),
  })
  return {
    folder,
    at: () => JSON.stringify(at),
    links: [],
    nodes: [...[a, b].map((server) => faultable(server, () => server.command('SAVE'))), faultable(c, async () => {})],
    async close() {
      await Promise.all([a, b, c, spare, ledger].map((server) => server.stop()))
      forget()
    },
  }
}

/** What a process of a region opens: both servers, of which the other one stands behind its link. */
export interface RegionsAt {
  readonly region: 'us' | 'eu'
  readonly us: string
  readonly eu: string
}

async function openRegions(cell: Cell, folder: string, forget: () => void): Promise<SharedTierUnderTest> {
  const [us, eu] = await Promise.all([startRedis(), startRedis()])
  const other = (worker: number): RedisService => (regionOf(worker) === 'us' ? eu : us)
  const links = await Promise.all(
    Array.from({ length: cell.processes }, (_, worker) =>
      startFaultProxy({ to: { port: other(worker).port }, seed: cell.seed + worker }),
    ),
  )
  if (beginsFarApart(cell)) await Promise.all(links.map((link) => link.set({ kind: 'delay', ms: 240 })))
  return {
    folder,
    at: (worker) => {
      const region = regionOf(worker)
      const away = links[worker]?.url() ?? ''
      const at: RegionsAt = { region, us: region === 'us' ? us.url : away, eu: region === 'eu' ? eu.url : away }
      return JSON.stringify(at)
    },
    links,
    regions: {
      servers: [us, eu].map((server) => ({
        pause: () => server.pause(),
        resume: () => server.resume(),
        kill: () => server.kill(),
        restart: (options) => server.restart(options),
        save: async () => void (await server.command('SAVE')),
        command: server.command,
      })),
      links: (['us', 'eu'] as const).map((region) => links.filter((_, worker) => regionOf(worker) === region)),
    },
    async close() {
      await Promise.all(links.map((link) => link.close()))
      await Promise.all([us.stop(), eu.stop()])
      forget()
    },
  }
}

/** About a second of loading, during which the server answers -LOADING. */
const SLOW_LOADING = [
  '--key-load-delay',
  '2500',
  '--loading-process-events-interval-bytes',
  '1024',
  '--rdbcompression',
  'no',
]
const FILL = "for i = 1, 400 do redis.call('SET', 'filler:' .. i, string.rep('x', 2000)) end"

function linksTo(port: number, cell: Cell): Promise<FaultProxy[]> {
  return Promise.all(
    Array.from({ length: cell.processes }, (_, worker) => startFaultProxy({ to: { port }, seed: cell.seed + worker })),
  )
}

async function openPostgres(cell: Cell, folder: string, forget: () => void): Promise<SharedTierUnderTest> {
  const server = await startPostgres()
  const links = await linksTo(server.port, cell)
  return {
    folder,
    at: (worker) =>
      JSON.stringify({ url: server.url.replace(String(server.port), String(links[worker]?.port ?? server.port)) }),
    links,
    server: {
      pause: () => server.pause(),
      resume: () => server.resume(),
      kill: () => server.kill(),
      restart: (options) => server.restart(options),
      save: async () => void (await server.query('checkpoint')),
    },
    async close() {
      await Promise.all(links.map((link) => link.close()))
      await server.stop()
      forget()
    },
  }
}

async function openSentinel(folder: string, forget: () => void): Promise<SharedTierUnderTest> {
  const servers = await startSentinel()
  const at = JSON.stringify({ sentinels: servers.addresses, name: servers.name })
  return {
    folder,
    at: () => at,
    links: [],
    group: faultableSentinels(servers),
    close: () => servers.stop().finally(forget),
  }
}

async function openCluster(folder: string, forget: () => void): Promise<SharedTierUnderTest> {
  const servers = await startCluster()
  const at = JSON.stringify({ cluster: servers.addresses })
  return {
    folder,
    at: () => at,
    links: [],
    group: faultableCluster(servers),
    close: () => servers.stop().finally(forget),
  }
}

/** Another process holds the file's write lock for a while. */
function lockFile(compiled: string, path: string, ms: number): Promise<void> {
  const child = fork(join(compiled, 'test/histories/lock-worker.js'), [path, String(ms)], {
    stdio: 'inherit',
    execArgv: [],
  })
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the locker ended with ${code}`))))
  })
}
