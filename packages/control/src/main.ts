// `millpond serve`: the control plane as a stand-alone program.
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { createAdaptorServer } from '@hono/node-server'
import { MillpondError, type Tier } from 'millpond'
import { ensureToken, makeFirstAdministrator } from './access/tokens.ts'
import { cdnOfEnvironment } from './cdn/environment.ts'
import { type ControlPlane, createControl } from './create.ts'
import { isError } from './is-error.ts'
import { openStore, type Store } from './store/store.ts'

const HELP = `Usage: millpond serve [options]

  --store WHERE      a file, or postgres://user:password@host/db (control.db)
  --redis URL        where the caches of other processes meet: attached caches are found there
  --sqlite FILE      the same, for processes of this host
  --port N           (8090)
  --host NAME        (127.0.0.1)
  --token-file FILE  the administrator's token; also MILLPOND_ADMIN_TOKEN. Without either, the first start generates one and shows it once
  -h, --help

A CDN is purged and watched if the environment names its site (CLOUDFRONT_DISTRIBUTION_ID, CLOUDFLARE_ZONE_ID, FASTLY_SERVICE_ID) and the package @millpond/cdn is installed;
the folders in CDN_FOLDERS (site=/srv/site/dist,photos=/srv/photos) can then be uploaded and their pictures made smaller.
Once it runs, ${'`GET /api/admin/caching/openapi.json`'} describes the API.`

const OPTIONS = {
  store: { type: 'string', default: 'control.db' },
  redis: { type: 'string' },
  sqlite: { type: 'string' },
  port: { type: 'string', default: '8090' },
  host: { type: 'string', default: '127.0.0.1' },
  'token-file': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const
type Given = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

/**
 * Runs until SIGINT or SIGTERM.
 * @param args the command itself first
 * @returns the exit code: 0, or 2 for invalid options
 */
export async function main([command, ...args]: readonly string[]): Promise<number> {
  try {
    if (command !== 'serve')
      throw new Mistake(
        'this package has only the command serve: @millpond/cli has the others, @millpond/dashboard the page',
      )
    const given = optionsIn(args)
    if (given.help) {
      console.log(HELP)
      return 0
    }
    await run(given)
    return 0
  } catch (error) {
    if (!(error instanceof Mistake || error instanceof MillpondError)) throw error
    console.error(`millpond ${command}: ${error.message.replace(/^\[millpond\] /, '')}`)
    return 2
  }
}

class Mistake extends Error {}

function optionsIn(args: readonly string[]): Given {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    // An empty value, as from an unset shell variable, must not mean all addresses.
    const empty = Object.entries(values).find(([, value]) => value === '')
    if (empty !== undefined) throw new Mistake(`--${empty[0]} "" is empty: give a value, or leave it out`)
    if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535)
      throw new Mistake(`--port ${values.port} is not a port: give 0 to 65535`)
    return values
  } catch (error) {
    if (error instanceof Mistake) throw error
    throw new Mistake(`${isError(error) ? error.message.split('. ')[0] : error}; --help shows the options`)
  }
}

async function run(given: Given): Promise<void> {
  const cdn = await cdnOfEnvironment(process.env)
  const store = await openStore(given.store)
  const meeting: Tier[] = []
  const addresses = new WeakMap<Request, string>()
  let plane: ControlPlane | undefined
  try {
    await admit(store, given)
    meeting.push(...(await meetingPlaces(given)))
    plane = createControl({
      store,
      cdn,
      meetingPlaces: meeting.flatMap(({ nodes }) => (nodes === undefined ? [] : [nodes])),
      addressOf: (request) => addresses.get(request),
      onWarning: (message) => console.error(message),
    })
    await plane.start()
    await serve(plane, given, addresses)
  } finally {
    await plane?.close()
    cdn?.close()
    for (const tier of meeting) await tier.close()
    await store.close()
  }
}

/** The server starts only once a credential exists. */
async function admit(store: Store, given: Given): Promise<void> {
  const token = given['token-file'] === undefined ? process.env.MILLPOND_ADMIN_TOKEN : readToken(given['token-file'])
  if (token !== undefined) return ensureToken(store, { name: 'admin', role: 'admin' }, token)
  const made = await makeFirstAdministrator(store)
  if (made !== undefined) console.log(`the administrator's token, shown only once: ${made}`)
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new Mistake(`--token-file ${file} cannot be read (${isError(error) ? error.message : error})`)
  }
}

async function meetingPlaces({ redis: url, sqlite: path }: Given): Promise<Tier[]> {
  const tiers: Tier[] = []
  if (url !== undefined) tiers.push((await import('millpond/tiers/redis')).redis({ url }))
  if (path !== undefined) tiers.push((await import('millpond/tiers/sqlite')).sqlite({ path }))
  return tiers
}

async function serve(
  { fetch }: ControlPlane,
  { host, port }: Given,
  addresses: WeakMap<Request, string>,
): Promise<void> {
  const server = createAdaptorServer({
    fetch: (request, { incoming }) => {
      const address = incoming.socket.remoteAddress
      if (address !== undefined) addresses.set(request, address)
      return fetch(request)
    },
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Mistake(`cannot listen on ${host}:${port} (${error.code ?? error.message}): choose another --port`)),
    )
    server.listen(Number(port), host, resolve)
  })
  const { address, port: actual } = server.address() as AddressInfo // listening on TCP
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${actual}`
  console.log(`the control plane is at ${url}/api/admin/caching/`)
  console.log(
    `"MILLPOND_URL=${url} MILLPOND_TOKEN=... npx millpond status" shows its caches, "npx millpond ui --url ${url}" opens its dashboard`,
  )
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // Streams do not end by themselves.
  if ('closeAllConnections' in server) server.closeAllConnections()
  await closed
}
