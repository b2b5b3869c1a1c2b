// What a process does when another one has erased something: its part of memory and queues, and the tiers that are not
// shared.
import type { Target } from '../core/ledger.ts'
import { arrived, eraseFar, isOfFew } from './erase-far.ts'
import { eraseHere, meantBy } from './erase-here.ts'
import { type FarTier, inBackground, type Space } from './space.ts'

/** Reports what it dropped by the event `erased`. */
export function eraseBehind(space: Space, id: string, targets: readonly Target[]): void {
  const done = eraseHere(space, targets).then((writes) =>
    space.services.events.emit('erased', { id, namespace: space.id.name, writes, isOwn: false }),
  )
  inBackground(space, 'what this process was to do for an erasure', done)
  for (const far of space.far)
    if (isOfFew(space, far)) inBackground(space, `an erasure from ${far.guarded.name}`, eraseOwn(space, far, targets))
}

/** Twice, since writes that this process had sent may arrive after the first time. */
async function eraseOwn(space: Space, far: FarTier, targets: readonly Target[]): Promise<void> {
  const meant = meantBy(targets)
  await eraseFar(space, far, meant)
  await arrived(space)
  await eraseFar(space, far, meant)
  await far.guarded.tier.scrub?.()
}
