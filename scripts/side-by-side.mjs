// Runs checks concurrently, a few at a time; the output of each is printed in one piece when it ends.
// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { root } from './prepare.mjs'

/** @typedef {(command: string, args: readonly string[]) => Promise<boolean>} Run */
/** @typedef {(run: Run) => Promise<boolean>} Check Resolves with false when it failed. */
/** @typedef {{ name: string, well: boolean, output: string, ms: number }} Outcome */

/**
 * Starts no further check once one has failed, and waits for those that are running.
 * @param {readonly (readonly [name: string, check: Check])[]} checks @param {number} width how many at a time
 * @param {(outcome: Outcome) => void} onEnd
 */
export async function sideBySide(checks, width, onEnd) {
  const waiting = [...checks]
  let failed = false
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined && !failed; next = waiting.shift()) {
      const [name, check] = next
      const begin = performance.now()
      /** @type {string[]} */
      const pieces = []
      const well = await check((command, args) => capture(command, args, (text) => pieces.push(text)))
      failed ||= !well
      onEnd({ name, well, output: pieces.join('').trimEnd(), ms: performance.now() - begin })
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
}

/** @param {string} command @param {readonly string[]} args @param {(text: string) => void} hear */
async function capture(command, args, hear) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', hear)
  try {
    const [status] = await once(child, 'close')
    return status === 0
  } catch (error) {
    hear(`millpond: ${command} could not be run: ${error instanceof Error ? error.message : error}\n`)
    return false
  }
}
