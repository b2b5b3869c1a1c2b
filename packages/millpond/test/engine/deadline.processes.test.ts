// What keeps a process alive that has nothing else to do: docs/guide/shutdown.md, with processes of their own.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'vitest'
import { compile } from '../histories/compile.mjs'

const CHILD = fileURLToPath(new URL('./deadline-child.mjs', import.meta.url))

/**
 * The answer, and how long the process lived from the call to its end. Who is kept by a deadline of an hour never
 * answers.
 */
const run = (name: string): Promise<{ readonly outcome: string; readonly livedMs: number }> =>
  new Promise((resolve, reject) => {
    execFile(process.execPath, [CHILD, compile(), name], (error, out, said) =>
      error === null ? resolve(JSON.parse(out)) : reject(new Error(`${name}: exit code ${error.code}, ${out}${said}`)),
    )
  })

describe('a process that only waits for its cache', { timeout: 60_000 }, () => {
  it('lives until the deadline of its call', async ({ expect }) => {
    const { outcome, livedMs } = await run('hangs')
    expect(outcome).toBe('LOAD_TIMEOUT')
    expect(livedMs).toBeGreaterThan(290)
  })

  it.for(['answers', 'waits for a lease', 'holds a lease'])(
    'lives until its call has its answer, and no longer: it %s',
    async (name, { expect }) => {
      expect((await run(name)).outcome).toBe('v')
    },
  )

  it('is kept by a refresh behind its answer, for as long as that may take', async ({ expect }) => {
    const { outcome, livedMs } = await run('leaves a refresh behind')
    expect(outcome).toBe('v')
    expect(livedMs).toBeGreaterThan(290)
  })
})
