// A service in its own process, so that its processor time is its own; stopped by its id.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Sizes } from '../data/generate.ts'
import type { Observation } from '../observation.ts'

export type Live = ReturnType<Observation['live']>
export type WholeLive = ReturnType<Observation['liveWhole']>

export interface ServiceProcess {
  readonly url: string
  live(): Promise<Live>
  /**
   * Including figures from a scan of all entries: only at the end, since the scan counts as the service's processor
   * time.
   */
  liveWhole(): Promise<WholeLive>
  /** Resolves when a line contains the text; at once if one did. */
  said(text: string): Promise<void>
  /** Errors that it logged, each with its location. */
  errors(): string[]
  stop(): Promise<void>
}

export interface ServiceProcessOptions {
  readonly folder: string
  readonly sizes: Sizes
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** How long it may take to end. */
const STOP_MS = 60_000
const MAIN = fileURLToPath(new URL('../main.js', import.meta.url))

export async function startServiceProcess({
  folder,
  sizes,
  args,
  env,
}: ServiceProcessOptions): Promise<ServiceProcess> {
  const { organizations, users, deals, seed } = sizes
  const shape = ['--organizations', organizations, '--users', users, '--deals', deals, '--seed', seed].map(String)
  const child = spawn(
    process.execPath,
    [MAIN, '--port', '0', '--edge-port', 'off', '--dir', folder, ...shape, ...args],
    {
      // It ends when its channel does, however this process ends; and Ctrl-C reaches only this process, which still
      // asks it for its figures.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env: { ...process.env, DATABASE_URL: '', ...env },
    },
  )
  const output = follow(child)
  await output.said('Ctrl-C stops it')
  const url = /ready: (http\S+)\//.exec(output.text())?.[1]
  if (url === undefined) throw new Error(`the service did not print its address:\n${output.text()}`)
  return {
    url,
    said: output.said,
    errors: () => [...output.text().matchAll(/^error: .+(?:\n {4}at .+)?/gm)].map(([line]) => line),
    // our own service's own types
    live: async () => (await asked(`${url}/api/live/`)) as Live,
    liveWhole: async () => (await asked(`${url}/api/live/?whole`)) as WholeLive,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await gone
      clearTimeout(late)
    },
  }
}

async function asked(url: string): Promise<unknown> {
  try {
    return await (await fetch(url)).json()
  } catch (error) {
    throw new Error(`the service did not answer ${url}`, { cause: error })
  }
}

function follow(child: ChildProcess): { text(): string; said(text: string): Promise<void> } {
  let text = ''
  const waiting = new Set<() => void>()
  let isGone = false
  const tell = () => {
    for (const look of waiting) look()
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      tell()
    })
  }
  child.once('exit', () => {
    isGone = true
    tell()
  })
  return {
    text: () => text,
    said: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!text.includes(wanted) && !isGone) return
          waiting.delete(look)
          if (text.includes(wanted)) resolve()
          else reject(new Error(`the service ended before it said ${JSON.stringify(wanted)}:\n${text}`))
        }
        waiting.add(look)
        look()
      }),
  }
}
