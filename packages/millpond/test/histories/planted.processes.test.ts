// The recorder and the checker together, on real processes: they are trusted only while they find what is planted.
import { describe, expect, test } from 'vitest'
import type { FaultName } from '../../src/testing/nemesis.ts'
import { isLong, sized } from '../form.ts'
import { defects } from '../races/defects.ts'
import { describeWith } from '../services/index.ts'
import { runCell } from './cell.ts'
import { compile } from './compile.mjs'
import { type Cell, drawCells, type Policy, type SharedTier } from './plan.ts'

interface Planted {
  readonly patches: NonNullable<Parameters<typeof compile>[0]>
  readonly fault: FaultName
  readonly policy: Policy
}

function patchesOf(name: string): Planted['patches'] {
  const patches = defects.find((defect) => defect.name === name)?.patches
  if (patches === undefined) throw new Error(`no patches are kept for ${name}`)
  return patches
}

const CLOCK = 'src/core/clock.ts'
const cachedClock: Planted['patches'] = [
  {
    file: CLOCK,
    find: 'const TICK_MS = 10',
    replace:
      'const TICK_MS = 10\nlet noted = [Date.now(), performance.now()] as const\nsetInterval(() => { noted = [Date.now(), performance.now()] }, 25).unref()',
  },
  {
    file: CLOCK,
    find: 'now(): number {\n    const wall = Date.now()',
    replace: 'now(): number {\n    return noted[0]\n    const wall = Date.now()',
  },
  { file: CLOCK, find: 'return performance.now()', replace: 'return noted[1]' },
]

/** What a read gives to a node that lacks it is said to be younger than it is. */
const younger: Planted['patches'] = [
  {
    file: 'src/tiers/distributed/mend.ts',
    find: 'items.push({ ...stored, key: search.key })',
    replace: 'items.push({ ...stored, key: search.key, asOf: { epoch: stored.asOf.epoch, seq: stored.asOf.seq + 3 } })',
  },
]

/** Of what another region has invalidated every second step is left out. */
const halfHeard: Planted['patches'] = [
  { file: 'src/tiers/edge/relayer.ts', find: 'group.push(line)', replace: 'if (line.seq % 2 === 0) group.push(line)' },
]

/** Timing decides how soon a defect shows, mostly in the first cell; on a busy machine less of each is judged. */
const SEARCH_MS = 120_000

async function isFound({ patches, fault, policy }: Planted, shared: SharedTier): Promise<boolean> {
  const compiled = compile(patches)
  const cells: Cell[] = drawCells(shared, 1, [fault], { ms: sized(3500, 6000) }).filter(
    (cell) => cell.policy === policy,
  )
  const began = performance.now()
  for (let turn = 0; performance.now() - began < SEARCH_MS; turn++) {
    const cell = cells[turn % cells.length]
    if (cell === undefined) break
    const { verdict } = await runCell({ ...cell, seed: cell.seed + turn }, compiled, {}, 'forget')
    if (verdict.violations.some(({ rule }) => rule.startsWith('stale'))) return true
  }
  return false
}

describe('planted in processes over one file', () => {
  test('no ledger check', { timeout: 180_000 }, async () => {
    const planted = { patches: patchesOf('no ledger check'), fault: 'none', policy: 'tags' } as const
    expect(await isFound(planted, 'sqlite'), 'in time').toBe(true)
  })
})

describeWith('redis', 'planted in processes over Redis', () => {
  test('no trust limit, links cut', { timeout: 180_000 }, async () => {
    const planted = { patches: patchesOf('no trust limit'), fault: 'link-cut', policy: 'delete' } as const
    expect(await isFound(planted, 'redis'), 'in time').toBe(true)
  })
  // The slowest to show, and of the same family as the one before: the long form alone has the time.
  if (isLong)
    test('cached clock for trust, processes stopped', { timeout: 180_000 }, async () => {
      const planted = { patches: cachedClock, fault: 'process-stopped', policy: 'delete' } as const
      expect(await isFound(planted, 'redis'), 'in time').toBe(true)
    })
})

// Of many stores, and of regions: in the long form alone, too.
if (isLong)
  describeWith('memcached', 'planted in processes over many stores', () => {
    test('copies given to a node that lacks them, said to be younger', { timeout: 180_000 }, async () => {
      const planted = { patches: younger, fault: 'node-wiped', policy: 'delete' } as const
      expect(await isFound(planted, 'ring'), 'in time').toBe(true)
    })
    test('every second step of another region left out', { timeout: 180_000 }, async () => {
      const planted = { patches: halfHeard, fault: 'region-slow', policy: 'delete' } as const
      expect(await isFound(planted, 'regions'), 'in time').toBe(true)
    })
  })
