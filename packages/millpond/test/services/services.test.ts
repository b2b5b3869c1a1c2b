// The servers that other tests rely on: they start, answer, freeze, die, come back, and leave nothing behind.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWith } from './describe-with.ts'
import { freePort } from './free-port.ts'
import { startMemcached } from './memcached.ts'
import { type PostgresService, startPostgres } from './postgres.ts'
import { promtool } from './program.ts'
import { type RedisService, startRedis } from './redis.ts'
import { startCluster } from './redis-cluster.ts'
import { startSentinel } from './redis-sentinel.ts'
import type { Service } from './service.ts'
import { until } from './until.ts'

describeWith('redis', 'startRedis', () => {
  let redis: RedisService
  beforeAll(async () => {
    redis = await startRedis({ args: ['--maxmemory', '64mb'] })
  })
  afterAll(() => redis.stop())

  test('answers on its url with the given arguments', async () => {
    expect(await redis.command('SET', 'a', '1')).toBe('OK')
    expect(await redis.command('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', String(64 * 2 ** 20)])
  })

  test('stays connected but silent while paused', async () => {
    const client = new Redis(redis.url)
    expect(await client.ping()).toBe('PONG')
    redis.pause()
    const answer = client.ping()
    expect(await Promise.race([answer, wait(200).then(() => 'silent')])).toBe('silent')
    redis.resume()
    expect(await answer).toBe('PONG')
    client.disconnect()
  })

  test('keeps its data and port over a restart, and starts empty when told', async () => {
    const { port, pid } = redis
    await redis.command('SET', 'kept', 'yes')
    await redis.restart()
    expect([redis.port, redis.pid === pid]).toEqual([port, false])
    expect(await redis.command('GET', 'kept')).toBe('yes')
    await redis.restart({ empty: true })
    expect(await redis.command('DBSIZE')).toBe(0)
  })

  test('comes back from a kill with what was saved last', async () => {
    await redis.command('SET', 'old', 'yes')
    await redis.command('SAVE')
    await redis.command('SET', 'young', 'yes')
    await redis.kill()
    expect(isAlive(redis.pid)).toBe(false)
    await expect(redis.command('PING')).rejects.toThrow()
    await redis.restart()
    expect(await redis.command('MGET', 'old', 'young')).toEqual(['yes', null])
  })

  test('has a new run id after a restart', async () => {
    const runId = async (): Promise<string> =>
      /run_id:(\w+)/.exec(String(await redis.command('INFO', 'server')))?.[1] ?? ''
    const before = await runId()
    await redis.restart()
    expect(await runId()).not.toBe(before)
  })

  test('is gone after stop, twice is no fault, also when it was paused', async () => {
    const one = await startRedis()
    const { pid, folder } = one
    one.pause()
    await Promise.all([one.stop(), one.stop()])
    expect([isAlive(pid), existsSync(folder)]).toEqual([false, false])
    await expect(one.restart()).rejects.toThrow('was stopped')
  })

  test('says in its error what the server said when it does not start', async () => {
    await expect(startRedis({ args: ['--maxmemory', 'plenty'] })).rejects.toThrow(/FATAL CONFIG[\s\S]*plenty/)
  })

  test('speaks TLS only, with a certificate that can be verified', async () => {
    const secure = await startRedis({ tls: true })
    expect(secure.url).toMatch(/^rediss:/)
    expect(await secure.command('PING')).toBe('PONG')
    const distrustful = calm(new Redis(secure.url, { lazyConnect: true, retryStrategy: () => null }))
    await expect(distrustful.connect()).rejects.toThrow()
    await secure.stop()
  })

  test('limits the user of an ACL and refuses the default user', async () => {
    const strict = await startRedis({ acl: { user: 'shop', password: 'p@ss:word', rules: '~shop:* +get +set +ping' } })
    const client = new Redis(strict.url, { enableReadyCheck: false })
    expect(await client.set('shop:a', '1')).toBe('OK')
    await expect(client.set('other', '1')).rejects.toThrow('NOPERM')
    await expect(client.flushall()).rejects.toThrow('NOPERM')
    expect(await strict.command('ACL', 'WHOAMI')).toBe('admin')
    const stranger = calm(new Redis(strict.port, strict.host, { lazyConnect: true, enableReadyCheck: false }))
    await expect(stranger.ping()).rejects.toThrow('NOAUTH')
    client.disconnect()
    stranger.disconnect()
    await strict.stop()
  })
})

describeWith('redis', 'startSentinel', () => {
  test('names another master after the first was killed', { timeout: 60_000 }, async () => {
    const group = await startSentinel()
    const first = await group.master()
    expect(first).toBe(group.servers[0])
    const client = calm(new Redis({ sentinels: [...group.addresses], name: group.name }))
    expect(await client.set('a', '1')).toBe('OK')
    await client.wait(2, 1_000)
    await first?.kill()
    const next = await until('another master', async () => {
      const master = await group.master()
      return master !== first && master
    })
    await until('its promotion', async () => /role:master/.test(String(await next.command('INFO', 'replication'))))
    expect(await next.command('GET', 'a')).toBe('1')
    client.disconnect()
    const pids = [...group.sentinels, ...group.servers].map((one) => one.pid)
    await group.stop()
    expect(pids.filter(isAlive)).toEqual([])
  })
})

describeWith('redis', 'startCluster', () => {
  test('promotes a replica when a master was killed', { timeout: 90_000 }, async () => {
    const cluster = await startCluster()
    const client = new Redis.Cluster([...cluster.addresses])
    expect(await client.set('a', '1')).toBe('OK')
    const owner = await cluster.ownerOf('a')
    expect(cluster.nodes.indexOf(owner ?? first(cluster.nodes))).toBeLessThan(3)
    await owner?.command('WAIT', 1, 1_000)
    await owner?.kill()
    const next = await until('another owner', async () => {
      const now = await cluster.ownerOf('a')
      return now !== owner && now
    })
    await cluster.healthy()
    expect(cluster.nodes.indexOf(next)).toBeGreaterThanOrEqual(3)
    expect(await client.get('a')).toBe('1')
    client.disconnect()
    const pids = cluster.nodes.map((one) => one.pid)
    await cluster.stop()
    expect(pids.filter(isAlive)).toEqual([])
  })
})

describeWith('postgres', 'startPostgres', () => {
  let postgres: PostgresService
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())

  test('keeps its data over a restart and a kill, and starts empty when told', async () => {
    await postgres.query('create table t (a int)')
    await postgres.query('insert into t values ($1)', [7])
    await postgres.restart()
    expect(await postgres.query('select a from t')).toEqual([{ a: 7 }])
    await postgres.kill()
    await postgres.restart()
    expect(await postgres.query('select a from t')).toEqual([{ a: 7 }])
    await postgres.restart({ empty: true })
    await expect(postgres.query('select a from t')).rejects.toThrow('does not exist')
  })

  test('is silent while paused, on open connections too', async () => {
    const answer = postgres.query('select pg_sleep(0.1), 1 as one')
    postgres.pause()
    expect(await Promise.race([answer, wait(400).then(() => 'silent')])).toBe('silent')
    postgres.resume()
    expect(await answer).toMatchObject([{ one: 1 }])
  })
})

describeWith('memcached', 'startMemcached', () => {
  test('answers, forgets all in a restart, and is gone after stop', async () => {
    const memcached = await startMemcached()
    expect(await say(memcached, 'set a 0 0 1\r\n1\r\n')).toBe('STORED\r\n')
    expect(await say(memcached, 'mg a v\r\n')).toBe('VA 1\r\n1\r\n')
    await memcached.restart()
    expect(await say(memcached, 'mg a v\r\n')).toBe('EN\r\n')
    const { pid } = memcached
    await memcached.stop()
    expect(isAlive(pid)).toBe(false)
  })
})

describeWith('promtool', 'promtool', () => {
  test('takes good metrics and refuses bad ones', async () => {
    const check = (text: string): Promise<string> => {
      const { path, env } = promtool()
      const run = promisify(execFile)(path, ['check', 'metrics'], { env })
      run.child.stdin?.end(text)
      return run.then(
        () => 'good',
        (error: { stderr: string }) => error.stderr,
      )
    }
    expect(await check('# HELP a_total Things.\n# TYPE a_total counter\na_total 1\n')).toBe('good')
    expect(await check('# HELP a_total Things.\n# TYPE a_total counter\na_total one\n')).toMatch(
      /error while linting|expected float/,
    )
  })
})

describe('a server whose test process is gone', () => {
  test('is ended, and its folder cleared away', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millpond-watchdog-'))
    const watchdog = fileURLToPath(new URL('./watchdog.mjs', import.meta.url))
    // A test process as it may be: starts a server, tells the watchdog, and is killed.
    const program = `
      const { spawn } = require('node:child_process')
      const server = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
      const dog = spawn(process.execPath, [${JSON.stringify(watchdog)}], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
      dog.stdin.write('+pid ' + server.pid + '\\n+folder ' + ${JSON.stringify(folder)} + '\\n', () => {
        console.log(server.pid)
        process.kill(process.pid, 'SIGKILL')
      })`
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    child.stdout.on('data', (data) => {
      printed += data
    })
    await new Promise((resolve) => child.once('close', resolve))
    const pid = Number(printed)
    expect(pid).toBeGreaterThan(1)
    await until('the end of the server', () => !isAlive(pid))
    await until('the end of its folder', () => !existsSync(folder))
  })
})

describe('freePort', () => {
  test('never gives the same port twice', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()))
    expect(new Set(ports).size).toBe(50)
  })
})

/** Without a listener the client prints what its calls reject with anyway. */
const calm = (client: Redis): Redis => client.on('error', () => undefined)

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function first<T>(items: readonly T[]): T {
  const [item] = items
  if (item === undefined) throw new Error('empty')
  return item
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function say(service: Service, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(service.port, service.host, () => socket.write(text))
    socket.once('data', (data) => {
      resolve(data.toString())
      socket.destroy()
    })
    socket.once('error', reject)
  })
}
