// A command's input and output; a program's own streams, or those of a test.
import type { Readable, Writable } from 'node:stream'

export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Calls back at each interrupt (Ctrl-C, SIGTERM); returns a function that stops listening. */
  readonly onInterrupt: (listener: () => void) => () => void
}

export const ownStreams = (): Streams => ({
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  onInterrupt(listener) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, listener)
    return () => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, listener)
    }
  },
})

export const isDumb = ({ env }: Pick<Streams, 'env'>): boolean => env.TERM === 'dumb'

/** https://no-color.org: present and not empty. */
export const mayColour = ({ env, stdout }: Pick<Streams, 'env' | 'stdout'>): boolean =>
  stdout.isTTY === true && !isDumb({ env }) && (env.NO_COLOR ?? '') === ''

/** Of a terminal; undefined if the output goes elsewhere and is not to be cut. */
export function columnsOf({ env, stdout }: Pick<Streams, 'env' | 'stdout'>): number | undefined {
  const said = /^[1-9]\d{0,4}$/.test(env.COLUMNS ?? '') ? Number(env.COLUMNS) : undefined
  if (stdout.isTTY !== true) return said
  // A terminal that was never told its size reports 0.
  return stdout.columns || said || 80
}
