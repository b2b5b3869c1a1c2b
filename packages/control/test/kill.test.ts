// kill -9 of the control plane: what was acknowledged is there after the next start, with its row of the audit; what
// was not is there as a whole, or not at all.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore, verifyAudit } from '@millpond/control'
import { afterAll, expect, it } from 'vitest'
import { tokenOf } from './setup.ts'

const BIN = fileURLToPath(new URL('../../millpond/bin/millpond.mjs', import.meta.url))
const ROUNDS = 3
const WRITERS = 4
const folder = mkdtempSync(join(tmpdir(), 'millpond-kill-'))
const path = join(folder, 'control.db')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function start(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const env = { PATH: process.env.PATH, MILLPOND_ADMIN_TOKEN: tokenOf('admin') }
  const child = spawn(process.execPath, [BIN, 'serve', '--store', path, '--port', '0'], { env })
  let said = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      said += chunk
      const found = /is at (\S+)/.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.on('close', (code) => reject(new Error(`it ended with ${code}: ${said}`)))
  })
  return { child, url }
}

it('loses no acknowledged change and no row of the audit', async () => {
  const acked = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round++) {
    const { child, url } = await start()
    const ended = new Promise((resolve) => child.on('close', resolve))
    let count = 0
    // A class of routes takes 60 writes a minute of one principal: the kill comes in the midst of them.
    const stopAt = 15 + round * 11
    const write = async (writer: number): Promise<void> => {
      for (let at = 0; child.exitCode === null && !child.killed; at++) {
        const name = `r${round}w${writer}n${at}`
        const answer = await fetch(`${url}configurations/`, {
          method: 'POST',
          headers: { Authorization: `Bearer ${tokenOf('admin')}`, 'Content-Type': 'application/json' },
          body: JSON.stringify({ name, ttl_seconds: 60 + at }),
        }).catch(() => undefined)
        if (answer?.status !== 201) return
        acked.set(name, 60 + at)
        if (++count === stopAt) child.kill('SIGKILL')
      }
    }
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
    await ended
    expect(count).toBeGreaterThanOrEqual(stopAt)
  }
  const { child } = await start()
  child.kill('SIGKILL')
  const store = await openStore(path)
  const rows = await store.read.selectFrom('configurations').select(['name', 'document']).execute()
  const held = new Map(rows.map(({ name, document }) => [name, JSON.parse(document).ttl_seconds as number]))
  for (const [name, ttl] of acked) expect(held.get(name), name).toBe(ttl)
  const audit = await store.read
    .selectFrom('audit')
    .select('target')
    .where('action', '=', 'configuration.create')
    .execute()
  expect(audit.map(({ target }) => target).sort()).toEqual([...held.keys()].sort())
  expect(await verifyAudit(store)).toMatchObject({ ok: true })
  await store.close()
})
