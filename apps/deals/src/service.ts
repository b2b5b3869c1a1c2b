// Assembles the service: data, caches, routes, jobs, server.
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { getRequestListener, type HttpBindings, type ServerType } from '@hono/node-server'
import { isError } from 'millpond/options'
import { openAssets } from './assets.ts'
import { createApplication } from './cache/application.ts'
import { createFront, type Front } from './cache/front.ts'
import { createInvalidation } from './cache/invalidation.ts'
import { createLayer, type Layer, type Observe } from './cache/layer.ts'
import { type Caches, openCaches } from './cache/open-caches.ts'
import { openWarming } from './cache/open-warming.ts'
import { folderOf, openRegions } from './cache/regions.ts'
import { createResponses } from './cache/responses.ts'
import { createSessions, type Sessions } from './cache/sessions.ts'
import { createSteering } from './cache/steering.ts'
import { createStrategicCache } from './cache/strategic.ts'
import { busiest } from './cache/warming.ts'
import { openControl } from './control.ts'
import { prepareData } from './data/prepare.ts'
import type { Database } from './db/database.ts'
import { isoDay } from './db/days.ts'
import { chooseDemo, type Demo } from './demo.ts'
import { openEdge } from './edge.ts'
import { createAccess } from './http/access.ts'
import { createApp } from './http/app.ts'
import type { ControlDoor } from './http/control-routes.ts'
import { createTokens } from './http/tokens.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { openLog } from './log.ts'
import { createObservation } from './observation.ts'
import { openPictures } from './pictures.ts'
import { createAnswers } from './queries/answers.ts'
import { openRecords } from './records/open-records.ts'
import type { Settings } from './settings.ts'
import { StartError, startOrExplain } from './start-error.ts'

export interface Service {
  readonly url: string
  /** Of the edge in front of it. */
  readonly edge: string | undefined
  readonly demo: Demo
  /** The tiers in use, fastest first; none if the cache is off. */
  readonly tiers: readonly string[]
  readonly database: string
  /** Stops taking requests, finishes those under way, stores what is being stored. */
  close(): Promise<void>
}

const DRAIN_MS = 5_000
/** Routes of the page itself and its own queries: not answers of the service. */
const OF_THE_PAGE = /\/api\/live$|^GET \/(?:$|assets\/|images\/)/

/** @throws StartError with one line for the person who starts it. */
export async function startService(settings: Settings, say: (line: string) => void): Promise<Service> {
  await checkPort(settings)
  const { db, dataset, today } = await prepareData(settings, say)
  const opened: { close(): Promise<void> }[] = [db]
  try {
    const { regions } = settings
    const folder = folderOf(settings)
    const nodeId = `deals-${regions?.own ?? settings.node}`
    const log = openLog(settings.logLevel, nodeId)
    const assets = openAssets(folder)
    const edge = await openEdge(settings, { folders: { page: assets.folder }, say })
    opened.unshift(edge)
    const caches = await openCaches(settings.cache, folder, dataset, say, {
      log,
      outlets: edge.outlet && [edge.outlet],
      openRegions: regions && (() => openRegions(regions, settings, say)),
    })
    opened.unshift(caches)
    caches.cache?.on('writeBehind', ({ collection, state, key, error }) => {
      if (state === 'dead')
        say(`${collection} ${key}: the database refuses it (${isError(error) ? error.message : error})`)
    })
    const startedAt = Date.now()
    const answers = createAnswers(db, today)
    const observation = createObservation({
      isMonitoring: settings.cache.isMonitoring,
      sources: () => ({ ...caches, db, startedAt, warming: warming.progress(), httpStats: () => front.stats() }),
    })
    const { defaultTtlMs } = settings.cache
    const { isChoosingTtl, isPredicting } = settings.cache.insight
    const sessions = isPredicting ? createSessions() : undefined
    const observed = layersOver(caches, { defaultTtlMs, isChoosingTtl, sessions, observe: observation.observe })
    const strategic = createStrategicCache(observed[0], answers)
    const responses = createResponses(observed[1], strategic)
    const front = createFront(caches, edge.outlet, (error) =>
      say(`http: ${isError(error) ? error.message : String(error)}`),
    )
    const pictures = openPictures(caches, db, folder, (error) =>
      say(`picture: ${isError(error) ? error.message : String(error)}`),
    )
    if (pictures !== undefined) opened.unshift({ close: async () => pictures.close() })
    const invalidation = createInvalidation({
      db,
      layers: observed,
      records: caches.records,
      pictures,
      front,
      isEnabled: settings.cache.isInvalidating,
      plantedFault: settings.cache.plantedFault,
    })
    const journals = join(folder, 'journals', dataset)
    const records = startOrExplain(() =>
      openRecords({ db, records: caches.records, invalidation, today, journals }, say),
    )
    opened.unshift(records)
    const apart = db.apart()
    const { warming, strategic: unseenStrategic } = openWarming({
      db: apart,
      caches,
      today,
      defaultTtlMs,
      isChoosingTtl,
    })
    const jobs = createJobs({
      cache: caches.cache,
      warming,
      invalidation,
      strategic: unseenStrategic,
      observation,
      views: records.views,
      busiest: (limit) => busiest(apart, limit),
      folder,
      say,
      warmEveryMs: settings.cache.isOn && settings.cache.isWarming ? settings.cache.warmEveryMs : undefined,
    })
    opened.unshift({ close: () => jobs.stop() })
    const tokens = createTokens(settings.tokenSecret)
    const demo = await chooseDemo(db, tokens)
    const tiers = caches.cache?.info().config.tiers ?? []
    const facts = {
      ...demo,
      others: await otherOrganizations(db, demo.organization.id),
      counts: await countAll(db),
      database: db.engine,
      tiers,
      regions,
      port: settings.port,
      today: isoDay(today),
      url: '',
    }
    const responsesAfter = (token: string) =>
      createResponses(observed[1].after(token), createStrategicCache(observed[0].after(token), answers))
    const access = createAccess(tokens, strategic)
    const door: ControlDoor = { arrivals: new WeakMap() }
    const control = await openControl({
      cache: caches.cache,
      insight: caches.insight,
      cdn: edge.cdn,
      application: createApplication({ db, cache: caches.cache, warming }),
      folder,
      settings: settings.cache,
      credentials: settings,
      nodeId,
      say,
      member: async (request) =>
        door.arrivals.get(request)?.isFromHere === true ? access.member(request, demo.organization.id) : undefined,
      addressOf: (request) => door.arrivals.get(request)?.address,
    })
    opened.unshift(control)
    const parts = {
      access,
      steering: caches.cache === undefined ? undefined : createSteering({ plane: control, db }),
      invalidation,
      records,
      db,
      today,
      responses,
      responsesAfter,
      jobs,
      observation,
      edge: { ...edge, purges: front.purges },
      assets,
      pictures,
      control,
      door,
      sessions,
      metricsToken: settings.metricsToken,
    }
    // The unfinished work of a killed process comes before the first answer.
    await invalidation.settlePending().catch(() => undefined)
    const server = await listen(settings, front, (url) =>
      createApp({
        ...parts,
        facts: { ...facts, url },
        onAnswer: (route, status, ms) => {
          log?.debug('http.request', `${route}: ${status}`, {
            'http.response.status_code': status,
            'event.duration': Math.round(ms * 1e6),
          })
          if (!OF_THE_PAGE.test(route)) observation.onAnswer(route, status, ms)
        },
        onError: (error) => {
          log?.error('http.failed', 'a request failed for an unforeseen reason', { error })
          say(`error: ${isError(error) ? (error.stack ?? error.message) : String(error)}`)
        },
      }),
    )
    edge.before(server.url)
    await control.start()
    jobs.start()
    log?.info('service.started', `listens at ${server.url}`, { 'server.address': server.url })
    return {
      url: server.url,
      edge: edge.url,
      demo,
      tiers,
      database: db.location,
      close: () => closeAll(server.server, jobs, opened),
    }
  } catch (error) {
    for (const each of opened) await each.close()
    throw error
  }
}

interface Layering {
  readonly defaultTtlMs: number
  readonly isChoosingTtl: boolean
  readonly sessions: Sessions | undefined
  readonly observe: Observe
}

function layersOver(
  { strategic, response }: Caches,
  { defaultTtlMs, isChoosingTtl, sessions, observe }: Layering,
): readonly [Layer, Layer] {
  const common = { defaultTtlMs, observe, session: sessions?.current }
  return [
    createLayer({ ...common, name: 'strategic', cache: strategic, isChoosingTtl }),
    createLayer({ ...common, name: 'response', cache: response }),
  ]
}

async function closeAll(server: ServerType, jobs: Jobs, opened: readonly { close(): Promise<void> }[]): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  if ('closeIdleConnections' in server) server.closeIdleConnections()
  const force = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), DRAIN_MS)
  await closed
  clearTimeout(force)
  await jobs.stop()
  for (const each of opened) await each.close()
}

/** Fails before the data is filled, not after. */
function checkPort({ host, port }: Settings): Promise<void> {
  if (port === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)))
    probe.listen(port, host, () => probe.close(() => resolve()))
  })
}

/** Longer than clients keep a connection: closing it first would cut off a request in flight. */
const KEEP_ALIVE_MS = 65_000

function listen(
  { host, port }: Settings,
  front: Front,
  makeApp: (url: string) => ReturnType<typeof createApp>,
): Promise<{ server: ServerType; url: string }> {
  return new Promise((resolve, reject) => {
    let app: ReturnType<typeof createApp> | undefined
    const routes = getRequestListener(
      (request, env) => app?.fetch(request, env as HttpBindings) ?? new Response(null, { status: 503 }),
    )
    const server = createHttpServer(front.before(routes))
    server.keepAliveTimeout = KEEP_ALIVE_MS
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)))
    server.listen(port, host, () => {
      const address = server.address() as AddressInfo // listening on TCP, so neither null nor a pipe's name
      const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
      app = makeApp(url)
      resolve({ server, url })
    })
  })
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): StartError {
  if (error.code === 'EADDRINUSE')
    return new StartError(
      `port ${port} on ${host} is taken: stop what uses it, or choose another with PORT=8081 or --port 8081`,
    )
  if (error.code === 'EACCES')
    return new StartError(`port ${port} needs special rights: choose one above 1023 with PORT or --port`)
  return new StartError(`cannot listen on ${host}:${port} (${error.message}): choose another with --host or --port`)
}

/** The organisations whose images are shown. */
const OTHERS = 6

const otherOrganizations = (db: Database, id: number) =>
  db.kysely
    .selectFrom('organizations')
    .where('id', '!=', id)
    .orderBy('id')
    .limit(OTHERS)
    .select(['id', 'name'])
    .execute()

async function countAll(db: Database) {
  const count = async (table: 'organizations' | 'users' | 'deals') =>
    (
      await db.kysely
        .selectFrom(table)
        .select((eb) => eb.fn.countAll<number>().as('rows'))
        .executeTakeFirstOrThrow()
    ).rows
  return { organizations: await count('organizations'), users: await count('users'), deals: await count('deals') }
}
