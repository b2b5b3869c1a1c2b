// Cases about long histories: what a ledger may forget, and what it must answer then. Part of the ledger suite.
import assert from 'node:assert/strict'
import type { Snapshot, Tail } from '../core/contracts.ts'
import type { Line, Target } from '../core/ledger.ts'
import { bodies, change, commitItem, key, type LedgerSubject, numberOf, pattern, tag, using } from './ledger-subject.ts'
import { seededRandom } from './random.ts'
import type { Case } from './runner.ts'

/** Whether a fresh reader of `answer` accepts an entry, by the rule of the ledger alone. */
function isAccepted(
  answer: Pick<Snapshot | Tail, 'floor' | 'lines'>,
  targets: readonly Target[],
  seq: number,
): boolean {
  return (
    seq >= answer.floor &&
    targets.every((target) => numberOf({ lines: answer.lines.filter((line) => line.mode === 'delete') }, target) <= seq)
  )
}

/** The same for an entry in a tier besides the ledger's own. */
function isAcceptedApart(answer: Snapshot | Tail, targets: readonly Target[], seq: number): boolean {
  return seq >= answer.outerFloor && isAccepted(answer, targets, seq)
}

/** Longer than a busy machine takes from a question to the commit of a load. */
const WINDOW_MS = 400

export const historyCases: readonly Case<LedgerSubject>[] = [
  {
    id: 'short-log',
    title: 'G4: a process that is further behind than the log reaches gets a snapshot, never a gap',
    run: (subject) =>
      using(
        subject,
        async (_tier, ledger) => {
          const start = (await ledger.pull('ns')).position
          for (let step = 1; step <= 200; step++) await ledger.advance('ns', change([tag(`t${step % 5}`)]))
          const far = await ledger.pull('ns', start)
          assert.equal(far.kind, 'snapshot')
          for (let name = 0; name < 5; name++)
            assert.equal(numberOf(far, tag(`t${name}`)), 195 + (name === 0 ? 5 : name))
          const near = await ledger.pull('ns', { ...start, seq: 198 })
          assert.equal(near.kind, 'tail')
          assert.deepEqual(
            near.lines.map((line) => line.seq),
            [199, 200],
          )
        },
        { targets: 16 },
      ),
  },
  {
    id: 'tags-pruned',
    title: 'G8: a tag that is forgotten raises the floor: nothing that it invalidated comes back',
    run: (subject) =>
      using(
        subject,
        async (_tier, ledger) => {
          for (let step = 1; step <= 400; step++) await ledger.advance('ns', change([tag(`t${step}`)]))
          const answer = await ledger.pull('ns')
          assert.ok(answer.lines.length < 200, `${answer.lines.length} lines are kept of 32`)
          for (let step = 1; step <= 400; step++)
            assert.equal(
              isAccepted(answer, [tag(`t${step}`)], step - 1),
              false,
              `an entry with tag t${step}, older than its invalidation, would be accepted`,
            )
          assert.ok(answer.floor < 400, 'the newest must stay acceptable')
          assert.equal(isAccepted(answer, [tag('untouched')], 400), true)
          const below = commitItem('k', { ...answer.position, seq: answer.floor - 1 })
          assert.deepEqual(
            await ledger.commit('ns', [below, commitItem('k', answer.position)]),
            [false, true],
            'a load from below the floor was stored',
          )
        },
        { targets: 32 },
      ),
  },
  {
    id: 'keys-pruned',
    title: 'G1: forgetting a key does not raise the floor, and every older load is refused',
    run: (subject) =>
      using(
        subject,
        async (tier, ledger) => {
          const start = (await ledger.pull('ns')).position
          await ledger.commit('ns', [commitItem('bystander', start)])
          for (let step = 1; step <= 400; step++)
            await ledger.advance('ns', change([key(`k${step}`)], { drop: [`k${step}`] }))
          const answer = await ledger.pull('ns')
          assert.ok(answer.lines.length < 200, `${answer.lines.length} lines are kept of 32`)
          assert.equal(answer.floor, 0, 'the step dropped each entry itself: no floor is needed')
          for (const step of [1, 7, 200, 399, 400]) {
            assert.deepEqual(
              await ledger.commit('ns', [commitItem(`k${step}`, { ...start, seq: step - 1 })]),
              [false],
              `a load of k${step} from before its invalidation was stored`,
            )
          }
          assert.deepEqual(await ledger.commit('ns', [commitItem('k1', { ...start, seq: 400 })]), [true])
          assert.deepEqual(await bodies(tier, ['bystander', 'k1', 'k400']), [
            'loaded bystander',
            'loaded k1',
            undefined,
          ])
        },
        { targets: 32 },
      ),
  },
  {
    id: 'unmoved-pruned',
    title: 'G9: a write from before what the ledger remembers counts as late',
    run: (subject) =>
      using(
        subject,
        async (tier, ledger) => {
          const start = (await ledger.pull('ns')).position
          const late = (seq: number) =>
            change([key('k1'), key('untouched')], {
              write: ['k1', 'untouched'].map((name) => ({
                key: name,
                body: new Uint8Array(1),
                expiresAt: Number.POSITIVE_INFINITY,
              })),
              unmovedSince: { ...start, seq },
            })
          for (let step = 1; step <= 400; step++) await ledger.advance('ns', change([key(`k${step}`)]))
          const { stored } = await ledger.advance('ns', late(0))
          if (stored === undefined) return 'the store takes no notice of unmovedSince'
          assert.deepEqual(stored, [false, false])
          assert.deepEqual(await bodies(tier, ['k1', 'untouched']), [undefined, undefined])
          for (let step = 1; step <= 400; step++) await ledger.advance('ns', change([tag(`t${step}`)]))
          const { floor, position } = await ledger.pull('ns')
          assert.deepEqual((await ledger.advance('ns', late(floor - 1))).stored, [false, false])
          assert.deepEqual((await ledger.advance('ns', late(position.seq + 1))).stored, [true, true])
          return undefined
        },
        { targets: 32 },
      ),
  },
  {
    id: 'window',
    title: 'loads older than the window are refused, younger ones are stored',
    run: (subject) =>
      using(
        subject,
        async (_tier, ledger) => {
          const start = (await ledger.pull('ns')).position
          await ledger.advance('ns', change([key('k')]))
          await new Promise((resolve) => setTimeout(resolve, WINDOW_MS + 20))
          for (let step = 2; step <= 6; step++) await ledger.advance('ns', change([key(`other${step}`)]))
          const { position } = await ledger.pull('ns')
          assert.deepEqual(await ledger.commit('ns', [commitItem('k', start), commitItem('k', position)]), [
            false,
            true,
          ])
        },
        { windowMs: WINDOW_MS },
      ),
  },
  {
    id: 'external-keys',
    title: 'G1: with tiers beside its own, forgetting a key raises the floor of those tiers, and no other floor',
    run: (subject) =>
      using(
        subject,
        async (_tier, ledger) => {
          for (let step = 1; step <= 400; step++) await ledger.advance('ns', change([key(`k${step}`)]))
          const answer = await ledger.pull('ns')
          assert.ok(answer.lines.length < 200, `${answer.lines.length} lines are kept of 32`)
          for (let step = 1; step <= 400; step++)
            assert.equal(
              isAcceptedApart(answer, [key(`k${step}`)], step - 1),
              false,
              `a copy of k${step} in a file would be accepted`,
            )
          assert.ok(answer.outerFloor < 400)
          assert.equal(answer.floor, 0, "the ledger's own entries are as good as before")
        },
        { targets: 32, externalTiers: true },
      ),
  },
  {
    id: 'external-later',
    title: 'G1: a tier beside its own that joins later is covered too',
    run: (subject) =>
      using(
        subject,
        async (_tier, ledger) => {
          for (let step = 1; step <= 200; step++) await ledger.advance('ns', change([key(`k${step}`)]))
          assert.equal((await ledger.pull('ns')).floor, 0)
          assert.ok(
            ledger.coverOtherTiers,
            'the ledger has no coverOtherTiers(): implement it, or skip the case with a reason',
          )
          ledger.coverOtherTiers()
          const answer = await ledger.pull('ns')
          for (let step = 1; step <= 200; step++)
            assert.equal(
              isAcceptedApart(answer, [key(`k${step}`)], step - 1),
              false,
              `a copy of k${step} in a file would be accepted`,
            )
        },
        { targets: 32 },
      ),
  },
  {
    id: 'many-patterns',
    title: 'more than 64 patterns become a clear',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const start = (await ledger.pull('ns')).position
        for (let step = 1; step <= 64; step++) await ledger.advance('ns', change([pattern(`p${step}*`)]))
        await ledger.advance('ns', change([pattern('p1*')]))
        const kept = await ledger.pull('ns')
        assert.ok(kept.floor < 65)
        assert.equal(
          new Set(
            kept.lines.flatMap((line) => line.targets.flatMap((one) => (one.kind === 'pattern' ? [one.pattern] : []))),
          ).size,
          64,
        )
        await ledger.advance('ns', change([pattern('one too many')], { mode: 'expire' }))
        const answer = await ledger.pull('ns')
        assert.ok(Math.max(answer.floor, numberOf(answer, { kind: 'all' })) >= 66)
        assert.ok(answer.lines.flatMap((line) => line.targets).length <= 3, 'the older patterns mean nothing any more')
        const asked = await ledger.pull('ns', start)
        assert.ok(Math.max(asked.floor, numberOf(asked, { kind: 'all' })) >= 66)
        assert.deepEqual(
          await ledger.commit('ns', [commitItem('k', { ...start, seq: 65 }), commitItem('k', { ...start, seq: 66 })]),
          [false, true],
        )
      }),
  },
  {
    id: 'large-snapshot',
    title: 'G6: a snapshot of 15,000 targets is whole, also while the namespace moves on',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const truth = new Map<string, number>()
        const start = (await ledger.pull('ns')).position
        async function move(names: readonly string[]): Promise<void> {
          const { position } = await ledger.advance('ns', change(names.map(tag)))
          for (const name of names) truth.set(name, position.seq)
        }
        for (let step = 0; step < 30; step++)
          await move(Array.from({ length: 500 }, (_, index) => `t${step * 500 + index}`))
        const asked = [ledger.pull('ns'), ledger.pull('ns', { epoch: 'of-another-time', seq: 1 })]
        for (let step = 0; step < 20; step++) await move([`t${step * 700}`, `new${step}`])
        const early = await Promise.all(asked)
        const late = await ledger.pull('ns')
        for (const answer of [...early, late]) {
          assert.equal(answer.kind, 'snapshot')
          const held = new Map<string, number>()
          for (const line of answer.lines)
            for (const one of line.targets)
              if (one.kind === 'tag') held.set(one.tag, Math.max(line.seq, held.get(one.tag) ?? 0))
          for (const [name, seq] of truth) {
            if (seq > answer.position.seq) continue
            assert.equal(held.get(name), seq, `${name} at ${seq} in a snapshot of ${answer.position.seq}`)
          }
        }
        assert.equal(late.position.seq, 50)
        assert.equal((await ledger.pull('ns', { ...start, seq: 49 })).kind, 'tail')
      }),
  },
  {
    id: 'model',
    title: 'G1: over seeded histories no reader, fresh or following, trusts what a plain record of everything does not',
    run: async (subject) => {
      for (const seed of [1, 2, 3])
        await using(subject, (_tier, ledger) => replay(seed, ledger), { targets: seed === 3 ? 16 : 100_000 })
    },
  },
]

/** Random changes; every few steps a fresh and a following reader are compared with a record that forgets nothing. */
async function replay(seed: number, ledger: Parameters<Parameters<typeof using>[1]>[1]): Promise<void> {
  const random = seededRandom(seed)
  const names = Array.from({ length: 12 }, (_, index) => `n${index}`)
  const truth = new Map<string, number>()
  let cleared = 0
  let last = (await ledger.pull('ns')).position
  let followed: { floor: number; lines: Line[] } = { floor: 0, lines: [] }
  for (let step = 1; step <= 150; step++) {
    const target: Target = random.chance(0.04)
      ? { kind: 'all' }
      : random.chance(0.5)
        ? key(random.pick(names))
        : tag(random.pick(names))
    const { position } = await ledger.advance('ns', change([target]))
    assert.equal(position.seq, step, `seed ${seed}`)
    truth.set(JSON.stringify(target), step)
    if (target.kind === 'all') cleared = step
    if (!random.chance(0.3)) continue
    const fresh = await ledger.pull('ns')
    const answer = await ledger.pull('ns', last)
    followed =
      answer.kind === 'tail'
        ? { floor: answer.floor, lines: [...followed.lines, ...answer.lines] }
        : { floor: answer.floor, lines: [...answer.lines] }
    last = answer.position
    for (const name of names) {
      const asked = { seq: random.below(step + 1), key: key(name), tag: tag(random.pick(names)) }
      const moved = Math.max(
        cleared,
        truth.get(JSON.stringify(asked.key)) ?? 0,
        truth.get(JSON.stringify(asked.tag)) ?? 0,
      )
      const clear: Target = { kind: 'all' }
      // Key targets concern entries that the step itself dropped: a fresh reader is judged on tags and clears alone
      // once keys are pruned.
      const byTag = Math.max(cleared, truth.get(JSON.stringify(asked.tag)) ?? 0)
      if (byTag > asked.seq)
        assert.equal(
          isAccepted(fresh, [asked.tag, clear], asked.seq),
          false,
          `seed ${seed}, step ${step}: ${JSON.stringify(asked)} accepted by a fresh reader`,
        )
      if (moved > asked.seq && answer.kind === 'tail')
        assert.equal(
          isAccepted(followed, [asked.key, asked.tag, clear], asked.seq),
          false,
          `seed ${seed}, step ${step}: ${JSON.stringify(asked)} accepted by a follower`,
        )
      const [stored] = await ledger.commit('ns', [commitItem(name, { ...position, seq: asked.seq })])
      if (Math.max(cleared, truth.get(JSON.stringify(asked.key)) ?? 0) > asked.seq)
        assert.equal(stored, false, `seed ${seed}, step ${step}: ${JSON.stringify(asked)} committed`)
    }
    // The newest position is always acceptable: forgetting must never invalidate an entry that no step names.
    assert.equal(isAccepted(fresh, [key('untouched'), tag('untouched')], step), true)
    assert.deepEqual(await ledger.commit('ns', [commitItem('untouched', position)]), [true])
  }
}
