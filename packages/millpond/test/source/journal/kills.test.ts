// Writers are killed at random moments; what they acknowledged is in the journal.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { Journal } from '../../../src/source/journal/journal.ts'
import { compile } from '../../histories/compile.mjs'

const CHILD = fileURLToPath(new URL('./kill-child.mjs', import.meta.url))
const KILLS = Number(process.env.MILLPOND_KILLS ?? 12)
const folder = mkdtempSync(join(tmpdir(), 'millpond-kills-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Lines of a writer that was killed after `lines` of them and some more time. */
async function runAndKill(path: string, name: string, level: string, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, compile(), path, name, level], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more
    if (text.split('\n').length > lines) child.kill('SIGKILL')
  })
  await once(child, 'close')
  // A line that was not finished was not acknowledged.
  return text.split('\n').slice(0, -1)
}

describe.each(['plain', 'sync'])('a journal (%s) whose writers are killed', (level) => {
  it('has what they acknowledged, and nothing older', { timeout: 120_000 }, async () => {
    const path = join(folder, level)
    const acked = new Map<string, number>()
    for (let kill = 0; kill < KILLS; kill += 2) {
      const pair = ['a', 'b'].map((name, at) =>
        runAndKill(path, `${name}${kill}`, level, 20 + ((kill * 83 + at * 41) % 400)),
      )
      // One of the pair may be gone before the other takes over what it left: their lines are read in the order of
      // time.
      const lines = (await Promise.all(pair)).flat().map((line) => line.split(' '))
      for (const [, key = '', value = ''] of lines.sort(([a = ''], [b = '']) => (BigInt(a) < BigInt(b) ? -1 : 1))) {
        if (value === 'settled') acked.delete(key)
        else acked.set(key, Number(value))
      }
    }
    expect(acked.size).toBeGreaterThan(10)
    const journal = new Journal({ path })
    const { records } = await journal.recover()
    const found = new Map(records.map(({ key, body }) => [key, Number(Buffer.from(body))]))
    for (const [key, value] of acked)
      expect(found.get(key) ?? -1, `${key} was acknowledged as ${value}`).toBeGreaterThanOrEqual(value)
    await journal.close()
  })
})
