// Starts processes on one cache file or folder and collects what they acknowledged.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { compile } from '../histories/compile.mjs'

const SCRIPT = fileURLToPath(new URL('./sqlite-child.mjs', import.meta.url))

export interface Acked {
  readonly key?: string
  readonly seq: number
  readonly drops?: boolean
}

export interface Worker {
  /** What it has acknowledged so far; complete once `ended` has resolved. */
  readonly acked: Acked[]
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  /** Resolves when so many steps are acknowledged. */
  reach(count: number): Promise<void>
  kill(): void
}

export function startWorker(path: string, task: 'churn' | 'number', name: string, count = 0, script = SCRIPT): Worker {
  const child: ChildProcess = spawn(process.execPath, [script, compile(), path, task, name, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const acked: Acked[] = []
  let rest = ''
  let watch = (): void => {}
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    // A line that was not finished was not acknowledged.
    rest = lines.pop() ?? ''
    for (const line of lines) acked.push(JSON.parse(line))
    watch()
  })
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal)
  return {
    acked,
    ended,
    reach: (wanted) =>
      new Promise((resolve, reject) => {
        watch = () => acked.length >= wanted && resolve()
        watch()
        void ended.then((how) => reject(new Error(`ended by ${how} after ${acked.length} steps`)))
      }),
    kill: () => child.kill('SIGKILL'),
  }
}
