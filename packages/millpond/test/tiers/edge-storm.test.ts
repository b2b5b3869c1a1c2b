// Several regions that begin at once, some way from each other: each forgets everything for what it has not heard of
// the others, and that is the end of it.
import { expect, test } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { edge } from '../../src/tiers/edge/index.ts'

const NAMESPACE = 'shop:default:'

test('what a region forgets at its beginning does not make the others forget everything, again and again', async () => {
  const clock = fakeClock()
  const names = ['a', 'b', 'c', 'd', 'e']
  const servers = names.map(() => simulatedServer({ now: () => clock.now() }))
  const gaps: string[] = []
  const tiers = names.map((region, own) => {
    const travel = (to: number) => (): Promise<void> =>
      new Promise((resolve) => void clock.after(1 + 10 * Math.abs(to - own), resolve))
    const regions = servers.map((server, at) => {
      const way = travel(at)
      return [names[at], { ledger: server.connect({ send: way, back: way, push: way }) }]
    })
    const onWarning = ({ kind, region: other }: { readonly kind: string; readonly region: string }): void => {
      if (kind === 'gap') gaps.push(`${region} of ${other}`)
    }
    return edge({ regions: Object.fromEntries(regions), region, clock, onWarning })
  })
  const [first, ...others] = tiers
  if (first === undefined) return expect.fail('a region')
  for (const tier of tiers) void tier.ledger.pull(NAMESPACE).catch(() => {})
  await clock.run(3000)
  expect(gaps).toEqual([])
  // What one of them clears the others clear, once.
  const clear = {
    targets: [{ kind: 'all' }],
    mode: 'delete',
    reason: 'cleared',
    id: 'clear',
    drop: [],
    write: [],
  } as const
  void first.ledger.advance(NAMESPACE, clear)
  await clock.run(3000)
  const before = servers.map((server) => server.connect().ledger.pull(NAMESPACE))
  await clock.run(3000)
  const after = servers.map((server) => server.connect().ledger.pull(NAMESPACE))
  const positions = async (all: typeof before) => (await Promise.all(all)).map(({ position }) => position)
  expect(await positions(after)).toEqual(await positions(before))
  expect(others.flatMap(({ ledger }) => ledger.regions.heard()).every(({ isHeard }) => isHeard)).toBe(true)
  await Promise.all(tiers.map((tier) => tier.close()))
})
