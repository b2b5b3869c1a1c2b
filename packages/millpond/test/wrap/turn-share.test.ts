// The share of a turn: of many that want to go on at once some hundreds do, in their order, and the others in the turns
// after it.
import { expect, test } from 'vitest'
import { inShares, SHARE, shareOfTurn } from '../../src/wrap/turn-share.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('so many go on in one turn, the others in the next ones, in their order', async () => {
  await turn()
  const gone: number[] = []
  const all = Array.from({ length: SHARE * 3 }, async (_, index) => {
    await shareOfTurn()
    gone.push(index)
  })
  await Promise.resolve()
  const counts = [gone.length]
  while (gone.length < all.length) {
    await turn()
    counts.push(gone.length)
  }
  expect(counts[0]).toBe(SHARE)
  for (const [at, count] of counts.entries()) expect(count - (counts[at - 1] ?? 0)).toBeLessThanOrEqual(SHARE)
  expect(gone).toEqual(all.map((_, index) => index))
  await turn()
  expect(shareOfTurn()).toBeUndefined()
})

test('who comes while others wait does not overtake them', async () => {
  await turn()
  const gone: string[] = []
  const go = async (name: string): Promise<void> => {
    await shareOfTurn()
    gone.push(name)
  }
  const first = Array.from({ length: SHARE + 1 }, () => go('first'))
  await Promise.all([...first, go('late')])
  expect(gone.at(-1)).toBe('late')
})

test('work on many items leaves turns to others', async () => {
  const done: number[] = []
  inShares(
    Array.from({ length: SHARE * 2 + 1 }, (_, index) => index),
    (item) => done.push(item),
  )
  expect(done).toHaveLength(SHARE)
  await turn()
  expect(done).toHaveLength(SHARE * 2)
  await turn()
  expect(done).toHaveLength(SHARE * 2 + 1)
})
