// Runs each library in turn, round after round, each time in a new process.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Bytes } from './bytes.ts'
import { Results } from './results.ts'
import type { Row, Sample } from './rows.ts'

export interface Plan {
  readonly sizes: readonly number[]
  readonly rounds: number
  readonly rows: readonly Row[]
  readonly names: readonly string[]
  /** Names of the awaited contenders; empty for none. */
  readonly awaited: readonly string[]
  /** Names of the contenders that isolate; empty for none. */
  readonly isolated: readonly string[]
  /** Entries for the measure of bytes; 0 for none. */
  readonly bytesAt: number
}

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
const run = promisify(execFile)

export async function measureInTurn(plan: Plan, progress: (line: string) => void): Promise<Results> {
  const results = new Results()
  for (let round = 0; round < plan.rounds; round++) await measureRound(results, plan, round, progress)
  if (plan.bytesAt > 0) {
    progress('bytes')
    for (const name of plan.names) {
      const answer = await child<Bytes>(
        ['bytes', name, `${plan.bytesAt}`],
        ['--expose-gc', '--max-old-space-size=4096'],
      )
      results.bytes.push({ name, size: plan.bytesAt, ...answer })
    }
  }
  return results
}

export async function measureRound(
  results: Results,
  plan: Plan,
  round: number,
  progress: (line: string) => void,
): Promise<void> {
  for (const size of plan.sizes) {
    progress(`round ${round + 1}: ${size} entries`)
    // Every second round runs in reverse order, so that no library always follows the same one.
    const order = round % 2 === 0 ? plan.names : [...plan.names].reverse()
    for (const name of order) {
      const samples = await child<Sample[]>(['rows', name, `${size}`, ...plan.rows])
      for (const { row, ns } of samples) results.add(round, `${size}`, name, row, ns)
    }
  }
  for (const group of ['awaited', 'isolated'] as const)
    for (const name of plan[group])
      for (const { row, ns } of await child<Sample[]>([group, name])) results.add(round, group, name, row, ns)
}

async function child<T>(args: readonly string[], flags: readonly string[] = ['--max-old-space-size=4096']): Promise<T> {
  const { stdout } = await run(process.execPath, [...flags, CHILD, ...args], { maxBuffer: 1e8 })
  return JSON.parse(stdout)
}
