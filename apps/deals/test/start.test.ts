// The program as a stranger runs it: what it prints, how it ends, what it refuses and with which exit code.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite from 'libsql'
import { beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../src/db/database.ts'
import { SCHEMA_VERSION } from '../src/db/migrations.ts'
import { SMALL, startSubject } from './service-under-test.ts'
import { makeFolder } from './temporary-folder.ts'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

beforeAll(() => {
  // The tests of the whole project build first; a run of this file alone does it here.
  if (!existsSync(MAIN))
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'apps/deals'], { cwd: ROOT })
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the program; `act` is called once it is ready and gets its output and its process id. */
function run(
  args: readonly string[],
  env: Record<string, string> = {},
  act?: (out: string, pid: number) => void | Promise<void>,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env.PATH, CACHE_WARMING_ENABLED: 'false', ...env },
    })
    let [out, err, isReady] = ['', '', false]
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.stdout.on('data', (chunk) => {
      out += chunk
      if (isReady || !out.includes('Ctrl-C stops it')) return
      isReady = true
      Promise.resolve(act?.(out, child.pid ?? 0)).finally(() => child.kill('SIGINT'))
    })
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

test('starts, prints where it is with a curl line that works, and stops cleanly on Ctrl-C', async () => {
  const folder = makeFolder()
  let answer = ''
  const { code, out, err } = await run(['--port', '0', '--dir', folder, ...SMALL], {}, (text) => {
    const curl = /^ {2}(curl .+)$/m.exec(text)?.[1] ?? 'false'
    answer = execFileSync('sh', ['-c', curl.replace('curl -i', 'curl -si')], { encoding: 'utf8' })
  })
  expect(answer).toContain('HTTP/1.1 200 OK')
  expect(answer).toContain('cache-status: deals-strategic; fwd=uri-miss; stored')
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/administrator {2}\d+\.\d+\.[\w-]{43}/)
  expect(out.trimEnd().endsWith('stopped')).toBe(true)
  // A second start keeps the data, and its tokens are others.
  const again = await run(['--port', '0', '--dir', folder, ...SMALL])
  expect(again.out).toContain('data: kept')
  expect(/viewer +(\S+)/.exec(again.out)?.[1]).not.toBe(/viewer +(\S+)/.exec(out)?.[1])
})

test('with --nodes 2, two processes are one cache: each is seen by the control plane, and both end together; with --log-level, lines of JSON alone are on standard error', {
  timeout: 180_000,
}, async () => {
  let nodes: { id: string }[] = []
  const args = ['--port', '0', '--dir', makeFolder(), '--nodes', '2', '--log-level', 'debug', ...SMALL]
  const { code, out, err } = await run(args, {}, async (text) => {
    const url = /Deals is ready: (\S+)\//.exec(text)?.[1] ?? ''
    const organization = /\(organisation (\d+)\)/.exec(text)?.[1] ?? ''
    const headers = { authorization: `Bearer ${/viewer +(\S+)/.exec(text)?.[1] ?? ''}` }
    nodes = ((await (await fetch(`${url}/api/admin/caching/nodes/`, { headers })).json()) as { data: { id: string }[] })
      .data
    await (await fetch(`${url}/api/cached/organizations/info/?organization=${organization}`, { headers })).text()
  })
  expect(nodes.map(({ id }) => id)).toEqual(['deals-1', 'deals-2'])
  expect(code).toBe(0)
  const lines = err
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(new Set(lines.map((line) => line['service.node.name']))).toEqual(new Set(['deals-1', 'deals-2']))
  const actions = new Set(lines.map((line) => line['event.action']))
  for (const action of ['service.started', 'http.request', 'cache.miss', 'cache.load'])
    expect(actions).toContain(action)
  expect(lines.every((line) => line['service.name'] === 'deals' && line['ecs.version'] === '8.11.0')).toBe(true)
  expect(out).toContain('administrator')
})

describe('what it refuses: one line, exit code 2, nothing half made', () => {
  const refused = async (args: readonly string[], env: Record<string, string>, message: RegExp) => {
    const { code, out, err } = await run(args, env)
    expect([code, out]).toEqual([2, ''])
    expect(err.trimEnd()).toMatch(message)
    expect(err.trimEnd()).not.toContain('\n')
  }

  test('a port that is taken', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? String(address.port) : ''
    const folder = join(makeFolder(), 'data')
    await refused(['--dir', folder], { PORT: port }, /deals: port \d+ on 127\.0\.0\.1 is taken.*PORT=/)
    expect(existsSync(folder)).toBe(false)
    server.close()
  })

  test('an unknown option, a wrong time', async () => {
    await refused(['--speed', '3'], {}, /deals: .*--speed.*--help/)
    await refused([], { CACHE_DEFAULT_TIMEOUT: 'soon' }, /deals: CACHE_DEFAULT_TIMEOUT "soon"/)
    await refused([], { REDIS_URL: 'nonsense' }, /deals: REDIS_URL "nonsense"/)
    await refused(['--regions', 'us,us'], {}, /deals: --regions "us,us": "us" is there twice/)
  })

  test('a PostgreSQL that does not answer', async () => {
    await refused(
      ['--port', '0', '--dir', makeFolder()],
      { DATABASE_URL: 'postgres://me:hidden@127.0.0.1:9/deals' },
      /cannot reach PostgreSQL at postgres:\/\/me:\*\*\*@127\.0\.0\.1:9\/deals/,
    )
  })

  test.skipIf(process.getuid?.() === 0)(
    'a folder that cannot be written (skipped for root, who can write everywhere)',
    async () => {
      const folder = makeFolder()
      chmodSync(folder, 0o500)
      await refused(['--port', '0', '--dir', join(folder, 'data')], {}, /cannot open the database .*--dir/)
    },
  )

  test('a folder that is a file', async () => {
    const path = join(makeFolder(), 'file')
    writeFileSync(path, '')
    await refused(['--port', '0', '--dir', path], {}, /cannot open the database .*--dir/)
  })

  test('a database of a newer schema', async () => {
    const folder = makeFolder()
    const path = join(folder, 'deals.sqlite')
    await (await openDatabase({ engine: 'sqlite', path })).close()
    const file = new Sqlite(path)
    file.prepare('update meta set value = ? where key = ?').run(String(SCHEMA_VERSION + 1), 'schema_version')
    file.close()
    await refused(
      ['--port', '0', '--dir', folder],
      {},
      new RegExp(`schema version ${SCHEMA_VERSION + 1}, but this release supports only up to ${SCHEMA_VERSION}`),
    )
    expect(readdirSync(folder).filter((name) => name.startsWith('cache'))).toEqual([])
  })

  test('a database that is something else', async () => {
    const folder = makeFolder()
    writeFileSync(join(folder, 'deals.sqlite'), 'this is no database, whatever its name says. '.repeat(40))
    await refused(['--port', '0', '--dir', folder], {}, /cannot open the database/)
  })
})

test('a corrupt cache file is set aside and replaced, with a warning: it is a cache', async () => {
  const folder = makeFolder()
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'cache.sqlite'), 'not a database at all. '.repeat(100))
  const subject = await startSubject({ folder })
  try {
    expect((await subject.get('/api/cached/organizations/1/info/')).status).toBe(200)
    expect(subject.said.some((line) => line.startsWith('cache: '))).toBe(true)
  } finally {
    await subject.stop()
  }
})
