// Weights against the heap: a child process fills a store and compares what it counted with what the heap grew by.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { isLong } from '../form.ts'
import { compile } from '../histories/compile.mjs'

const run = promisify(execFile)
const folder = compile()

async function child(script: string, flags: readonly string[], ...args: string[]): Promise<Record<string, number>> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { stdout } = await run(process.execPath, [...flags, path, folder, ...args], { maxBuffer: 1e7 })
  return JSON.parse(stdout)
}

describe('weights', () => {
  const usual = ['mixed', 'strings', 'records', 'wide', 'ids', 'bare', 'lists', 'collections', 'numbers']
  const rarer = ['pages', 'bytes', 'many names', 'some names', 'long names', 'tagged', 'many tags']
  for (const load of isLong ? [...usual, ...rarer] : usual) {
    test(`T3: bytes are within 20 % of the heap's growth: ${load}`, async () => {
      const { counted, grew } = await child('./weigh-child.mjs', ['--expose-gc'], load)
      const ratio = (counted ?? 0) / (grew ?? 1)
      expect(ratio, `${counted} counted, ${grew} grown`).toBeGreaterThan(0.8)
      expect(ratio, `${counted} counted, ${grew} grown`).toBeLessThan(1.2)
    })
  }
})

describe('memory pressure', () => {
  test('a store without any limit does not end the process when its heap is small', async () => {
    const { entries, pushedOut } = await child('./pressure-child.mjs', ['--max-old-space-size=96'])
    expect(pushedOut).toBeGreaterThan(0)
    expect(entries).toBeGreaterThan(20_000)
  })
})
