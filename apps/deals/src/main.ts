// The entry of `npm start`: reads the options, starts the service, says where it is, stops on Ctrl-C.
import { CONTROL_PATH } from './control.ts'
import { curlLine } from './http/page.ts'
import { type Service, startService } from './service.ts'
import { HELP, readSettings } from './settings.ts'
import { StartError } from './start-error.ts'

const say = (line: string) => console.log(line)

try {
  const settings = readSettings(process.argv.slice(2), process.env)
  if (settings) await run(await startService(settings, say), settings.cache.isOn)
  else say(HELP)
} catch (error) {
  if (!(error instanceof StartError)) throw error
  console.error(`deals: ${error.message}`)
  process.exitCode = 2
}

async function run(service: Service, isCached: boolean): Promise<void> {
  const { demo, url } = service
  say(`
  Deals is ready: ${url}/
  data: ${service.database}
  cache: ${isCached ? service.tiers.join(' -> ') : 'off'}
  control plane of the cache: ${url}${CONTROL_PATH}/ (openapi.json says what there is; the tokens below are its credentials too)

  Tokens of this start, for ${demo.organization.name} (organisation ${demo.organization.id}), from this machine only:
    viewer         ${demo.viewer ?? 'nobody active has this role'}
    manager        ${demo.manager ?? 'nobody active has this role'}
    administrator  ${demo.administrator ?? 'nobody active has this role'}

  ${curlLine(url, demo.organization.id, demo.viewer ?? 'TOKEN')}

  Ctrl-C stops it.
`)
  let isStopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1)
      isStopping = true
      say('stopping')
      service.close().then(
        () => say('stopped'),
        (error: unknown) => {
          console.error(error)
          process.exitCode = 1
        },
      )
    })
  }
}
