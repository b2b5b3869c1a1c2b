// Packages of a folder with a lock file of its own, installed once into the cache folder, apart from the project's own.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Where what the lock file in `from` asks for lies, or will lie. */
export function installedFolder(name: string, from: string): string {
  const lock = createHash('sha256')
    .update(readFileSync(join(from, 'package-lock.json')))
    .digest('hex')
  // Inside the project, so that its packages (ioredis) are found from there; one for each content of the lock file.
  return join(root, '.cache', `${name}-${lock.slice(0, 12)}`)
}

interface How {
  /** What else lies in the folder, by its name there. */
  readonly links?: Readonly<Record<string, string>>
  /** Packages may run scripts of their own. Default: true. */
  readonly scripts?: boolean
}

/**
 * Installs it, unless it is there: put in place by one rename, since several suites may ask at a time. What is
 * installed may import the library, as it was built.
 */
export function bringInstalled(name: string, from: string, { links = {}, scripts = true }: How = {}): string {
  if (!existsSync(join(root, 'packages/millpond/dist/index.js')))
    throw new Error('the library is not built: run "npm run check" first')
  const folder = installedFolder(name, from)
  if (existsSync(folder)) return folder
  mkdirSync(join(root, '.cache'), { recursive: true })
  const draft = mkdtempSync(join(root, '.cache', `${name}-`))
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(from, file), join(draft, file))
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  const [file = 'npm', ...args] = [
    ...npm,
    'ci',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--engine-strict=false',
    ...(scripts ? [] : ['--ignore-scripts']),
  ]
  const { status, stderr } = spawnSync(file, args, { cwd: draft, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm ci of ${name} failed: ${stderr}`)
  symlinkSync(join(root, 'packages/millpond'), join(draft, 'node_modules', 'millpond'))
  for (const [at, target] of Object.entries(links)) symlinkSync(target, join(draft, at))
  try {
    renameSync(draft, folder)
  } catch {
    // Another suite was quicker.
    rmSync(draft, { recursive: true, force: true })
  }
  return folder
}
