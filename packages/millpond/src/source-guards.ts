// The guard of a source of one namespace: found or created, and told what to invalidate when the source keeps failing.
import type { Source, SourceOptions } from './core/source.ts'
import { forget } from './engine/forget.ts'
import { inBackground, type Space } from './engine/space.ts'
import type { Guards } from './source/guard/guards.ts'
import type { Guard } from './source/guard/source-guard.ts'

/**
 * `name`: for a guard that is described rather than named. It ends with its source.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 */
export function guardOf(
  guards: Guards,
  space: Space,
  given: NonNullable<SourceOptions['guard']>,
  name: string,
): { readonly guard: Guard; readonly release: () => void } {
  const guard = guards.of(given, name)
  const isOwn = typeof given !== 'string' && given !== guard
  const stop = guard.onThreshold(() => {
    const { tag } = guard
    if (tag !== undefined)
      inBackground(space, `the invalidation of ${tag}`, forget(space, { tags: [tag], reason: 'error_threshold' }))
  })
  const release = (): void => {
    stop()
    if (isOwn) guards.remove(guard)
  }
  return { guard, release }
}

/** The source with its guard before both of its loaders. */
export function guardedSource(source: Omit<Source, 'guard'>, guard: Guard): Source {
  const { load, loadMany } = source
  return {
    ...source,
    guard,
    load: (key, context) => {
      if (guard.tag !== undefined) context.addTags(guard.tag)
      return guard.run(({ signal }) => load(key, { ...context, signal }), context)
    },
    ...(loadMany !== undefined && { loadMany: (keys, context) => guard.run((own) => loadMany(keys, own), context) }),
  }
}
