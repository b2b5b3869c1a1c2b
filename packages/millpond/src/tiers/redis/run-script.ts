// Runs a script on one live connection.
import type { Argument, Wire } from './connection.ts'
import type { Script } from './scripts.ts'

/** By its hash; with its text when the server does not know it yet. */
export async function run(wire: Wire, script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
  try {
    return await wire.call('EVALSHA', [script.sha, keys.length, ...keys, ...args])
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return wire.call('EVAL', [script.text, keys.length, ...keys, ...args])
  }
}

export function list(reply: unknown): unknown[] {
  if (Array.isArray(reply)) return reply
  throw new Error('the script answered no list')
}
