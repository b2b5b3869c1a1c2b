// Insight on against off and off against off, on sessions of a minute of three seeds: no figure is worse than chance.
// Long form alone: it takes some ten minutes.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { isLong } from '../../../../packages/millpond/test/form.ts'

const LOAD = fileURLToPath(new URL('../../dist/load.js', import.meta.url))

describe.runIf(isLong && existsSync(LOAD))('npm run load -- --insight ab', () => {
  test('insight is never worse than its absence by more than that differs from itself', {
    timeout: 3_600_000,
  }, async () => {
    const { PATH, TMPDIR } = process.env
    const out = await new Promise<string>((resolve) => {
      const options = { env: { PATH, TMPDIR }, maxBuffer: 1e8 }
      execFile(process.execPath, [LOAD, '--insight', 'ab', '--json'], options, (_error, json) => resolve(json))
    })
    const { rows, violations } = JSON.parse(out)
    expect(violations).toEqual([])
    expect(rows.filter(({ verdict }: { verdict: string }) => verdict === 'worse')).toEqual([])
  })
})
