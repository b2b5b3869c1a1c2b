// Rotation under load (S1): three processes read and write while their ring rotates by use and what is old is sealed
// anew; no read fails, and none is a miss.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { sized } from '../form.ts'
import { compile } from '../histories/compile.mjs'

const PROCESSES = 3
const MS = sized(2000, 60_000)

interface Told {
  readonly reads: number
  readonly strangers: number
  readonly causes: Record<string, number>
  readonly failures: number
  readonly rejected: Record<string, number>
  readonly rotations: number
  readonly resealed: number
  readonly keys: number
  readonly currents: number
}

test('S1: no failed read and no miss while three processes rotate', { timeout: sized(60_000, 180_000) }, async () => {
  const folder = compile()
  const shared = mkdtempSync(join(tmpdir(), 'millpond-rotation-'))
  const program = fileURLToPath(new URL('rotator.mjs', import.meta.url))
  const children = Array.from({ length: PROCESSES }, (_, number) =>
    spawn(process.execPath, [program, folder, shared, String(number), String(PROCESSES), String(MS)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  )
  try {
    const ready: Promise<void>[] = []
    const outputs = children.map((child) => {
      let output = ''
      child.stdout.setEncoding('utf8')
      ready.push(
        new Promise((resolve) =>
          child.stdout.on('data', (chunk: string) => {
            output += chunk
            if (output.includes('ready\n')) resolve()
          }),
        ),
      )
      return new Promise<Told>((resolve, reject) =>
        child.once('exit', (code) =>
          code === 0 ? resolve(JSON.parse(output.slice('ready\n'.length))) : reject(new Error(`ended with ${code}`)),
        ),
      )
    })
    // All values are there before anybody reads.
    await Promise.race([Promise.all(ready), Promise.all(outputs)])
    for (const child of children) child.stdin.write('go\n')
    const told = await Promise.all(outputs)
    for (const { strangers, causes, failures, rejected } of told) {
      // A busy machine lets a read leave at its budget: that is a tier that did not answer, and no key's fault.
      const { ledger_unreachable, tier_error, breaker_open, ...others } = causes
      expect({ strangers, others, failures, rejected }).toEqual({ strangers: 0, others: {}, failures: 0, rejected: {} })
    }
    const sum = (of: (one: Told) => number): number => told.reduce((total, one) => total + of(one), 0)
    expect(
      sum(({ reads }) => reads),
      'in time',
    ).toBeGreaterThan(300)
    expect(
      sum(({ rotations }) => rotations),
      'in time',
    ).toBeGreaterThan(0)
    expect(Math.max(...told.map(({ currents }) => currents)), 'in time').toBeGreaterThan(1)
    expect(
      sum(({ resealed }) => resealed),
      'in time',
    ).toBeGreaterThan(0)
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(shared, { recursive: true, force: true })
  }
})
