// Invalidations that wait for the ledger, and their records: who names again what is named already.
import { describe, expect, test } from 'vitest'
import type { Change, Outbox, OutboxChange } from '../../src/core/contracts.ts'
import { PendingInvalidations } from '../../src/engine/pending-invalidations.ts'

const dropOf = (key: string): Change => ({
  targets: [{ kind: 'key', key }],
  mode: 'delete',
  reason: 'manual',
  id: key,
  drop: [key],
  write: [],
})

function setUp() {
  const records: OutboxChange[] = []
  const begun: { end(error?: Error): void }[] = []
  const outbox: Outbox = {
    add: (_, change) =>
      new Promise((resolve, reject) => {
        begun.push({
          end: (error) => {
            if (error !== undefined) return reject(error)
            resolve(`${records.push(change)}`)
          },
        })
      }),
    list: async () => [],
    remove: async () => {},
    close: async () => {},
  }
  const owed = new PendingInvalidations('n', outbox, (work) => work)
  /** As a caller does who needs to know that it survives a crash. */
  const keep = (key: string) => {
    const caller = { told: 'nothing' }
    owed.save(owed.add(dropOf(key))).then(
      () => (caller.told = 'kept'),
      () => (caller.told = 'failed'),
    )
    return caller
  }
  return { owed, records, begun, keep }
}

const turn = async () => {
  for (let at = 0; at < 3; at++) await new Promise((resolve) => setImmediate(resolve))
}

describe('pending invalidations with an outbox', () => {
  test('G5: a key that is named again is kept when its first record is', async () => {
    const { begun, keep, records } = setUp()
    const first = keep('k')
    await turn()
    const again = keep('k')
    await turn()
    expect(begun).toHaveLength(1)
    expect(again.told).toBe('nothing')
    begun[0]?.end()
    await turn()
    expect([first.told, again.told]).toEqual(['kept', 'kept'])
    expect(records).toHaveLength(1)
  })

  test.each(['before', 'after'])(
    'G5: one that is named again %s its first record failed gets another',
    async (when) => {
      const { begun, keep, records } = setUp()
      const first = keep('k')
      await turn()
      let again = { told: '' }
      if (when === 'before') again = keep('k')
      await turn()
      begun[0]?.end(new Error('the disk is full'))
      await turn()
      if (when === 'after') again = keep('k')
      await turn()
      expect([first.told, again.told]).toEqual(['failed', 'nothing'])
      begun[1]?.end()
      await turn()
      expect(again.told).toBe('kept')
      expect(records.map(({ targets, drop }) => [targets, drop])).toEqual([[[{ kind: 'key', key: 'k' }], ['k']]])
    },
  )

  test('G5: the same for the half of a step that the ledger refused', async () => {
    const { owed, begun, keep, records } = setUp()
    keep('a')
    keep('b')
    await turn()
    begun[0]?.end(new Error('the disk is full'))
    await turn()
    owed.refuse()
    owed.refuse()
    expect(owed.size).toBe(2)
    const again = keep('b')
    await turn()
    expect(again.told).toBe('nothing')
    begun[1]?.end()
    await turn()
    expect(again.told).toBe('kept')
    expect(records.map(({ drop }) => drop)).toEqual([['b']])
  })

  test('G5: a step is not halved while its record is written, which would be removed', async () => {
    const { owed, begun, keep, records } = setUp()
    const callers = [keep('a'), keep('b')]
    await turn()
    owed.refuse()
    owed.refuse()
    expect(owed.size).toBe(1)
    begun[0]?.end()
    await turn()
    expect(callers.map(({ told }) => told)).toEqual(['kept', 'kept'])
    expect(records).toHaveLength(1)
    owed.refuse()
    owed.refuse()
    expect(owed.size).toBe(2)
  })
})
