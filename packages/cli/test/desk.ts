// A control plane over two caches, one of memory alone and one over SQLite, behind a real HTTP server; and the command
// line against it, in this process or as a process of its own.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { createAdaptorServer } from '@hono/node-server'
import { main } from '@millpond/cli/main'
import {
  type ControlOptions,
  type ControlPlane,
  createControl,
  ensureToken,
  openStore,
  ROLES,
  type Role,
  type Store,
} from '@millpond/control'
import { type Cache, createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { patient } from '../../millpond/test/services/index.ts'

export const BIN = fileURLToPath(new URL('../bin/millpond.mjs', import.meta.url))
export const tokenOf = (who: string): string => `${who}-`.padEnd(40, 'x')

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
  readonly json: any
}

export interface RunOptions {
  /** Default `operator`; null: no token. */
  readonly as?: Role | 'limited' | null
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  /** What is typed at a terminal, a line for each question. */
  readonly typed?: readonly string[]
  readonly columns?: number
}

export interface Desk {
  readonly url: string
  readonly folder: string
  readonly shop: Cache
  readonly deep: Cache
  readonly plane: ControlPlane
  readonly store: Store
  /** In this process. */
  run(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** As a process of its own, on the built packages. */
  start(args: readonly string[], options?: RunOptions): Started
  close(): Promise<void>
}

export interface Started {
  readonly kill: (signal: NodeJS.Signals) => void
  readonly stdout: NodeJS.ReadableStream & { destroy(): unknown }
  readonly stderr: NodeJS.ReadableStream
  readonly ended: Promise<Ran>
}

const RATE = { perMinute: 1e6, burst: 1e6 }

export async function openDesk(options: Partial<ControlOptions> = {}): Promise<Desk> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-cli-'))
  mkdirSync(join(folder, 'home'))
  const shop = createCache({ name: 'shop', tiers: [memory({ maxBytes: '8mb' })] })
  const deep = createCache({
    name: 'deep',
    tiers: [memory(), patient(sqlite({ path: join(folder, 'deep.db') }), '1s')],
  })
  const store = await openStore(join(folder, 'control.db'))
  for (const role of ROLES) await ensureToken(store, { name: role, role }, tokenOf(role))
  await ensureToken(store, { name: 'limited', role: 'operator', namespaces: ['mine'], maxKeys: 3 }, tokenOf('limited'))
  const plane = createControl({
    store,
    caches: [shop, deep],
    rates: { read: RATE, write: RATE, purge: RATE, scan: RATE },
    ...options,
  })
  await plane.start()
  const server = createAdaptorServer({ fetch: plane.fetch })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const envFor = ({ as = 'operator', env = {} }: RunOptions) => ({
    HOME: join(folder, 'home'),
    PATH: process.env.PATH,
    MILLPOND_URL: url,
    ...(as !== null && { MILLPOND_TOKEN: tokenOf(as) }),
    ...env,
  })
  return {
    url,
    folder,
    shop,
    deep,
    plane,
    store,
    run: (args, asked = {}) => runHere(args, { ...asked, env: envFor(asked) as Record<string, string> }, folder),
    start: (args, asked = {}) => startProcess(args, asked, envFor(asked) as Record<string, string>, folder),
    async close() {
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await plane.close()
      await store.close()
      await Promise.all([shop.close(), deep.close()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export async function runHere(
  args: readonly string[],
  { stdin = '', env = {}, typed, columns }: RunOptions,
  cwd: string,
): Promise<Ran> {
  const isTTY = typed !== undefined
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const texts = { out: '', err: '' }
  streams.stdout.on('data', (chunk) => {
    texts.out += chunk
  })
  const lines = [...(typed ?? [])]
  streams.stderr.on('data', (chunk) => {
    texts.err += chunk
    // A question ends without a line break.
    if (isTTY && /[:\]] $/.test(texts.err)) {
      const line = lines.shift()
      if (line === undefined) streams.stdin.end()
      else streams.stdin.write(`${line}\n`)
    }
  })
  if (!isTTY) streams.stdin.end(stdin)
  if (isTTY) for (const stream of Object.values(streams)) Object.assign(stream, { isTTY: true })
  if (columns !== undefined) Object.assign(streams.stdout, { isTTY: true, columns })
  const code = await main(args, { ...streams, env, cwd, onInterrupt: () => () => undefined })
  await new Promise((resolve) => setImmediate(resolve))
  return { code, ...texts, json: jsonIn(texts.out) }
}

function startProcess(
  args: readonly string[],
  { stdin = '' }: RunOptions,
  env: Record<string, string>,
  cwd: string,
): Started {
  const child = spawn(process.execPath, [BIN, ...args], { env, cwd })
  const texts = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    texts.out += chunk
  })
  child.stderr.on('data', (chunk) => {
    texts.err += chunk
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin)
  const ended = new Promise<Ran>((resolve) =>
    child.on('close', (code) => resolve({ code, ...texts, json: jsonIn(texts.out) })),
  )
  return { kill: (signal) => child.kill(signal), stdout: child.stdout, stderr: child.stderr, ended }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
