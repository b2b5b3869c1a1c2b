// Races that once broke a guarantee, as they were shrunk. The list only grows.
import type { Race } from './programs.ts'

export interface KeptRace extends Race {
  /** What was wrong. */
  readonly story: string
}

export const kept: readonly KeptRace[] = [
  {
    story:
      'G4: a process frozen in a load joined that load when it went on, though it had begun more than 400 ms ago and the ledger was unreachable',
    program: {
      processes: 2,
      lanes: [
        { process: 0, steps: [{ do: 'get', key: 'a' }] },
        {
          process: 0,
          steps: [
            { do: 'getOrSet', key: 'a' },
            { do: 'write', key: 'b', tell: 'delete' },
          ],
        },
        {
          process: 1,
          steps: [
            { do: 'getOrSet', key: 'b' },
            { do: 'getOrSet', key: 'b' },
          ],
        },
      ],
      world: [
        { world: 'pass', ms: 1 },
        { world: 'cut', process: 1, how: 'reset' },
        { world: 'pass', ms: 1 },
        { world: 'pass', ms: 1 },
        { world: 'freeze', process: 1, ms: 900 },
      ],
    },
    choices: [],
  },
  {
    story: 'G4: as before, found by a read without a loader',
    program: {
      processes: 2,
      lanes: [
        {
          process: 0,
          steps: [
            { do: 'getOrSet', key: 'a' },
            { do: 'write', key: 'a', tell: 'delete' },
          ],
        },
        { process: 0, steps: [{ do: 'getOrSet', key: 'a' }] },
        {
          process: 1,
          steps: [
            { do: 'getOrSet', key: 'a' },
            { do: 'get', key: 'a' },
            { do: 'write', key: 'a', tell: 'delete' },
          ],
        },
      ],
      world: [
        { world: 'pass', ms: 600 },
        { world: 'restart', how: 'empty' },
        { world: 'save' },
        { world: 'freeze', process: 1, ms: 900 },
      ],
    },
    choices: [],
  },
  {
    story: 'G7: an outdated load returned a newer value than the one that its own tier read had promoted to memory',
    program: {
      processes: 2,
      lanes: [
        {
          process: 0,
          steps: [
            { do: 'getOrSet', key: 'b' },
            { do: 'getOrSet', key: 'a' },
            { do: 'get', key: 'a' },
          ],
        },
        { process: 0, steps: [{ do: 'getOrSet', key: 'a' }] },
        {
          process: 1,
          steps: [
            { do: 'write', key: 'a', tell: 'set' },
            { do: 'write', key: 'a', tell: 'delete' },
            { do: 'getOrSet', key: 'a' },
          ],
        },
      ],
      world: [
        { world: 'pass', ms: 120 },
        { world: 'pass', ms: 260 },
      ],
    },
    choices: [0, 0, 8, 0, 10, 5, 2, 10],
  },
]
