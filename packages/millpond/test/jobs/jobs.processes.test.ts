// I4 over real processes: once over all of them, again after a kill, still there after a restart.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { createJobs } from '../../src/jobs/jobs.ts'
import { sqliteJobs } from '../../src/jobs/sqlite.ts'
import { compile } from '../histories/compile.mjs'
import { until } from '../services/until.ts'

interface Line {
  readonly name: string
  readonly event: 'begin' | 'end'
  readonly id: string
  readonly attempt: number
}

const folder = mkdtempSync(join(tmpdir(), 'millpond-jobs-'))
const children = new Set<ChildProcess>()
let compiled = ''
beforeAll(() => {
  compiled = compile()
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function start(path: string, name: string, leaseMs: number, lines: Line[]): ChildProcess {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./process.mjs', import.meta.url)), compiled, path, name, String(leaseMs)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  children.add(child)
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)))
  return child
}

it('I4: three processes run each of 60 jobs once', async () => {
  const path = join(folder, 'once.db')
  const jobs = createJobs({ store: sqliteJobs({ database: new Database(path) }), clock: systemClock(), handlers: {} })
  const lines: Line[] = []
  for (const name of ['one', 'two', 'three']) start(path, name, 10_000, lines)
  for (let i = 0; i < 60; i++) await jobs.add('work', { ms: 5 }, { id: `job-${i}`, in: i * 10 })
  await until('all jobs have ended', () => lines.filter(({ event }) => event === 'end').length >= 60)
  await until('the table is empty', async () => (await jobs.list()).length === 0)
  const begun = lines.filter(({ event }) => event === 'begin').map(({ id }) => id)
  expect([begun.length, new Set(begun).size]).toEqual([60, 60])
})

it('I4: a job survives the process that added it and the one that ran it', async () => {
  const path = join(folder, 'killed.db')
  const database = new Database(path)
  await createJobs({ store: sqliteJobs({ database }), clock: systemClock(), handlers: {} }).add(
    'work',
    { ms: 6000 },
    { id: 'survivor' },
  )
  database.close()
  const lines: Line[] = []
  const first = start(path, 'first', 2500, lines)
  await until('the first process has begun', () => lines.some(({ event }) => event === 'begin'))
  first.kill('SIGKILL')
  start(path, 'second', 2500, lines)
  await until('the second process has ended it', () => lines.some(({ event }) => event === 'end'))
  // 6 s of work under a lease of 2.5 s: it was renewed.
  expect(lines).toEqual([
    { name: 'first', event: 'begin', id: 'survivor', attempt: 1 },
    { name: 'second', event: 'begin', id: 'survivor', attempt: 2 },
    { name: 'second', event: 'end', id: 'survivor', attempt: 2 },
  ])
})
