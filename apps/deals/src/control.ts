// The control plane of the service's own cache: the admin API below /api/admin/caching, with the demo tokens as
// credentials.
import { join } from 'node:path'
import type { Cdn } from '@millpond/cdn'
import {
  type Application,
  type ControlPlane,
  createControl,
  ensureToken,
  openStore,
  type Principal,
  ROLE_SCOPES,
  type Role,
} from '@millpond/control'
import { type Cache, MillpondError } from 'millpond'
import type { Insight } from 'millpond/insight'
import { isError } from 'millpond/options'
import { file } from 'millpond/tiers/file'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { type CacheSettings, redisOptions } from './cache-settings.ts'
import type { Granted } from './http/access.ts'
import type { Settings } from './settings.ts'
import { StartError } from './start-error.ts'

export const CONTROL_PATH = '/api/admin/caching'
export const DASHBOARD_PATH = '/admin/caching/'

/** What a role of the service may do to its cache. Other roles: nothing. */
const ROLES: ReadonlyMap<string, Role> = new Map([
  ['viewer', 'viewer'],
  ['manager', 'operator'],
  ['administrator', 'admin'],
])

/**
 * Each request asks the HTTP cache first, which only holds public answers and so misses for private ones: in a healthy
 * service half to two thirds of all reads are hits. A get includes its load, and one analysis takes as long as a
 * thousand hits.
 */
const ALERT_RULES = {
  hit_ratio: { levels: { critical: 0.2, high: 0.35, medium: 0.45 } },
  regression: { levels: { medium: 10 } },
} as const

export interface ControlParts {
  readonly cache: Cache | undefined
  /** The insight that watches it. Undefined: none. */
  readonly insight: Insight | undefined
  /** The edge in front of the service. Undefined: none. */
  readonly cdn: Cdn | undefined
  /** The names that people use: organisations, kinds of answers. */
  readonly application: Application
  readonly folder: string
  readonly settings: CacheSettings
  readonly credentials: Pick<Settings, 'adminToken' | 'metricsToken'>
  readonly nodeId: string
  readonly say: (line: string) => void
  /** The member named by a request's demo token, in the organisation that runs the service; undefined: none. */
  readonly member: (request: Request) => Promise<Granted | undefined>
  readonly addressOf: (request: Request) => string | undefined
}

/** @throws StartError if its store cannot be opened. */
export async function openControl({
  cache,
  insight,
  cdn,
  application,
  folder,
  settings,
  credentials: { adminToken, metricsToken },
  nodeId,
  say,
  member,
  addressOf,
}: ControlParts): Promise<ControlPlane> {
  const redisAt = redisOptions(settings)
  const store = await openStore(join(folder, 'control.sqlite')).catch((error: unknown) => {
    if (error instanceof MillpondError)
      throw new StartError(`${error.message.replace('[millpond] ', '')} (--dir)`, { cause: error })
    throw error
  })
  if (adminToken !== undefined) await ensureToken(store, { name: 'admin', role: 'admin' }, adminToken)
  if (metricsToken !== undefined)
    await ensureToken(store, { name: 'prometheus', role: 'viewer' }, metricsToken, ['metrics:read'])
  const plane = createControl({
    store,
    base: CONTROL_PATH,
    nodeId,
    application,
    alertRules: ALERT_RULES,
    caches: cache === undefined ? [] : [cache],
    insight,
    cdn,
    tiers: {
      ...(redisAt !== undefined && { redis: () => redis(redisAt) }),
      database: (name) => sqlite({ path: join(folder, `${name}.sqlite`) }),
      file_system: (name) => file({ path: join(folder, name) }),
    },
    authorize: async (request) => principalOf(await member(request)),
    addressOf,
    onError: (error) => say(`control: ${isError(error) ? (error.stack ?? error.message) : String(error)}`),
    onWarning: (message) => say(`control: ${message}`),
  })
  const { close } = plane
  return {
    ...plane,
    async close() {
      await close()
      await store.close()
    },
  }
}

function principalOf(granted: Granted | undefined): Principal | undefined {
  const role = granted === undefined ? undefined : ROLES.get(granted.access.role)
  if (granted === undefined || role === undefined) return undefined
  const { userId, organizationId } = granted.caller
  return {
    name: `deals-user-${userId}`,
    userId: `deals-${userId}-${organizationId}`,
    via: 'host',
    role,
    scopes: new Set(ROLE_SCOPES[role]),
    namespaces: undefined,
    maxKeys: undefined,
  }
}
