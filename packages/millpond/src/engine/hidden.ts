// Keys and tags as tiers and the ledger know them, if the namespace's codec gives them other names. Within this process
// they are unchanged.
import type { Change, Codec, HiddenNames } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Target } from '../core/ledger.ts'

/** A namespace, as far as names go. */
interface Named {
  readonly id: { readonly cache: string; readonly name: string }
  readonly codec: Codec
}

/** The codec may be set after a namespace is opened, so it is read each time. */
export const namesOf = ({ id, codec }: Named): HiddenNames | undefined =>
  codec.namesIn?.({ cache: id.cache, namespace: id.name })

/** The ledger's name of a key. */
export const ledgerKey = (space: Named, key: string): string => namesOf(space)?.key(key) ?? key

export function hiddenTargets(names: HiddenNames | undefined, targets: readonly Target[]): readonly Target[] {
  if (names === undefined) return targets
  return targets.map((target): Target => {
    if (target.kind === 'key') return { kind: 'key', key: names.key(target.key) }
    return target.kind === 'tag' ? { kind: 'tag', tag: names.tag(target.tag) } : target
  })
}

export function hiddenChange(names: HiddenNames | undefined, change: Change): Change {
  if (names === undefined) return change
  const { targets, watch } = change
  return {
    ...change,
    targets: hiddenTargets(names, targets),
    ...(watch !== undefined && { watch: watch.map((tags) => tags.map((tag) => names.tag(tag))) }),
  }
}

/** @throws MillpondError `PATTERN_INVALID`: the key in a tier cannot be derived from its name. */
export function refusePatterns(space: Named, patterns: readonly string[]): void {
  const [pattern] = patterns
  if (pattern === undefined || namesOf(space) === undefined) return
  throw new MillpondError(
    'PATTERN_INVALID',
    `the pattern ${show(pattern)}: the keys of the namespace ${show(space.id.name)} are hidden (codec: { keyNames }), so a pattern cannot match them: invalidate by tags or keys`,
  )
}
