// A process's own part of an erasure, whichever process requested it: memory, queued writes, the restart file, and keys
// that may have been destroyed.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { dependencyTag } from '../core/dependency.ts'
import type { Target } from '../core/ledger.ts'
import type { ErasedWrite, ErasurePredicate } from './erasure.ts'
import { namesOf } from './hidden.ts'
import type { Space } from './space.ts'

/** The subject, named as in the ledger's line; undefined if that names everything. */
export interface ErasureTargets {
  readonly keys: ReadonlySet<string>
  readonly tags: ReadonlySet<string>
}

export function meantBy(targets: readonly Target[]): ErasureTargets | undefined {
  const keys = new Set<string>()
  const tags = new Set<string>()
  for (const target of targets) {
    if (target.kind === 'key') {
      keys.add(target.key)
      tags.add(dependencyTag(target.key))
    } else if (target.kind === 'tag') tags.add(target.tag)
    else return undefined
  }
  return { keys, tags }
}

/** By keys and tags as this process knows them. */
export function isMeantBy(space: Space, meant: ErasureTargets | undefined): ErasurePredicate {
  if (meant === undefined) return () => true
  const names = namesOf(space)
  if (names === undefined) return (key, tags) => isNamedBy(meant, key, tags())
  return (key, tags) =>
    isNamedBy(
      meant,
      names.key(key),
      tags().map((tag) => names.tag(tag)),
    )
}

/** By keys and tags as the ledger knows them. */
export const isNamedBy = (meant: ErasureTargets, key: string, tags: readonly string[]): boolean =>
  meant.keys.has(key) || tags.some((tag) => meant.tags.has(tag))

/** Memory at once, as far as it fits into one turn; the rest in the background. */
export async function eraseHere(space: Space, targets: readonly Target[]): Promise<readonly ErasedWrite[]> {
  const meant = meantBy(targets)
  const isMeant = isMeantBy(space, meant)
  if (meant === undefined) {
    space.memory?.clear('erased')
    forgetKeys(space)
  } else await sweepMemory(space, isMeant)
  const writes = await Promise.all([...space.erasers].map((erase) => erase(isMeant)))
  await space.warmth.rewrite?.()
  return writes.flat()
}

/** The namespace was cleared, or its history lost: its tenant's keys may be destroyed. */
export function forgetKeys({ id, codec, far }: Space): void {
  for (const one of new Set([codec, ...far.map((tier) => tier.codec)])) one?.tenants?.forget(id.name)
}

/** How long the walk may block the event loop, in milliseconds. */
const HOLD_MS = 5

async function sweepMemory(space: Space, isMeant: ErasurePredicate): Promise<void> {
  const { memory, services } = space
  if (memory === undefined) return
  let since = services.clock.monotonic()
  for (const key of [...memory.keys()]) {
    if (services.clock.monotonic() - since > HOLD_MS) {
      await yieldToOthers()
      since = services.clock.monotonic()
    }
    const slot = memory.find(key)
    if (slot >= 0 && isMeant(key, () => memory.tags(slot))) memory.drop(key, 'erased')
  }
}
