// What the service registers with the control plane: the names that people use, and what they stand for in its cache.
import type { Application, CacheType, NamedAt, NamedPlan } from '@millpond/control'
import type { Cache } from 'millpond'
import type { Database } from '../db/database.ts'
import { groupTag, KIND_NAMES, KINDS, type KindName, MODELS } from './kinds.ts'
import { entriesOfUrl } from './urls.ts'
import type { Warmed, Warming, WarmOptions } from './warming.ts'

export interface ApplicationParts {
  readonly db: Database
  /** Undefined when it is off. */
  readonly cache: Cache | undefined
  readonly warming: Warming
}

const ENDPOINTS: Readonly<Record<string, readonly KindName[]>> = {
  '/api/cached/organizations/info/': ['organization'],
  '/api/cached/organizations/roles/': ['roles'],
  '/api/cached/organizations/statistics/': ['deal_statistics'],
  '/api/cached/users/dashboard/': ['dashboard'],
  '/api/cached/users/permissions/': ['permissions'],
  '/api/cached/analytics/deal-analytics/': ['analytics'],
  '/api/cached/analytics/performance-metrics/': ['performance'],
  '/api/dashboard/overview-advanced/': ['overview'],
}
const SCOPE = 'organization'
/** In reports of their coverage. */
const MOST_LISTED = 200
const LAYERS = ['strategic', 'response'] as const

export function createApplication({ db, cache, warming }: ApplicationParts): Application {
  const warm = (organization: string | undefined, options: WarmOptions): Promise<Warmed> =>
    organization === undefined
      ? warming.warmAllOrganizations(options)
      : warming.warmOrganizationCache(Number(organization), options)
  const warmKinds = async (kinds: readonly KindName[]): Promise<void> => {
    const { warmed, failed } = await warm(undefined, { kinds })
    if (failed > 0) throw new Error(`${failed} of ${warmed + failed} answers could not be computed`)
  }
  const planOf = (name: string, organization: string | undefined, options: WarmOptions): NamedPlan => ({
    name: organization === undefined ? name : `${name} of ${organization}`,
    run: ({ signal }) => warm(organization, { ...options, signal }),
  })
  for (const kind of KIND_NAMES) cache?.warming.register('view', kind, () => warmKinds([kind]))
  for (const [name, kinds] of Object.entries(MODELS)) cache?.warming.register('model', name, () => warmKinds(kinds))
  for (const [name, kinds] of Object.entries(ENDPOINTS)) cache?.warming.register('api', name, () => warmKinds(kinds))

  const kindType = (kind: KindName): CacheType => ({
    tags: ({ scopes: { [SCOPE]: id } }) => [id === undefined ? groupTag.kind(kind) : groupTag.both(kind, Number(id))],
    plans: ({ scopes: { [SCOPE]: id } }) => [planOf(kind, id, { kinds: [kind] })],
  })
  const layerType = (layer: (typeof LAYERS)[number]): CacheType => ({
    namespaces: [layer],
    tags: ({ scopes: { [SCOPE]: id } }) =>
      id === undefined ? KIND_NAMES.map((kind) => groupTag.kind(kind)) : [groupTag.organization(Number(id))],
    plans: ({ scopes: { [SCOPE]: id } }) => [planOf(layer, id, { layer })],
  })
  return {
    cacheTypes: Object.fromEntries([
      ...KIND_NAMES.map((kind) => [kind, kindType(kind)] as const),
      ...LAYERS.map((layer) => [layer, layerType(layer)] as const),
      ['all', { plans: ({ scopes: { [SCOPE]: id } }: NamedAt) => [planOf('all', id, {})] }],
    ]),
    scopes: {
      [SCOPE]: {
        find: async (text) => {
          const rows = db.kysely.selectFrom('organizations').select('id').orderBy('id')
          const found = /^\d{1,15}$/.test(text) ? rows.where('id', '=', Number(text)) : rows.where('name', '=', text)
          const row = await found.executeTakeFirst()
          return row === undefined ? undefined : String(row.id)
        },
        list: async () => {
          const rows = await db.kysely
            .selectFrom('organizations')
            .select('id')
            .orderBy('id')
            .limit(MOST_LISTED)
            .execute()
          return rows.map(({ id }) => String(id))
        },
        tags: (id) => [groupTag.organization(Number(id))],
        plans: (id, { cacheType }) => {
          const kinds = KIND_NAMES.filter((kind) => kind === cacheType)
          const layer = LAYERS.find((one) => one === cacheType)
          return [
            planOf(cacheType ?? SCOPE, id, {
              ...(kinds.length > 0 && { kinds }),
              ...(layer !== undefined && { layer }),
            }),
          ]
        },
      },
    },
    urls: entriesOfUrl,
    criticalPaths: () =>
      KIND_NAMES.filter((kind) => KINDS[kind].priority === 'high').map((kind) =>
        planOf(kind, undefined, { kinds: [kind] }),
      ),
  }
}
