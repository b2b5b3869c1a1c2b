// Starts the service with its further processes, prints its URL, stops on Ctrl-C.
import { randomBytes } from 'node:crypto'
import { isError } from 'millpond/options'
import { CONTROL_PATH, DASHBOARD_PATH } from './control.ts'
import { curlLine } from './http/page.ts'
import { type MoreNodes, processNames, startMoreNodes } from './more-nodes.ts'
import { type Service, startService } from './service.ts'
import type { Settings } from './settings.ts'
import { StartError } from './start-error.ts'

type Say = (line: string) => void

export async function serve(settings: Settings, args: readonly string[], say: Say): Promise<void> {
  if (settings.node > 1) return runNode(await startService(settings, say), settings.node, say)
  if (processNames(settings).length === 1) return run(await startService(settings, say), settings, [], say)
  const secret = settings.tokenSecret ?? randomBytes(32).toString('base64url')
  const service = await startService({ ...settings, tokenSecret: secret }, say)
  const more = await startMoreNodes(settings, secret, args, say).catch(async (error: unknown) => {
    await service.close()
    throw new StartError(`${isError(error) ? error.message : error}: see above, or choose another --port`, {
      cause: error,
    })
  })
  run(service, settings, more.urls, say, more)
}

/** For further processes: the first one prints everything. */
function runNode(service: Service, node: number, say: Say): void {
  say(`Deals node ${node} is ready: ${service.url}/`)
  const stop = stopOnce(() => service.close())
  // Ctrl-C reaches the whole group: the first process ends the others.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', stop)
  process.on('disconnect', () => process.exit())
}

function run(service: Service, settings: Settings, others: readonly string[], say: Say, more?: MoreNodes): void {
  const { demo, url } = service
  const names = processNames(settings)
  say(`
  Deals is ready: ${url}/${settings.regions === undefined ? '' : ` (the region ${names[0]}, which is the origin)`}${others.map((other, index) => `\n  ${names[index + 1]}: ${other}`).join('')}
  data: ${service.database}
  cache: ${settings.cache.isOn ? service.tiers.join(' -> ') : 'off'}
${service.edge === undefined ? '' : `  its edge: ${service.edge}/ (kept there until an invalidation purges it)\n`}  dashboard of the cache: ${url}${DASHBOARD_PATH} (sign in with a token below)
  its admin API: ${url}${CONTROL_PATH}/ (described by openapi.json; the same tokens)

  Tokens for this start, for ${demo.organization.name} (organisation ${demo.organization.id}), from this machine only:
    viewer         ${demo.viewer ?? 'no active user has this role'}
    manager        ${demo.manager ?? 'no active user has this role'}
    administrator  ${demo.administrator ?? 'no active user has this role'}${demo.isAdministratorStaff ? '\n                   (also an operator of the service, so of every organisation)' : ''}

  The cache from a shell (see npx millpond help for more):
    MILLPOND_URL=${url} MILLPOND_TOKEN=${demo.manager ?? 'TOKEN'} npx millpond status

  ${curlLine(url, demo.organization.id, demo.viewer ?? 'TOKEN')}

  Ctrl-C stops it.
`)
  const stop = stopOnce(async () => {
    say('stopping')
    await more?.close()
    await service.close()
    say('stopped')
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
  // Started by the load run: it does not outlive it.
  process.on('disconnect', () => process.exit())
}

/** A second signal does not wait. */
function stopOnce(close: () => Promise<void>): () => void {
  let isStopping = false
  return () => {
    if (isStopping) process.exit(1)
    isStopping = true
    close().then(
      () => process.connected && process.disconnect(),
      (error: unknown) => {
        console.error(error)
        process.exitCode = 1
      },
    )
  }
}
