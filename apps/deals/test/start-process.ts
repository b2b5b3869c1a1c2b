// The service as a process of its own, from its build.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SECRET, SMALL } from './service-under-test.ts'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

export interface Process {
  readonly url: string
  /** What it has printed. */
  readonly said: string
  /** Without a word; resolves when it is gone. */
  kill(): Promise<void>
}

/** Over a database of that folder, which may be another process's too. */
export function startProcess(
  folder: string,
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<Process> {
  // The tests of the whole project build first; a run of one file alone does it here.
  if (!existsSync(MAIN))
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'apps/deals'], { cwd: ROOT })
  const child = spawn(process.execPath, [MAIN, '--port', '0', '--dir', folder, ...SMALL, ...args], {
    env: { PATH: process.env.PATH, CACHE_WARMING_ENABLED: 'false', DEALS_TOKEN_SECRET: SECRET, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const kill = () => {
    child.kill('SIGKILL')
    return gone
  }
  let out = ''
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the service ended before it was ready:\n${out}`)))
    child.stdout.on('data', (chunk) => {
      out += chunk
      const url = /ready: (http\S+)\//.exec(out)?.[1]
      if (url !== undefined && out.includes('Ctrl-C stops it')) resolve({ url, said: out, kill })
    })
  })
}
