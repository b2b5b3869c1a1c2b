// Writers behind a journal are killed, or asked to end: the source has what they acknowledged, in order (G18, G19).
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, newFolder } from '../engine/setups.ts'
import { compile } from '../histories/compile.mjs'
import { killWriters } from './kill-writers.mjs'

const FLUSHING = fileURLToPath(new URL('./flush-child.mjs', import.meta.url))
const CHILD = fileURLToPath(new URL('./write-behind-child.mjs', import.meta.url))
/** As many as show that the judge works; `npm run kills` has the thousands. */
const KILLS = 12

closeAfterEach()

describe.each(['journal', 'journal-sync'] as const)('writers behind a %s', (durability) => {
  it('lose nothing that was acknowledged when they are killed', { timeout: 180_000 }, async () => {
    const verdict = await killWriters({ durability, goesOn: (kills) => kills < KILLS })
    expect(verdict).toMatchObject({ kills: KILLS, lost: [], disordered: [] })
    expect(verdict.acked).toBeGreaterThan(KILLS * 20)
  })
})

it('a writer that is asked to end drains its queue, then ends by the signal', { timeout: 60_000 }, async () => {
  const folder = newFolder()
  const source = join(folder, 'source')
  const child = spawn(process.execPath, [CHILD, compile(), join(folder, 'journal'), source, 'a', 'memory'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    if (text === '') child.kill('SIGTERM')
    text += more
  })
  const [, signal] = await once(child, 'close')
  expect(signal).toBe('SIGTERM')
  // It goes on writing while it drains: what was acknowledged before the signal is in the source.
  const acked = new Map(
    text
      .split('\n')
      .slice(0, 20)
      .map((line) => line.split(' ') as [string, string]),
  )
  const stored = new Map<string, number>()
  for (const [id = '', value = ''] of readFileSync(source, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')))
    stored.set(id, Number(value))
  for (const [id, value] of acked) expect(stored.get(id) ?? 0, id).toBeGreaterThanOrEqual(Number(value))
})

it('a writer that waits for its queue stays until the source has it, though it has nothing else to do', {
  timeout: 60_000,
}, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [FLUSHING, compile(), join(newFolder(), 'journal')])
  expect(stdout).toBe('stored at call 3')
})
