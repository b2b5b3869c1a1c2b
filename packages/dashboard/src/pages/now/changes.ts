// What changed last: invalidations, configurations, deploys, newest first, each with a letter.
import { useConfigurations, useInvalidations, useMarkers } from '../../api/queries.ts'
import type { Configuration, Marker, Operation } from '../../api/types.ts'

export interface Change {
  readonly letter: string
  readonly at: number
  readonly of:
    | { readonly is: 'invalidation'; readonly operation: Operation }
    | { readonly is: 'configuration'; readonly configuration: Configuration }
    | { readonly is: 'marker'; readonly marker: Marker }
}

const MOST = 6

export function useChanges(cache: string | undefined): readonly Change[] {
  const invalidations = useInvalidations()
  const markers = useMarkers()
  const configurations = useConfigurations()
  const all: Omit<Change, 'letter'>[] = [
    ...(invalidations.data?.data ?? [])
      .filter(({ caches }) => cache === undefined || caches.includes(cache))
      .map((operation) => ({ at: Date.parse(operation.created_at), of: { is: 'invalidation' as const, operation } })),
    ...(configurations.data?.data ?? []).map((configuration) => ({
      at: Date.parse(configuration.updated_at),
      of: { is: 'configuration' as const, configuration },
    })),
    ...(markers.data?.data ?? []).map((marker) => ({
      at: Date.parse(marker.at),
      of: { is: 'marker' as const, marker },
    })),
  ]
  return all
    .sort((a, b) => b.at - a.at)
    .slice(0, MOST)
    .map((change, index) => ({ ...change, letter: String.fromCharCode(65 + index) }))
}
