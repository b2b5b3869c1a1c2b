// Records of a tier in which a bit has changed.
import assert from 'node:assert/strict'
import type { Tier, TierItem } from '../core/contracts.ts'
import type { Case } from './runner.ts'
import { item, readOne, type TierSubject, text, using } from './tier-subject.ts'

/** An entry stored by a step of the ledger, if the tier holds one: the step gives it its position. */
async function stepped({ ledger }: Tier): Promise<TierItem[]> {
  if (ledger === undefined) return []
  const { key, body, expiresAt } = item('stepped', 'body', Date.now() + 3_600_000)
  const { position } = await ledger.advance('namespace', {
    targets: [{ kind: 'key', key }],
    mode: 'delete',
    reason: 'replaced',
    id: 'every-bit',
    drop: [],
    write: [{ key, body, expiresAt }],
  })
  return [{ key, body, expiresAt, asOf: position }]
}

export const damageCases: readonly Case<TierSubject>[] = [
  {
    id: 'every-bit',
    title: 'G22: of a record in which one bit has changed, wherever, neither position nor deadline is accepted',
    run: (subject) =>
      using(subject, async (tier) => {
        const { record } = subject
        assert.ok(record, 'the subject has no record: give one, or skip the case with a reason')
        const lasting = { ...item('lasting', 'body'), asOf: { epoch: 'Zk3-_x', seq: 7 } }
        const passing = {
          ...item('passing', 'body', Date.now() + 3_600_000),
          asOf: { epoch: 'Zk3-_x', seq: 4_503_599_627_370_495 },
        }
        await tier.write([lasting, passing])
        for (const { key, asOf, expiresAt, body } of [lasting, passing, ...(await stepped(tier))]) {
          const parts: readonly Uint8Array[] = (await record.load(key)).map((part) => Uint8Array.from(part))
          assert.ok(
            parts.reduce((sum, part) => sum + part.length, 0) > body.length,
            'the record holds no more than its body',
          )
          let stored = 0
          for (const [at, part] of parts.entries()) {
            for (let bit = 0; bit < part.length * 8; bit++) {
              const flipped = Uint8Array.from(part)
              flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
              if (!(await record.store(key, parts.with(at, flipped)))) continue
              stored++
              const answer = await readOne(tier, key)
              if (answer === undefined) continue
              // A damaged body is detected by the reader: it has a checksum of its own.
              const where = `bit ${bit} of part ${at}`
              assert.deepEqual(answer.asOf, asOf, where)
              assert.equal(answer.expiresAt, expiresAt, where)
              assert.notDeepEqual(Uint8Array.from(answer.body), body, where)
            }
          }
          assert.ok(stored > 100, 'hardly a bit could be flipped')
          // A store may sweep an entry that looks expired because of a flipped deadline.
          await tier.drop([key])
          assert.equal(await record.store(key, parts), true)
          assert.equal(text(await readOne(tier, key)), 'body')
        }
      }),
  },
]
