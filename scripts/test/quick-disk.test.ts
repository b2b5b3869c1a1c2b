import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { layInMemory } from '../quick-disk.mjs'

test('a run has a folder in memory, which servers of other users reach, and what a killed run left is gone', () => {
  const there = mkdtempSync(join(tmpdir(), 'millpond-quick-'))
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  for (const name of [`millpond-run-${dead}-left`, `millpond-run-${process.pid}-mine`, 'of-others'])
    mkdirSync(join(there, name))
  try {
    const env: NodeJS.ProcessEnv = {}
    expect([
      layInMemory(there, env, { room: 1, spare: 2 ** 60 }),
      layInMemory(there, env, { room: 2 ** 60, spare: 1 }),
      env,
    ]).toEqual([undefined, undefined, {}])
    const folder = layInMemory(there, env, { room: 1, spare: 1 }) ?? expect.fail('there is room')
    expect(env.TMPDIR).toBe(folder)
    expect(statSync(folder).mode & 0o7777).toBe(0o1777)
    expect(readdirSync(there).sort()).toEqual(
      [basename(folder), `millpond-run-${process.pid}-mine`, 'of-others'].sort(),
    )
    // The next project of the same run.
    expect(layInMemory(there, env, { room: 1, spare: 1 })).toBeUndefined()
  } finally {
    rmSync(there, { recursive: true, force: true })
  }
})

test('where there is no such place, files lie where they always did', () => {
  const env: NodeJS.ProcessEnv = {}
  expect(layInMemory(join(tmpdir(), 'nowhere'), env)).toBeUndefined()
  expect(env).toEqual({})
})
