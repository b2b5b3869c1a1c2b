// Bundlers and runtimes from packages of their own, installed once into the cache folder, and a folder in which nothing else is.
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../../../..', import.meta.url))
/** Inside the project, so that its packages (ioredis) are found from there; one for each content of the lock file. */
const lock = createHash('sha256')
  .update(readFileSync(join(here, 'package-lock.json')))
  .digest('hex')
const folder = join(root, '.cache', `bundles-${lock.slice(0, 12)}`)

export const program = (name: string): string => join(folder, 'programs', name)
export const loadTool = createRequire(join(folder, 'any.cjs'))
export const command = (name: string): string => join(folder, 'node_modules', '.bin', name)

/** Installs what the lock file asks for, unless it is there: put in place by one rename, since several suites may ask at a time. */
export function bringTools(): void {
  if (!existsSync(join(root, 'packages/millpond/dist/index.js'))) throw new Error('the library is not built: run "npm run check" first')
  if (existsSync(folder)) return
  mkdirSync(join(root, '.cache'), { recursive: true })
  const draft = mkdtempSync(join(root, '.cache', 'bundles-'))
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(here, name), join(draft, name))
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  const [file = 'npm', ...args] = [...npm, 'ci', '--no-audit', '--no-fund', '--loglevel=error']
  const { status, stderr } = spawnSync(file, args, { cwd: draft, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm ci of the bundlers and runtimes failed: ${stderr}`)
  symlinkSync(join(root, 'packages/millpond'), join(draft, 'node_modules', 'millpond'))
  symlinkSync(join(here, 'programs'), join(draft, 'programs'))
  try {
    renameSync(draft, folder)
  } catch {
    // Another suite was quicker.
    rmSync(draft, { recursive: true, force: true })
  }
}

/** A folder far from any package; the caller removes it. */
export const emptyFolder = (): string => mkdtempSync(join(tmpdir(), 'millpond-bundle-'))

/** Runs a program to its end and answers what it printed; whatever it says on the error channel is a failure. */
export async function run(file: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(file, [...args], { cwd, env: { ...process.env, ...env }, timeout: 20_000 })
  if (stderr !== '') throw new Error(stderr)
  return stdout.trim()
}
