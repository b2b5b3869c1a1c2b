// A Lua script, known to the server by its hash, and how it runs on one live connection.

import { createHash } from 'node:crypto'
import { isError } from '../../core/errors.ts'
import type { Argument, Wire } from './connection.ts'

export interface Script {
  readonly text: string
  readonly sha: string
}

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** The server's own time. */
export const MILLISECONDS = `
local function milliseconds()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`

/** Runs it by its hash, or with its text if the server does not know it yet. */
export async function run(
  wire: Wire,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  try {
    return await wire.call('EVALSHA', [script.sha, keys.length, ...keys, ...args])
  } catch (error) {
    if (!(isError(error) && error.message.startsWith('NOSCRIPT'))) throw error
    return wire.call('EVAL', [script.text, keys.length, ...keys, ...args])
  }
}

export function list(reply: unknown): unknown[] {
  if (Array.isArray(reply)) return reply
  throw new Error('the script answered no list')
}

/**
 * Reads a number, its digits, or these as bytes. @throws Error for anything else, as a damaged connection may bring it.
 */
export function whole(reply: unknown): number {
  const number = Array.isArray(reply) || !/^-?\d+$/.test(String(reply)) ? Number.NaN : Number(String(reply))
  if (Number.isSafeInteger(number)) return number
  throw new Error('the script answered no whole number')
}
