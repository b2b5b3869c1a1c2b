// The long form of the door to Next: a real application over the modules of examples/next, built and started as two
// replicas over one Redis. What one has made the other finds, and a revalidation in one holds in both. `node
// packages/millpond/test/next-app/play.mjs`: brings Next into the cache folder, and ends with 1 where something does
// not hold.
// @ts-check
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npmCommand, root } from '../../../../scripts/prepare.mjs'
import { bringServers } from '../../../../scripts/servers.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const QUIET = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' }
const PATIENCE_MS = 60_000

/** The packages of the lock file, once for each content of it, with this application and library as they are now. */
function bringApplication() {
  const lock = createHash('sha256')
    .update(readFileSync(join(here, 'package-lock.json')))
    .digest('hex')
  const folder = join(root, '.cache', `next-app-${lock.slice(0, 12)}`)
  if (!existsSync(folder)) {
    mkdirSync(join(root, '.cache'), { recursive: true })
    const draft = mkdtempSync(join(root, '.cache', 'next-app-'))
    for (const name of ['package.json', 'package-lock.json']) cpSync(join(here, name), join(draft, name))
    const [file, args] = npmCommand(['ci', '--no-audit', '--no-fund', '--loglevel=error'])
    if (spawnSync(file, args, { cwd: draft, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0)
      throw new Error('npm ci of Next failed')
    renameSync(draft, folder)
  }
  for (const name of ['app', '.next', 'node_modules/millpond'])
    rmSync(join(folder, name), { recursive: true, force: true })
  cpSync(join(here, 'app'), join(folder, 'app'), { recursive: true })
  const example = join(root, 'examples', 'next')
  for (const name of readdirSync(example)) if (name.endsWith('.mjs')) cpSync(join(example, name), join(folder, name))
  // A copy: Next's bundler does not follow links out of the application.
  for (const name of ['package.json', 'dist'])
    cpSync(join(root, 'packages', 'millpond', name), join(folder, 'node_modules', 'millpond', name), {
      recursive: true,
    })
  return folder
}

/** @param {string} folder @param {string[]} args @returns {[file: string, args: string[]]} */
const next = (folder, ...args) => [
  process.execPath,
  [join(folder, 'node_modules', 'next', 'dist', 'bin', 'next'), ...args],
]

/** @type {import('node:child_process').ChildProcess[]} */
const children = []

/** @param {string} file @param {readonly string[]} args @param {NodeJS.ProcessEnv} env @param {string} cwd */
function begin(file, args, env, cwd) {
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] })
  children.push(child)
  return child
}

/** @returns {Promise<number>} */
const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address === null || typeof address === 'string' ? reject(new Error('no port')) : resolve(address.port),
      )
    })
  })

/**
 * Asks until it holds. @template T
 * @param {() => Promise<T | undefined>} look
 * @param {string} what
 * @returns {Promise<T>}
 */
async function until(look, what) {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`after ${PATIENCE_MS / 1000} s still not: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** @param {string} url @returns {Promise<string | undefined>} when and by whom the page was made */
async function madeAt(url) {
  const answer = await fetch(url)
  return /made \d+ by \d+\./.exec(await answer.text())?.[0]
}

async function play() {
  const { redis } = bringServers()
  if (redis === undefined) throw new Error('no Redis here')
  const folder = bringApplication()
  if (
    spawnSync(...next(folder, 'build'), { cwd: folder, env: QUIET, stdio: ['ignore', 'ignore', 'inherit'] }).status !==
    0
  )
    throw new Error('next build failed')
  const files = mkdtempSync(join(tmpdir(), 'millpond-next-'))
  try {
    const port = await freePort()
    const libraries = redis.libraries === undefined ? {} : { LD_LIBRARY_PATH: redis.libraries }
    begin(
      redis.path,
      ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', files],
      { ...process.env, ...libraries },
      files,
    )
    const replicas = []
    for (let at = 0; at < 2; at++) {
      const own = await freePort()
      const [file, args] = next(folder, 'start', '-p', `${own}`, '-H', '127.0.0.1')
      begin(file, args, { ...QUIET, REDIS_URL: `redis://127.0.0.1:${port}`, BUILD_ID: 'one' }, folder)
      replicas.push(`http://127.0.0.1:${own}`)
    }
    for (const path of ['/', '/plain']) await one(replicas, path)
    console.log('next: what one replica has made the other finds, and a revalidation in one holds in both')
  } finally {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    rmSync(files, { recursive: true, force: true })
  }
}

/** @param {readonly string[]} replicas @param {string} path */
async function one([here = '', there = ''], path) {
  const both = async () => {
    const [a, b] = [await madeAt(here + path), await madeAt(there + path)]
    return a !== undefined && a === b ? a : undefined
  }
  const before = await until(both, `${path} is one page in both replicas`)
  const answer = await fetch(`${there}/forget`, { method: 'POST' })
  if (!answer.ok) throw new Error(`revalidateTag was answered with ${answer.status}`)
  // Acknowledged: where it was asked at once, elsewhere within 500 ms.
  if ((await madeAt(there + path)) === before)
    throw new Error(`${path}: the replica that has revalidated answers with the page of before`)
  await new Promise((resolve) => setTimeout(resolve, 500))
  if ((await madeAt(here + path)) === before)
    throw new Error(`${path}: the other replica answers with the page of before after 500 ms`)
  await until(both, `${path} is one page in both replicas, made anew`)
}

await play().catch((error) => {
  console.error(`next: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
})
