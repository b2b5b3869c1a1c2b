// Dependencies between entries: an entry that was computed from others carries a tag for each of them, and inherits
// theirs.
//
// A change of key K invalidates the tag "depends on K" in the same step. Inheriting makes the relation transitive at
// the time of the load, so that an invalidation never has to walk a graph.
import {
  dependencyKey,
  dependencyTag,
  type ForeignEntry,
  foreignTags,
  isForeignTag,
  withoutPriority,
} from '../core/dependency.ts'
import { MillpondError } from '../core/errors.ts'
import type { Position, Target } from '../core/ledger.ts'
import type { LoadPolicy } from '../core/options.ts'
import { currentLoad } from './current-load.ts'
import { readFar } from './far.ts'
import { namesOf } from './hidden.ts'
import type { Space } from './space.ts'

export const isDependencyTarget = (target: Target): boolean =>
  target.kind === 'tag' && dependencyKey(target.tag) !== undefined

/**
 * The tags of an entry: its own, and those of its declared dependencies. Synchronous without any.
 * @throws MillpondError `OPTION_INVALID` if the cache tracks no dependencies.
 */
export function tagsWithDependencies(space: Space, policy: LoadPolicy): readonly string[] | Promise<readonly string[]> {
  if (policy.dependsOn.length === 0) return policy.tags
  if (space.settings.dependencies === 'off') {
    throw new MillpondError(
      'OPTION_INVALID',
      "dependsOn: this cache does not track dependencies: create it with { dependencies: 'declared' }",
    )
  }
  return lookUp(space, policy)
}

async function lookUp(space: Space, policy: LoadPolicy): Promise<readonly string[]> {
  const elsewhere = policy.dependsOn.filter((key) => (space.memory?.find(key) ?? -1) < 0)
  const { found } = await readFar(space, elsewhere)
  return [
    ...new Set([
      ...policy.tags,
      ...policy.dependsOn.flatMap((key) => inherited(space, key)),
      ...found.flatMap((entry) => withoutPriority(entry?.tags ?? [])),
    ]),
  ]
}

/**
 * A read inside a loader, of this namespace or another one: the loaded entry depends on its result, and so does each
 * one of a batch. `asOf`: the ledger's position when it was found, or not found.
 */
export function noteRead(space: Space, key: string, tags: readonly string[], asOf: Position): void {
  const lead = currentLoad()
  if (lead === undefined) return
  const isOwn = lead.owner === space
  // Another cache's entries cannot be judged here.
  if (!isOwn && lead.owner.foreign !== space.foreign) return
  const noted = isOwn
    ? [dependencyTag(key), ...withoutPriority(tags)]
    : foreignTags(asKnownThere(space, { namespace: space.id.name, asOf, key, tags }))
  lead.addTags(noted)
  for (const load of lead.batch) if (load !== lead) load.addTags(noted)
}

/** Hidden keys and tags stay hidden from every reader, even if the other namespace hides nothing. */
function asKnownThere(space: Space, read: ForeignEntry): ForeignEntry {
  const names = namesOf(space)
  if (names === undefined) return read
  return {
    ...read,
    key: names.key(read.key),
    tags: withoutPriority(read.tags).map((tag) => (isForeignTag(tag) ? tag : names.tag(tag))),
  }
}

function inherited(space: Space, key: string): readonly string[] {
  const slot = space.memory?.find(key) ?? -1
  const tags = slot < 0 ? [] : (space.memory?.tags(slot) ?? [])
  return [dependencyTag(key), ...withoutPriority(tags)]
}
