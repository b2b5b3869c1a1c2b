// Races that once broke a guarantee must never do so again.
import { describe, expect, test } from 'vitest'
import { simulate } from '../../src/testing/simulator.ts'
import { kept } from './kept.ts'
import { open } from './open.ts'
import { follow } from './programs.ts'

describe('kept races', () => {
  for (const { story, program, choices } of kept) {
    test(story, async () => {
      const { ended, verdict, trace } = await simulate(program, { open, choose: follow(choices) })
      const found = verdict.violations.map(({ rule, what }) => `${rule}: ${what}`)
      expect({ ended, found }, trace.join('\n')).toEqual({ ended: true, found: [] })
    })
  }
})
