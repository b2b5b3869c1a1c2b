// Each tier beside the barest way to the same store: the client alone, or the calls of the file system.
import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import Database from 'libsql'
import { MemcacheClient } from 'memcache-client'
import { file } from 'millpond/tiers/file'
import { memcached } from 'millpond/tiers/memcached'
import { type RedisTierOptions, redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { createClient, RESP_TYPES } from 'redis'
import { startRedisServer } from '../consistency/redis-server.ts'
import { findProgram, freePort } from '../program.ts'
import type { Comparison } from './comparison.ts'
import { openPostgres } from './postgres.ts'

export const COMPARISONS = {
  redis: openRedis,
  'node-redis': openNodeRedis,
  postgres: openPostgres,
  sqlite: openSqlite,
  memcached: openMemcached,
  file: openFile,
} as const

interface Bare extends Pick<Comparison, 'bareName' | 'bare'> {
  /**
   * The tier works through a client of the same class: two versions of one client differ by more than the tier adds.
   */
  readonly options: RedisTierOptions
  close(): unknown
}

async function besideRedis(name: string, open: (url: string) => Promise<Bare>): Promise<Comparison> {
  const server = await startRedisServer()
  const { bareName, bare, options, close } = await open(server.url)
  const tier = redis(options)
  return {
    name,
    tier,
    bareName,
    bare,
    async close() {
      await close()
      await tier.close()
      await server.close()
    },
  }
}

function openRedis(): Promise<Comparison> {
  return besideRedis('redis', async (url) => {
    const client = new Redis(url)
    return {
      bareName: 'ioredis',
      options: { client },
      close: () => client.disconnect(),
      bare: {
        read: async ([key = '', ...more]) =>
          more.length === 0
            ? Number((await client.getBuffer(`bare:${key}`)) !== null)
            : (await client.mgetBuffer([key, ...more].map((one) => `bare:${one}`))).filter((one) => one !== null)
                .length,
        write: async (keys, body) => {
          const pipeline = client.pipeline()
          for (const key of keys) pipeline.set(`bare:${key}`, body)
          await pipeline.exec()
        },
      },
    }
  })
}

function openNodeRedis(): Promise<Comparison> {
  return besideRedis('node-redis', async (url) => {
    const client = createClient({ url })
    await client.connect()
    const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    return {
      bareName: 'node-redis',
      options: { url, driver: 'redis' },
      close: () => client.destroy(),
      bare: {
        read: async ([key = '', ...more]) =>
          more.length === 0
            ? Number((await bytes.get(`bare:${key}`)) !== null)
            : (await bytes.mGet([key, ...more].map((one) => `bare:${one}`))).filter((one) => one !== null).length,
        write: (keys, body) => Promise.all(keys.map((key) => client.set(`bare:${key}`, body))).then(() => undefined),
      },
    }
  })
}

/** One table, its two statements prepared; a batch of writes is one transaction. */
async function openSqlite(): Promise<Comparison> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const tier = sqlite({ path: join(folder, 'tier.db'), driver: 'libsql' })
  const database = new Database(join(folder, 'bare.db'))
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE entry (key TEXT PRIMARY KEY, body BLOB NOT NULL)',
  )
  const get = database.prepare('SELECT body FROM entry WHERE key = ?')
  const put = database.prepare('INSERT OR REPLACE INTO entry (key, body) VALUES (?, ?)')
  const [begin, commit] = [database.prepare('BEGIN IMMEDIATE'), database.prepare('COMMIT')]
  return {
    name: 'sqlite',
    tier,
    bareName: 'libsql',
    bare: {
      read: async (keys) => keys.filter((key) => get.get(key) !== undefined).length,
      write: async (keys, body) => {
        begin.run()
        for (const key of keys) put.run(key, body)
        commit.run()
      },
    },
    async close() {
      database.close()
      await tier.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function openMemcached(): Promise<Comparison> {
  const { path, libraries } = findProgram('memcached')
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn(path, ['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user], {
    stdio: 'ignore',
    env: libraries === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries },
  })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  while (!(await isOpen(port))) await new Promise((resolve) => setTimeout(resolve, 20))
  const client = new MemcacheClient({ server: `127.0.0.1:${port}` })
  const tier = memcached({ servers: `127.0.0.1:${port}` })
  return {
    name: 'memcached',
    tier,
    bareName: 'memcache-client',
    bare: {
      read: async (keys) => {
        const names = keys.map((key) => `bare:${key}`)
        const [name = ''] = names
        if (names.length === 1) return Number((await client.get(name)) !== undefined)
        return Object.keys((await client.get(names)) ?? {}).length
      },
      write: async (keys, body) => void (await Promise.all(keys.map((key) => client.set(`bare:${key}`, body)))),
    },
    async close() {
      client.shutdown()
      await tier.close()
      process.off('exit', kill)
      kill()
    },
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** A file of unknown contents. */
async function openFile(): Promise<Comparison> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  const tier = file({ path: join(folder, 'tier') })
  const fd = openSync(join(folder, 'bare'), 'a+')
  const buffer = Buffer.alloc(2048)
  let length = 1
  return {
    name: 'file',
    tier,
    bareName: 'writeSync, readSync',
    bare: {
      read: async (keys) => {
        let found = 0
        for (const key of keys)
          if (readSync(fd, buffer, 0, length, (Number(key.slice(key.lastIndexOf(':') + 1)) % 1000) * length) > 0)
            found++
        return found
      },
      write: async (keys, body) => {
        length = body.length
        writeSync(fd, keys.length === 1 ? body : Buffer.concat(keys.map(() => body)))
      },
    },
    async close() {
      closeSync(fd)
      await tier.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
