// The admin API without a server: in this process, over the control plane's own store, for those who may open that.
// Processes of caches are found where they meet; a cache that none of them runs is opened over its tier for the
// duration of the command.
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Cache, Tier } from 'millpond'
import type { Given } from '../arguments/given.ts'
import { Failure, wrongUse } from '../failure.ts'
import type { Send } from './client.ts'

export interface Local {
  readonly send: Send
  readonly url: string
  close(): Promise<void>
}

const RATE = { perMinute: 1e9, burst: 1e9 }

/** @throws Failure if there is no such store; other errors come from the store or a tier */
export async function openLocal(given: Given, onWarning: (message: string) => void): Promise<Local> {
  const where = given.text('local') ?? ''
  const isUrl = /^postgres(ql)?:\/\//.test(where)
  // A mistyped path would create an empty store, and every command would find nothing in it.
  if (!isUrl && !existsSync(where))
    throw new Failure(
      'notFound',
      `there is no store at ${where}: name the file that "millpond serve --store" or the application uses`,
    )
  const { createControl, openStore, SCOPES } = await import('@millpond/control')
  const closing: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const one of closing.reverse()) await one()
  }
  try {
    const store = await openStore(where)
    closing.push(() => store.close())
    const tiers = await meetingTiers(given)
    closing.push(async () => {
      for (const tier of tiers) await tier.close()
    })
    // The approver must not be the proposer, even where both open the store on one machine.
    const isAssistant = given.command === 'mcp'
    const options = {
      store,
      meetingPlaces: tiers.flatMap(({ nodes }) => (nodes === undefined ? [] : [nodes])),
      rates: { read: RATE, write: RATE, purge: RATE, scan: RATE },
      nodeId: `millpond-local-${process.pid}`,
      onWarning,
      authorize: () => ({
        name: `local-${isAssistant ? 'assistant-' : ''}${userInfo().username}`,
        userId: isAssistant ? 'local-assistant' : 'local',
        via: 'local',
        role: 'admin' as const,
        scopes: new Set(SCOPES),
        namespaces: undefined,
        maxKeys: undefined,
      }),
    }
    const rescued = await unattended(given, createControl(options))
    for (const cache of rescued) closing.push(() => cache.close())
    const plane = createControl({ ...options, caches: rescued })
    await plane.start()
    closing.push(() => plane.close())
    return { send: plane.fetch, url: 'http://localhost/api/admin/caching/', close }
  } catch (error) {
    await close()
    throw error
  }
}

async function meetingTiers(given: Given): Promise<readonly Tier[]> {
  const [url, path] = [given.text('redis'), given.text('sqlite')]
  if (path !== undefined && !existsSync(path))
    throw wrongUse(`--sqlite ${path} does not exist: name the file of the caches' SQLite tier`)
  return [
    ...(url === undefined ? [] : [(await import('millpond/tiers/redis')).redis({ url })]),
    ...(path === undefined ? [] : [(await import('millpond/tiers/sqlite')).sqlite({ path })]),
  ]
}

/** Actions on entries: they need a process that has the cache open. */
const ACTS = ['invalidate', 'clear', 'erase', 'explain', 'inspect']

/**
 * The named cache, if no process runs it: opened over its tier. Only its processes know its namespaces, so one has to
 * be named: an invalidation that omits others must not look complete.
 */
async function unattended(given: Given, look: import('@millpond/control').ControlPlane): Promise<readonly Cache[]> {
  const [command, name, namespace] = [given.command, given.text('cache-name'), given.text('namespace')]
  const { fleet } = look.control
  try {
    await fleet.start()
    if (!ACTS.includes(command)) return []
    const wanted = name === undefined ? fleet.names : fleet.names.filter((one) => one === name)
    const dead = []
    for (const one of wanted) if (!(await fleet.see(one)).nodes.some(({ isLate }) => !isLate)) dead.push(one)
    const [cache, ...more] = dead
    if (cache === undefined) return []
    if (more.length > 0)
      throw wrongUse(`no process runs ${dead.join(', ')}: use --cache-name and --namespace to open one over its tier`)
    if (namespace === undefined)
      throw wrongUse(
        `no process runs ${cache}: use --namespace, one at a time (the first of every cache is default), to open it over its tier`,
      )
    return [await opened(given, cache, namespace)]
  } finally {
    await look.close()
  }
}

async function opened(given: Given, name: string, namespace: string): Promise<Cache> {
  const { createCache, memory } = await import('millpond')
  const [far] = await meetingTiers(given)
  if (far === undefined) throw wrongUse(`no process runs ${name}: use --redis or --sqlite to say where its entries are`)
  // Whether its processes track dependencies is unknown here: so everything computed from an invalidated entry is
  // invalidated as well.
  const cache = createCache({ name, tiers: [memory(), far], dependencies: 'declared' })
  if (namespace !== 'default') cache.namespace(namespace)
  return cache
}
