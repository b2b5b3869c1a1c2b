// Processor time of suites: what this process and those that it starts use counts, and waiting does not.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { cpuSeconds, measureSuite } from '../suite-cpu.mjs'

const BUSY = 'const before = process.cpuUsage(); while (process.cpuUsage(before).user < 300_000);'

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'millpond-cpu-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

it.runIf(process.platform === 'linux')('counts processes that were started, once they have ended', () => {
  const before = cpuSeconds()
  expect(spawnSync(process.execPath, ['-e', BUSY]).status).toBe(0)
  expect(cpuSeconds() - before).toBeGreaterThanOrEqual(0.28)
})

it.runIf(process.platform === 'linux')(
  'writes a line for each suite: its processor time is not its time by the clock',
  async () => {
    const file = join(folder(), 'cpu.txt')
    const busy = measureSuite(file, 'packages/busy.test.ts')
    spawnSync(process.execPath, ['-e', BUSY])
    busy()
    const idle = measureSuite(file, 'packages/idle.test.ts')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    idle()
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => line.split(' ')[4])).toEqual(['packages/busy.test.ts', 'packages/idle.test.ts'])
    const [first, second] = lines.map((line) => line.split(' ').slice(1, 3).map(Number)) as [number[], number[]]
    expect(first[0]).toBeGreaterThanOrEqual(0.28)
    expect(second[0]).toBeLessThan(1)
    expect(second[1]).toBeGreaterThanOrEqual(1.49)
  },
)

it('does nothing where no file is named', () => {
  expect(measureSuite(undefined, 'packages/any.test.ts')()).toBeUndefined()
})
