// The load run as a whole: right as it is, and it fails when one invalidation is missing.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'vitest'

const LOAD = fileURLToPath(new URL('../../dist/load.js', import.meta.url))
const TINY = [
  '--seconds',
  '2',
  '--think',
  '60',
  '--rate',
  '60',
  '--organizations',
  '3',
  '--users',
  '12',
  '--deals',
  '100',
]
const COLD = [...TINY, '--cold', '--run-only']

function run(args: readonly string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const { PATH, TMPDIR } = process.env
    execFile(process.execPath, [LOAD, ...args], { env: { PATH, TMPDIR }, maxBuffer: 1e8 }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out: out + err }),
    )
  })
}

// Each is mostly processes that start one after the other.
describe.runIf(existsSync(LOAD)).concurrent('npm run load', () => {
  test('prints the table beside the promises, and finds every answer right', { timeout: 300_000 }, async ({
    expect,
  }) => {
    const { code, out } = await run(TINY)
    expect(out).toMatch(/steady state: warmed before the first request \([\d,]+ answers in [\d.]+ s\)/)
    expect(out).toMatch(/hit rate +\d/)
    expect(out).toMatch(/^all( +\d+){5}$/m)
    expect(out).toMatch(/none after a restart under load \(1.5 times\) +p95 .* +(not )?kept/)
    expect(out).toMatch(/95 % hit rate +\d+\.\d %, \d+\.\d % in the last minute +(not )?kept/)
    expect(out).toMatch(/70 % memory efficiency +\d+\.\d % of the stored bytes are live values +(not )?kept/)
    expect(out).toMatch(/no consistency fault +none +kept/)
    expect(out).toMatch(/of the \d+\.\d points missing to 100 % hits, .* could have had \d+\.\d % of these sessions/s)
    expect(out).toMatch(
      /^a cached answer reaches its client after .* if all were cached, the average would be -?\d+\.\d % less$/m,
    )
    expect(out).toMatch(/30-50 % less memory +-?\d+\.\d % less for \d+ answers, memory and file +(not )?kept/)
    expect(out).toMatch(/25-35 % fewer misses by prediction +too few different requests +not measured/)
    // On a machine that lets too few ask, it says so.
    expect(out).toMatch(
      /20-30 % better by adaptive TTL +(-?\d+\.\d % fewer loads than .* +(not )?kept|too few requests +not measured)/,
    )
    expect(out).toMatch(/near-linear over cluster nodes +(writes \d.* reads \d.* +(not )?kept|\S.* +not measured)/)
    expect(out).toMatch(
      /everything outside is encrypted on request +0 of \d+ words of answers found in \d+ files, [1-9]\d* without +kept/,
    )
    expect(out).toMatch(/correct: all \d+ cached answers match the database/)
    expect(code).toBe(0)
  })

  test('stopped, it prints what it has, says so, and leaves nothing running', { timeout: 300_000 }, async ({
    expect,
  }) => {
    const child = spawn(process.execPath, [LOAD, ...COLD, '--seconds', '600'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let [out, isTold] = ['', false]
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk
      if (isTold || !out.includes('with the cache: running')) return
      isTold = true
      child.kill('SIGINT')
    })
    const [code] = await once(child, 'close')
    expect(out).toContain('STOPPED early')
    expect(out).toMatch(/hit rate +[\d-]/)
    expect(out).toMatch(/70-80 % fewer queries +stopped before +not measured/)
    expect(out).toMatch(/only partly compared: 0 states/)
    expect(out).not.toContain('without the cache: running')
    expect(code).toBe(130)
  })

  test('a planted missing invalidation makes it fail', { timeout: 300_000 }, async ({ expect }) => {
    const { code, out } = await run([...COLD, '--plant', 'org:'])
    expect(out).toMatch(/NOT CORRECT: \d+ of \d+ answers/)
    expect(out).toMatch(/stale: GET .* but write \d+ .* had acknowledged/)
    expect(code).toBe(1)
  })

  test('insight on against off, and off against off: every figure, no stale answer, and a verdict that follows from them', {
    timeout: 300_000,
  }, async ({ expect }) => {
    const { code, out } = await run([...COLD, '--insight', 'ab', '--pairs', '1', '--json'])
    const comparison = JSON.parse(out.slice(out.indexOf('{"seeds"'), out.lastIndexOf('}') + 1))
    expect(comparison).toMatchObject({
      violations: [],
      seeds: [{ on: { stale: 0 }, off: { stale: 0 }, again: { stale: 0 } }],
    })
    // It was on: what watches it says how loading ahead stands, which is open while memory has room.
    expect(comparison.seeds[0].prediction).toMatchObject({ state: 'open' })
    expect(comparison.seeds[0].on.loads).toBeGreaterThan(0)
    const names = comparison.rows.map(({ name }: { name: string }) => name)
    expect(names).toEqual(['hitRate', 'loads', 'queries', 'p95Ms', 'stale'])
    expect(code).toBe(comparison.rows.some(({ verdict }: { verdict: string }) => verdict === 'worse') ? 1 : 0)
  })
})
