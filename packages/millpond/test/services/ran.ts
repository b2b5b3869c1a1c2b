// Programs that a test runs to their end.
import { spawn } from 'node:child_process'

export interface Ran {
  /** Null: it was killed. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RanOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** What it reads from standard input. */
  readonly input?: string
}

/** A process that is no longer awaited is not left running. */
const MOST_MS = 300_000

/**
 * Runs a program to its end. In place of `spawnSync`: who stands still meanwhile does not see that the machine has no
 * processor to spare.
 */
export function ran(file: string, args: readonly string[], { input, ...options }: RanOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, timeout: MOST_MS })
    const told = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        told[name] += chunk
      })
    child.once('error', reject)
    child.once('close', (status) => resolve({ status, ...told }))
    // It may end without having read.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
