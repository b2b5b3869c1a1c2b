// Brings the view of the ledger up to date, as far as a call demands, before any copy is accepted.
import { decodeToken } from '../invalidate/token.ts'
import type { Demand } from './foreign-namespaces.ts'
import type { Space } from './space.ts'

/**
 * Brings the view up to date as far as the call demands; synchronous if it already is. `mark`: a query that must have
 * been answered, see `read-fence.ts`. `false`: the ledger does not answer, so no copy may be accepted.
 */
export function makeReady(space: Space, mark: number, demand: Demand): true | Promise<boolean> {
  const here = readyHere(space, mark, demand)
  const foreign = space.foreign?.catchUp(demand) ?? true
  if (foreign === true) return here
  return Promise.all([here, foreign]).then((answers) => answers.every(Boolean))
}

function readyHere(space: Space, mark: number, { consistency, after }: Demand): true | Promise<boolean> {
  const { ledger } = space
  if (consistency === 'strong') return ledger.isLocal || ledger.refresh()
  if (ledger.heard <= mark) return after === undefined ? ledger.hear(mark) : ledger.refresh()
  const seen = after === undefined ? undefined : decodeToken(after)?.get(space.id.prefix)
  if (seen !== undefined) return ledger.reach(seen)
  return ledger.trusted() || ledger.ensure()
}

export function newestMark({ fence }: Space, keys: readonly string[]): number {
  let newest = -1
  for (const key of keys) newest = Math.max(newest, fence.markOf(key))
  return newest
}
