// Every folder of examples, started and asked; those that are plain programs are started in one process. That of Prisma
// is started where its client is generated.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { NextCacheEntry } from 'millpond/next'
import ts from 'typescript'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const examples = join(root, 'examples')
const SERVERS = ['express', 'fastify', 'hono', 'write-behind']
const said = new Map<string, string>()
let folder: string
let child: ChildProcess
let errors = ''

beforeAll(async () => {
  mkdirSync(join(root, '.cache'), { recursive: true })
  folder = mkdtempSync(join(root, '.cache', 'examples-of-'))
  const nest = join(folder, 'nest.mjs')
  writeFileSync(nest, compiled(readFileSync(join(examples, 'nest/main.ts'), 'utf8')))
  const files = [...SERVERS.map((name) => join(name, 'server.mjs')), 'kysely/queries.mjs', 'regions/main.mjs'].map(
    (file) => join(examples, file),
  )
  child = spawn(process.execPath, [fileURLToPath(new URL('./examples-child.mjs', import.meta.url)), ...files, nest], {
    env: { ...process.env, JOURNAL: join(folder, 'views') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stderr?.on('data', (text) => {
    errors += text
  })
  if (child.stdout === null) throw new Error('no output')
  for await (const line of createInterface({ input: child.stdout })) {
    const [name = '', ...rest] = line.split(' ')
    said.set(name, rest.join(' '))
    if (said.size === files.length + 1) break
  }
}, 60_000)
afterAll(() => {
  child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** As Nest's users compile theirs. */
const compiled = (code: string): string =>
  ts.transpileModule(code, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      useDefineForClassFields: false,
    },
  }).outputText
const urlOf = (name: string): string => said.get(name) ?? expect.fail(`${name} did not start: ${errors}`)
const ask = async (name: string, path: string, method = 'GET'): Promise<string> =>
  (await fetch(`${urlOf(name)}${path}`, { method })).text()

it('Express: a route is a hit until somebody writes', async () => {
  expect([await ask('express', '/prices/7'), await ask('express', '/prices/7')]).toEqual([
    '{"price":42}',
    '{"price":42}',
  ])
  expect((await fetch(`${urlOf('express')}/prices/7`)).headers.get('cache-status')).toMatch(/^Millpond; hit/)
  await ask('express', '/prices/7/43', 'PUT')
  expect(await ask('express', '/prices/7')).toBe('{"price":43}')
})

it('Fastify: what a route computes is computed once for all', async () => {
  const three = await Promise.all([1, 2, 3].map(() => ask('fastify', '/report')))
  expect(new Set(three)).toEqual(new Set(['{"computed":1,"orders":2}']))
  await ask('fastify', '/orders/cup', 'POST')
  expect(await ask('fastify', '/report')).toBe('{"computed":2,"orders":3}')
})

it('Hono: pages are made anew after they were published', async () => {
  expect([await ask('hono', '/pages/home'), await ask('hono', '/pages/home')]).toEqual(['home, made 1', 'home, made 1'])
  await ask('hono', '/publish', 'POST')
  expect(await ask('hono', '/pages/home')).toBe('home, made 2')
})

it('write-behind: views are seen at once, and the source gets all of them', async () => {
  const counts = await Promise.all([1, 2, 3, 4, 5].map(() => ask('write-behind', '/home')))
  expect(counts.map(Number).sort()).toEqual([1, 2, 3, 4, 5])
  await ask('write-behind', '/flush')
  expect(JSON.parse(await ask('write-behind', '/source')).rows).toEqual({ '/home': 5 })
})

it('Kysely, Nest and regions say what their pages promise', () => {
  for (const name of ['kysely', 'nest', 'regions'])
    expect(readFileSync(join(examples, name, 'README.md'), 'utf8')).toContain(`\`${name} ${said.get(name)}\``)
})

it('Next: both handlers stand over one cache, as the configuration names them', async () => {
  const config = await import('../../../examples/next/next.config.mjs')
  const { cacheHandlers, cacheHandler } = config.default
  expect([cacheHandlers.default, cacheHandlers.remote, cacheHandler].map((path: string) => existsSync(path))).toEqual([
    true,
    true,
    true,
  ])
  const { default: useCache } = await import('../../../examples/next/use-cache.mjs')
  const { default: Pages } = await import('../../../examples/next/pages.mjs')
  const { cache } = await import('../../../examples/next/cache.mjs')
  const entry: NextCacheEntry = {
    value: new Response('page').body ?? expect.fail('no body'),
    tags: ['deals'],
    stale: 300,
    timestamp: Date.now(),
    expire: 3600,
    revalidate: 900,
  }
  await useCache.set('k', Promise.resolve(entry))
  expect(await new Response((await useCache.get('k', []))?.value).text()).toBe('page')
  await new Pages({ dev: false }).revalidateTag(['deals'])
  expect(await useCache.get('k', [])).toBeUndefined()
  await cache.close()
})

it('all of them end at SIGTERM, without a word of complaint', async () => {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(errors).toBe('')
})

it('each folder has a page, and is named on the page of all', () => {
  const page = readFileSync(join(examples, 'README.md'), 'utf8')
  const folders = readdirSync(examples, { withFileTypes: true }).filter((one) => one.isDirectory())
  expect(folders.length).toBeGreaterThanOrEqual(9)
  for (const { name } of folders) {
    expect(page).toContain(`[${name}](${name})`)
    expect(readFileSync(join(examples, name, 'README.md'), 'utf8')).toMatch(/^# .*\n[\s\S]*\.\.\/docs\/guide\//)
  }
})
