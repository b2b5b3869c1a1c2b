// Memory alone on Bun, Deno and workerd.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as passes } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort, until } from '../services/index.ts'
import { bringTools, command, emptyFolder, loadTool, program, run } from './tools.ts'

const MEMORY = '{"loaded":"seven","gone":true,"removed":1}'
let folder = ''
beforeAll(() => {
  bringTools()
  folder = emptyFolder()
}, 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('Bun runs it from its packages', async () => {
  expect(await run(command('bun'), [program('memory.mjs')], folder)).toBe(MEMORY)
})

test('Deno runs it from its packages', async () => {
  const args = ['run', '--quiet', '--no-prompt', '--allow-env', '--allow-sys', '--allow-read', program('memory.mjs')]
  expect(await run(command('deno'), args, folder, { NO_COLOR: '1' })).toBe(MEMORY)
})

test('workerd makes it while the program is loaded, and one request sees what another left, for as long as it lives', async () => {
  const { build } = loadTool('esbuild')
  const options = { bundle: true, format: 'esm', platform: 'node', logLevel: 'silent' }
  await build({ ...options, entryPoints: [program('worker.mjs')], outfile: join(folder, 'worker.mjs') })
  copyFileSync(program('worker.capnp'), join(folder, 'worker.capnp'))
  const port = await freePort()
  const worker = spawn(command('workerd'), ['serve', 'worker.capnp', '--socket-addr', `http=127.0.0.1:${port}`], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const gone = once(worker, 'exit')
  const ask = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  try {
    await until('the worker to answer', () =>
      ask('/peek')
        .then((text) => text === 'undefined')
        .catch(() => false),
    )
    expect([await ask('/load'), await ask('/load'), await ask('/peek')]).toEqual(['1', '1', '1'])
    expect(await ask('/invalidate')).toBe('string')
    expect([await ask('/peek'), await ask('/load')]).toEqual(['undefined', '2'])
    await passes(350)
    expect([await ask('/peek'), await ask('/load')]).toEqual(['undefined', '3'])
  } finally {
    worker.kill()
    await gone
  }
})
