// Further processes of the same service: the same data, cache and tokens, a port each.
import { type ChildProcess, fork } from 'node:child_process'
import type { Settings } from './settings.ts'

export interface MoreNodes {
  readonly urls: readonly string[]
  /** Ends them as Ctrl-C would. */
  close(): Promise<void>
}

const SAID = /Deals node \d+ is ready: (\S+)/

/** Starts processes 2 to `settings.nodes`, once the first has filled the database; each is ready when this resolves. */
export async function startMoreNodes(
  settings: Settings,
  secret: string,
  args: readonly string[],
  say: (line: string) => void,
): Promise<MoreNodes> {
  const [, script = ''] = process.argv
  const children: ChildProcess[] = []
  const close = async (): Promise<void> => {
    await Promise.all(children.map(ended))
  }
  try {
    const urls: string[] = []
    for (let node = 2; node <= settings.nodes; node++) {
      const port = settings.port === 0 ? 0 : settings.port + node - 1
      const env = { ...process.env, DEALS_NODE: String(node), DEALS_TOKEN_SECRET: secret, CACHE_WARMING_ENABLED: 'false' }
      const child = fork(script, [...withoutReset(args), '--port', String(port)], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
      children.push(child)
      urls.push(await ready(child, node, settings.logLevel !== undefined, say))
    }
    return { urls, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The first process has filled the database again. */
const withoutReset = (args: readonly string[]): readonly string[] => args.filter((arg) => arg !== '--reset')

function ready(child: ChildProcess, node: number, isLogging: boolean, say: (line: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const tell = (chunk: unknown): void => {
      for (const line of String(chunk).split('\n')) {
        const url = SAID.exec(line)?.[1]
        if (url !== undefined) resolve(url)
        else if (line.trim() !== '') say(`node ${node}: ${line}`)
      }
    }
    child.stdout?.on('data', tell)
    // Lines for machines stay as they are.
    if (isLogging) child.stderr?.pipe(process.stderr, { end: false })
    else child.stderr?.on('data', tell)
    child.once('exit', (code) => reject(new Error(`node ${node} ended with ${code} before it was ready`)))
  })
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
