// The regions of a cache, as one of its processes sees them; draining one and restoring it.
import type { Cache, FillProgress, Regions, RegionView } from 'millpond'
import type { Answered, FillRow, RegionRow } from './answers.ts'
import { reasonOf } from './reason.ts'
import type { Asked } from './requests.ts'

/** How long to wait for a fill before reporting its progress. */
const AT_ONCE_MS = 500

/** `own: null`: this cache has no regions. */
export async function regionsOf({ regions }: Cache): Promise<Answered['regions']> {
  if (regions === undefined) return { own: null, regions: [] }
  return { own: regions.own, regions: (await regions.list()).map(rowOf) }
}

export async function drained(
  cache: Cache,
  { region, timeout_ms, force }: Asked<'region_drain'>,
): Promise<Answered['region_drain']> {
  const { isSafe, namespaces, behind } = await regionsIn(cache).drain({ region, timeout: timeout_ms, force })
  return { region, is_safe: isSafe, namespaces, behind }
}

/** A fill takes time: it continues after the answer. */
export async function filled(
  cache: Cache,
  { from, per_second, force }: Asked<'region_fill'>,
): Promise<Answered['region_fill']> {
  const regions = regionsIn(cache)
  let error: unknown
  const filling = regions.fill({ from, keysPerSecond: per_second, force }).catch((thrown: unknown) => {
    error = thrown
  })
  await Promise.race([filling, new Promise((resolve) => setTimeout(resolve, AT_ONCE_MS).unref())])
  // An invalid request fails at once; later failures are in the list.
  if (error !== undefined) throw error
  const own = (await regions.list()).find(({ isOwn }) => isOwn)
  return { region: regions.own, filling: own?.filling === undefined ? null : fillRow(own.filling) }
}

export async function served(cache: Cache, region: string): Promise<Answered['region_serve']> {
  await regionsIn(cache).serve(region)
  return { region }
}

function regionsIn({ regions }: Cache): Regions {
  if (regions === undefined) throw new Error('this cache has no regions: give it an edge() tier')
  return regions
}

const rowOf = ({ region, isOrigin, state, isHeard, lagMs, waiting, error, filling }: RegionView): RegionRow => ({
  region,
  is_origin: isOrigin,
  state: state ?? null,
  is_heard: isHeard,
  lag_seconds: lagMs === undefined ? null : lagMs / 1000,
  waiting: waiting ?? null,
  error: wordsOf(error),
  filling: filling === undefined ? null : fillRow(filling),
})

const fillRow = ({ from, keys, copied, bytes, isDone, error }: FillProgress): FillRow => ({
  ...{ from, keys, copied, bytes },
  is_done: isDone,
  error: wordsOf(error),
})

const wordsOf = (error: string | undefined): string | null => (error === undefined ? null : reasonOf(new Error(error)))
