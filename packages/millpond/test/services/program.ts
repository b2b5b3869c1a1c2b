// Where the servers are, as scripts/servers.mjs found or fetched them.
import { recorded, sought, wanted } from '../../../../scripts/servers.mjs'

export type ServerName = 'redis' | 'valkey' | 'postgres' | 'memcached' | 'promtool' | 'chromium' | 'node24'

export interface Program {
  readonly path: string
  /** To be set as the environment of the child. */
  readonly env: NodeJS.ProcessEnv
}

export const isHere = (name: ServerName): boolean => recorded()[name] !== undefined

/** It may be absent everywhere, also where everything else has to be there. */
export const isOptional = (name: ServerName): boolean => sought[name] !== undefined

/** What a person needs to know when it is not here. */
export function remedy(name: ServerName): string {
  const { program, install } = wanted[name] ?? sought[name] ?? {}
  return `no ${program} here; to have it: ${install}; then node scripts/servers.mjs`
}

/** Throws when the server is not here. */
export function program(name: ServerName): Program {
  const found = recorded()[name]
  if (!found) throw new Error(remedy(name))
  const libraries = [found.libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  return {
    path: found.path,
    env: {
      ...process.env,
      LC_ALL: 'C',
      TZ: 'UTC',
      ...(found.libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }),
    },
  }
}

/** What the Redis suites run on: `REDIS_SERVER=valkey npx vitest run redis` runs all of them on Valkey. */
export const redisServer = (): 'redis' | 'valkey' => (process.env.REDIS_SERVER === 'valkey' ? 'valkey' : 'redis')

/** Path of promtool, and the environment to run it with. */
export const promtool = (): Program => program('promtool')

/** A Node that is newer than the oldest one there is support for. */
export const newerNode = (): Program => program('node24')
