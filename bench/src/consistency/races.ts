// An invalidation while a loader runs: how often the value from before it is there afterwards.
import type { Contender } from './contender.ts'
import { type Cell, type Field, memberAt, NOT_OFFERED, sized, sleep, withMembers } from './field.ts'

export const RACE_ROWS = {
  alone: 'key deleted while its loader runs, one process: old value stored',
  across: 'the same, the delete in another process',
  tagAlone: 'tag invalidated while a loader runs, one process: old value stored',
  tagAcross: 'the same, the invalidation in another process',
} as const

/** Longer than any bound that a library states. */
const SETTLE_MS = 700

export async function measureRaces(field: Field, contender: Contender): Promise<readonly Cell[]> {
  const tries = sized(field, 10, 50, 100)
  const cells: Cell[] = []
  for (const byTag of [false, true]) {
    const rows = byTag ? [RACE_ROWS.tagAlone, RACE_ROWS.tagAcross] : [RACE_ROWS.alone, RACE_ROWS.across]
    const counts = byTag && !contender.hasTags ? [undefined, undefined] : await race(field, contender, tries, byTag)
    rows.forEach((row, at) => {
      const stale = counts[at]
      cells.push(
        stale === undefined
          ? { row, text: NOT_OFFERED }
          : { row, text: `${stale} of ${tries}`, figures: { stale, tries } },
      )
    })
  }
  return cells
}

function race(field: Field, { name }: Contender, tries: number, byTag: boolean): Promise<number[]> {
  return withMembers(field, name, 2, { tags: byTag }, async (members) => {
    const [loader, other] = [memberAt(members, 0), memberAt(members, 1)]
    const alone = await loader.run('raceAlone', { tries, byTag, loadMs: 12 })
    const keys = Array.from({ length: tries }, (_, at) => `far-race:${at}`)
    const what = byTag ? { keys, tag: 'far-race-tag' } : { keys }
    await loader.run('startLoads', { ...what, loadMs: 400 })
    await other.run('forget', what)
    await loader.run('endLoads', {})
    await sleep(SETTLE_MS)
    const old = [...(await loader.run('countOld', what)), ...(await other.run('countOld', what))]
    return [alone, new Set(old).size]
  })
}
