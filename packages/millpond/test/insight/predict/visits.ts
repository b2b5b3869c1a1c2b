// Traffic whose next reads are known while memory often holds them still: visitors on chains of pages.
import { seededRandom } from '../../../src/testing/random.ts'

const CHAIN = 8

/** Words without numbers, so that nothing but their order speaks for them. */
export const word = (number: number): string =>
  `page:${[...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('')}`

/**
 * Visitors who each walk along a chain of pages, many at a time: some chains more often than others. A context is a
 * visit.
 */
export function visits(reads: number, visitors: number, chains: number): { keys: string[]; contexts: number[] } {
  const { next: draw } = seededRandom(7)
  const under = Array.from({ length: visitors }, () => ({ chain: 0, page: CHAIN, visit: 0 }))
  const keys: string[] = []
  const contexts: number[] = []
  for (let begun = 0; keys.length < reads; ) {
    const one = under[Math.floor(draw() * visitors)]
    if (one === undefined) continue
    if (one.page === CHAIN) Object.assign(one, { chain: Math.floor(chains * draw() ** 3), page: 0, visit: ++begun })
    keys.push(word(one.chain * CHAIN + one.page++))
    contexts.push(one.visit)
  }
  return { keys, contexts }
}
