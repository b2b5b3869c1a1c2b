// The command: `millpond proxy --origin URL --port N [--config FILE] [--strict]`.
import { parseArgs } from 'node:util'
import { isError } from 'millpond/options'
import { type ProxyOptions, readConfig } from './options.ts'
import { type CachingProxy, startProxy } from './proxy.ts'

const USAGE = `millpond proxy --origin URL [--origin URL …] [--port 8080] [--host ADDRESS] [--config FILE] [--strict]
               [--memory 256mb] [--redis URL] [--admin-port N] [--health-path PATH] [--access-log] [--verbose]

  --origin       where the answers come from, such as http://127.0.0.1:3000
  --strict       strict RFC behaviour: no retries, no added fields, Set-Cookie may be stored
  --config       a JSON file with the options of startProxy; SIGHUP reloads it; the command line takes precedence
  --admin-port   /metrics, /health and POST /purge on 127.0.0.1
  --access-log   one JSON line per answer on standard output
  --verbose      errors behind an answer, on standard error`

const OPTIONS = {
  origin: { type: 'string', multiple: true },
  port: { type: 'string' },
  host: { type: 'string' },
  config: { type: 'string' },
  strict: { type: 'boolean' },
  memory: { type: 'string' },
  redis: { type: 'string' },
  'admin-port': { type: 'string' },
  'health-path': { type: 'string' },
  'access-log': { type: 'boolean' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

/** Runs until SIGTERM or SIGINT. Resolves with the exit code: 2 for an invalid argument, 1 if it cannot start. */
export async function main(args: readonly string[]): Promise<number> {
  let given: ReturnType<typeof read>
  try {
    given = read(args)
  } catch (error) {
    return complain(error, 2)
  }
  if (given.isHelp) {
    console.log(USAGE)
    return 0
  }
  try {
    const proxy = await startProxy(optionsOf(given))
    console.error(
      `millpond proxy listens on port ${proxy.port}${proxy.adminPort === undefined ? '' : `, /metrics on 127.0.0.1:${proxy.adminPort}`}`,
    )
    process.on('SIGHUP', () => reload(proxy, given))
    await stopped()
    await proxy.close()
    return 0
  } catch (error) {
    return complain(error, 1)
  }
}

interface Given {
  readonly isHelp: boolean
  readonly config: string | undefined
  /** Command-line options, which take precedence over the file. */
  readonly options: Partial<ProxyOptions>
}

function read(args: readonly string[]): Given {
  const { values } = parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false })
  const options: Record<string, unknown> = {}
  for (const name of ['host', 'memory', 'redis', 'strict'] as const)
    if (values[name] !== undefined) options[name] = values[name]
  if (values.origin !== undefined) options.origin = values.origin
  if (values.port !== undefined) options.port = number(values.port, '--port')
  if (values['admin-port'] !== undefined) options.adminPort = number(values['admin-port'], '--admin-port')
  if (values['health-path'] !== undefined) options.healthPath = values['health-path']
  if (values['access-log'] === true) options.accessLog = logTo(process.stdout)
  if (values.verbose === true) options.onError = (error: unknown) => console.error(error)
  const isHelp = values.help === true
  if (!isHelp && options.origin === undefined && values.config === undefined) throw new Error('--origin is missing')
  return { isHelp, config: values.config, options }
}

/** If the log's reader goes away (`| head`), requests are still served. */
function logTo(out: NodeJS.WriteStream): (line: string) => void {
  let isRead = true
  out.on('error', (error) => {
    if (isRead) complain(new Error(`the access log cannot be written any more: ${error.message}`), 0)
    isRead = false
  })
  return (line) => {
    if (isRead) out.write(`${line}\n`)
  }
}

function number(text: string, name: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  throw new Error(`${name}: ${JSON.stringify(text)} is not a port`)
}

function optionsOf({ config, options }: Given): ProxyOptions {
  const merged = { ...(config === undefined ? {} : readConfig(config)), ...options }
  return { origin: [], ...merged }
}

/** An unreadable file changes nothing. */
function reload(proxy: CachingProxy, given: Given): void {
  try {
    proxy.reload(optionsOf(given))
    console.error('millpond proxy has reloaded its configuration')
  } catch (error) {
    complain(error, 0)
  }
}

function stopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
}

function complain(error: unknown, code: number): number {
  console.error(`millpond proxy: ${isError(error) ? error.message.replace(/^\[millpond\] /, '') : String(error)}`)
  if (code === 2) console.error(USAGE)
  return code
}
