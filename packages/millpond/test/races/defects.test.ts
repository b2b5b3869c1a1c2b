// The simulator and the checker are trusted only while they find each deliberate defect, and find nothing without it.
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/testing/random.ts'
import { type SimulationParts, simulate } from '../../src/testing/simulator.ts'
import { sized } from '../form.ts'
import { compile } from '../histories/compile.mjs'
import { type Defect, defects } from './defects.ts'
import { explore } from './explore.ts'
import { type Library, open, opener } from './open.ts'

async function partsOf(patches: Defect['patches'] = []): Promise<Pick<SimulationParts, 'open'>> {
  const folder = compile(patches)
  const library: Library = await import(/* @vite-ignore */ pathToFileURL(`${folder}/src/index.js`).href)
  return { open: opener(library) }
}

/** First what is near to "oldest first", then anything. */
async function hunt(
  program: Defect['program'],
  parts: SimulationParts,
  schedules: number,
): Promise<string[] | undefined> {
  const near = await explore(program, parts, 1, schedules)
  if (near.found !== undefined) return near.found.result.verdict.violations.map(({ rule }) => rule)
  for (let seed = 1; seed <= schedules; seed++) {
    const random = seededRandom(seed)
    const { verdict, ended } = await simulate(program, {
      ...parts,
      choose: (count) => (random.chance(0.6) ? 0 : random.below(count)),
    })
    if (!ended || verdict.outcome !== 'clean') return verdict.violations.map(({ rule }) => rule)
  }
  return undefined
}

describe('planted defects are found', { timeout: 120_000 }, () => {
  for (const { name, program, patches, wrapTier, wrapClock } of defects) {
    test(name, async () => {
      const parts = { ...(await partsOf(patches)), ...(wrapTier && { wrapTier }), ...(wrapClock && { wrapClock }) }
      const found = await hunt(program, parts, 400)
      expect(found, 'the defect was not found').toBeDefined()
      expect(found?.length, 'it ended by itself').toBeGreaterThan(0)
    })
  }
})

describe('the same programs without the defect are clean', { timeout: 120_000 }, () => {
  for (const { name, program, patches, wrapTier } of defects) {
    test(name, async () => {
      const { epochOf: _, ...sound } = program
      // Where the source is patched, what it stands on is no defect: only what brings the defect out.
      const parts = { open, ...(patches && wrapTier && { wrapTier }) }
      expect(await hunt(sound, parts, sized(10, 100))).toBeUndefined()
    })
  }
})
