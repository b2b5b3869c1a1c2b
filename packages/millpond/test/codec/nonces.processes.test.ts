// No nonce comes twice under one key, over processes that know nothing of each other: read from the records that they
// made.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { sized } from '../form.ts'
import { compile } from '../histories/compile.mjs'

const PROCESSES = sized(6, 20)
const MS = sized(300, 60_000)

test('G24: processes that seal with one ring, each with counts of its own', {
  timeout: sized(60_000, 180_000),
}, async () => {
  const folder = compile()
  const program = fileURLToPath(new URL('sealer.mjs', import.meta.url))
  const told = await Promise.all(
    Array.from({ length: PROCESSES }, () =>
      promisify(execFile)(process.execPath, [program, folder, String(MS)], { maxBuffer: 2 ** 24 }),
    ),
  )
  const runs: { salt: string; length: number; isRun: boolean }[] = told.flatMap(({ stdout }) => JSON.parse(stdout))
  expect(runs.length).toBe(PROCESSES * 2)
  expect(new Set(runs.map(({ salt }) => salt)).size).toBe(runs.length)
  expect(runs.every(({ isRun }) => isRun)).toBe(true)
  expect(
    runs.reduce((sum, { length }) => sum + length, 0),
    'in time',
  ).toBeGreaterThan(PROCESSES * 10)
})
