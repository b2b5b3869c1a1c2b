// Further processes of the same service: the same data, cache and tokens, a port each.
import { type ChildProcess, fork } from 'node:child_process'
import type { Settings } from './settings.ts'

export interface MoreNodes {
  readonly urls: readonly string[]
  /** Ends them as Ctrl-C would. */
  close(): Promise<void>
}

const SAID = /Deals node \d+ is ready: (\S+)/

/** The names of the service's processes, the first one first. */
export const processNames = ({ nodes, regions }: Pick<Settings, 'nodes' | 'regions'>): readonly string[] =>
  regions?.names ?? Array.from({ length: nodes }, (_, at) => `node ${at + 1}`)

/** Starts all but the first process, once that has filled the database; resolves when each is ready. */
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
    for (const [at, name] of processNames(settings).entries()) {
      if (at === 0) continue
      const node = at + 1
      const port = settings.port === 0 ? 0 : settings.port + at
      const env = {
        ...process.env,
        DEALS_NODE: String(node),
        DEALS_TOKEN_SECRET: secret,
        CACHE_WARMING_ENABLED: 'false',
      }
      const child = fork(script, [...withoutReset(args), '--port', String(port)], {
        env,
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      })
      children.push(child)
      urls.push(await ready(child, name, settings.logLevel !== undefined, say))
    }
    return { urls, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The first process has refilled the database. */
const withoutReset = (args: readonly string[]): readonly string[] => args.filter((arg) => arg !== '--reset')

function ready(child: ChildProcess, name: string, isLogging: boolean, say: (line: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const tell = (chunk: unknown): void => {
      for (const line of String(chunk).split('\n')) {
        const url = SAID.exec(line)?.[1]
        if (url !== undefined) resolve(url)
        else if (line.trim() !== '') say(`${name}: ${line}`)
      }
    }
    child.stdout?.on('data', tell)
    // Structured log lines stay as they are.
    if (isLogging) child.stderr?.pipe(process.stderr, { end: false })
    else child.stderr?.on('data', tell)
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it was ready`)))
  })
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
