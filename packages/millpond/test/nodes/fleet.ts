// Real processes in a node channel.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll } from 'vitest'
import { compile } from '../histories/compile.mjs'
import { until } from '../services/until.ts'

export interface Place {
  readonly kind: 'sqlite' | 'redis' | 'postgres'
  readonly options: object
}

export interface Member {
  readonly process: ChildProcess
  readonly lines: Record<string, unknown>[]
  readonly boot: string
  /** In good order. */
  end(): Promise<void>
}

const SCRIPT = fileURLToPath(new URL('./process.mjs', import.meta.url))
const children = new Set<ChildProcess>()

export function endAfterEach(): void {
  // The first one compiles the library: not a part of what a test waits for.
  beforeAll(() => void compile(), 120_000)
  afterEach(endMembers)
}

export function endMembers(): void {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
}

/** Resolves once it has joined. */
export async function startMember(place: Place, channel: string, id: string): Promise<Member> {
  const child = spawn(process.execPath, [SCRIPT, compile(), JSON.stringify(place), channel, id], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.add(child)
  const lines: Record<string, unknown>[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)))
  const joined = await until(`${id} has joined`, () => lines.find((line) => 'joined' in line))
  return {
    process: child,
    lines,
    boot: String(joined.boot),
    end: async () => {
      const gone = once(child, 'exit')
      child.stdin.write('end\n')
      await gone
    },
  }
}
