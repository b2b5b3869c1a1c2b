// Bundlers and runtimes from packages of their own, installed once into the cache folder, and a folder in which nothing
// else is.
import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { installedFolder } from '../../../../scripts/own-packages.mjs'
import { bringInstalled } from '../installed.ts'

const folder = installedFolder('bundles')

export const program = (name: string): string => join(folder, 'programs', name)
export const loadTool = createRequire(join(folder, 'any.cjs'))
export const command = (name: string): string => join(folder, 'node_modules', '.bin', name)

export const bringTools = (): string => bringInstalled('bundles')

/** A folder far from any package; the caller removes it. */
export const emptyFolder = (): string => mkdtempSync(join(tmpdir(), 'millpond-bundle-'))

/** Runs a program to its end and answers what it printed; whatever it says on the error channel is a failure. */
export async function run(
  file: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(file, [...args], {
    cwd,
    env: { ...process.env, ...env },
    timeout: 20_000,
  })
  if (stderr !== '') throw new Error(stderr)
  return stdout.trim()
}
