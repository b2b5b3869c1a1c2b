// The chain beside a plain array.
import { describe, expect, test } from 'vitest'
import { Chain, type Link } from '../../src/core/chain.ts'
import fc from '../properties.ts'

describe('a chain', () => {
  test('keeps what was added and not removed, in its order', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(20), { nil: 'add' as const })), (steps) => {
        const chain = new Chain<number>()
        const links: Link<number>[] = []
        let held: number[] = []
        steps.forEach((step, at) => {
          const link = step === 'add' ? undefined : links[step % Math.max(1, links.length)]
          if (link === undefined) {
            links.push(chain.add(at))
            held.push(at)
          } else {
            held = held.filter((item) => item !== link.item)
            chain.remove(link)
          }
          expect([...chain].map(({ item }) => item)).toEqual(held)
          expect(chain.isEmpty).toBe(held.length === 0)
        })
      }),
    )
  })

  test('lets go of what was removed, also while it is walked', () => {
    const chain = new Chain<string>()
    const [a, b, c] = ['a', 'b', 'c'].map((item) => chain.add(item))
    for (const link of chain) if (link !== b) chain.remove(link)
    expect([...chain]).toEqual([b])
    for (const link of [a, c]) expect(link).toEqual({ item: undefined, before: undefined, after: undefined })
  })
})
