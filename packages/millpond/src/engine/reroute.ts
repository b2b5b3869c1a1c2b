// Removes entries that a change of the route leaves where they no longer belong: from memory at once, from the tiers
// below in the background.
//
// They are not served meanwhile: an excluded tier is not read, and an entry that belongs elsewhere is not accepted from
// a tier (`far.ts`). So a sweep that fails, that another process does, or that a write of a process with the former
// rules has overtaken costs only space.
import { createHash, randomUUID } from 'node:crypto'
import { MillpondError } from '../core/errors.ts'
import { Turns } from '../memory/turns.ts'
import { isPiece } from '../wrap/pieces.ts'
import { decodeAll } from './encoding.ts'
import { dropWhole } from './erase-far.ts'
import { listed } from './listing.ts'
import { MEMORY, type Route } from './route.ts'
import { goesTo, isAsked } from './route-tiers.ts'
import { type FarTier, inBackground, ledgerTier, type Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** How long a sweep is left to the process that runs it, in milliseconds; renewed by each of its steps. */
const LEASE_MS = 30_000

/**
 * Applies the space's new route; `before` is the former one. Resolves when memory holds nothing that the new one
 * excludes.
 */
export function reroute(space: Space, before: Route | undefined): Promise<void> {
  // Loads being stored used the former rules.
  const stored = Promise.all(space.background)
  const { route } = space.settings
  for (const far of space.far) {
    if (!far.enabled) continue
    const { name } = far.guarded
    if (!isAsked(space, far)) {
      if (before === undefined || before.mayHold(name))
        inBackground(
          space,
          `clearing ${name} of entries that the route excludes`,
          stored.then(() => clear(space, far)),
        )
    } else if (route?.leavesOut(name) === true)
      inBackground(
        space,
        `searching ${name} for entries that the route excludes`,
        stored.then(() => sweep(space, far, route)),
      )
  }
  return leaveMemory(space)
}

/** Drops entries from the tier that were found there but belong elsewhere. */
export function dropLeft(space: Space, { guarded }: FarTier, keys: readonly string[]): void {
  const names = keys.map((key) => storageKey(space, key))
  inBackground(space, `dropping from ${guarded.name} entries that the route excludes`, guarded.drop(names))
}

async function leaveMemory(space: Space): Promise<void> {
  const { memory } = space
  const { route } = space.settings
  if (memory === undefined || route?.leavesOut(MEMORY) !== true) return
  if (!route.mayHold(MEMORY)) return memory.clear('switched_off')
  const turns = new Turns()
  for (const key of [...memory.keys()]) {
    await turns.rest()
    if (space.settings.route !== route) return
    const slot = memory.find(key)
    if (slot < 0) continue
    const value = memory.value(slot)
    if (!route.takes(MEMORY, { value, isolated: space.services.own(value), tags: memory.tags(slot) }))
      memory.drop(key, 'switched_off')
  }
}

async function clear(space: Space, far: FarTier): Promise<void> {
  const { guarded } = far
  if (isAsked(space, far)) return
  const cleared = await guarded.clear(space.id.prefix)
  if (!cleared.ok) throw unanswered(guarded.name)
}

/**
 * One of the processes that share the tier sweeps it. A tier that cannot be listed drops each entry when it is next
 * read or written.
 */
async function sweep(space: Space, far: FarTier, route: Route): Promise<void> {
  const { tier, name } = far.guarded
  const ledger = tier.scope === 'process' ? undefined : ledgerTier(space)?.guarded.ledger
  const key = `\u0000route:${name}:${createHash('sha256').update(route.text).digest('base64url')}`
  const id = randomUUID()
  const isOurs = async (): Promise<boolean> =>
    ledger === undefined || (await ledger.lease(space.id.prefix, key, id, LEASE_MS)).granted
  for await (const found of listed(space, far, space.id.prefix)) {
    if (space.closed || space.settings.route !== route || !(await isOurs())) break
    const names = found.filter((one) => !isPiece(one))
    const answer = await far.guarded.read(names)
    if (!answer.ok) throw unanswered(name)
    const decoded = await decodeAll(space, far, answer.value)
    const going = names.filter((_, at) => {
      const parts = decoded[at]
      return (
        parts !== undefined &&
        !goesTo(space, far, { ...parts, isolated: space.services.own(parts.value, parts.isNarrow) })
      )
    })
    if (going.length > 0) await dropWhole(far, going)
  }
  await ledger?.release(space.id.prefix, key, id)
}

const unanswered = (name: string): MillpondError =>
  new MillpondError(
    'TIER_FAILED',
    `${name} did not answer; entries there are dropped when they are next read or written, or when they expire`,
  )
