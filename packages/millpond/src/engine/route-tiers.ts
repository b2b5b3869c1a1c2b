// The far tiers of a space, as its route sees them.
import type { Found } from './found.ts'
import type { FarTier, Space } from './space.ts'

type Routed = Pick<Found, 'value' | 'isolated' | 'tags'>

/** Whether the tier is read for entries of this namespace; with tags: for an entry known to have these. */
export const isAsked = (
  { settings: { route } }: Pick<Space, 'settings'>,
  far: FarTier,
  tags?: readonly string[],
): boolean => far.enabled && (route === undefined || route.mayHold(far.guarded.name, tags))

/** Whether the entry is stored in the tier. */
export const goesTo = ({ settings: { route } }: Pick<Space, 'settings'>, far: FarTier, entry: Routed): boolean =>
  far.enabled && (route === undefined || route.takes(far.guarded.name, entry))

/** Whether the tier may hold an older entry of the key, though this one is stored elsewhere. */
export const isLeft = (space: Pick<Space, 'settings'>, far: FarTier, entry: Routed): boolean =>
  space.settings.route !== undefined && isAsked(space, far) && !goesTo(space, far, entry)
