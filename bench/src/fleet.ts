// `npm run bench:fleet`: the cost of keeping memory trusted, for Redis or PostgreSQL and its clients, by number of
// processes and namespaces, with and without invalidations.
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { type Costs, costsOf, type Setting } from './fleet/measure.ts'
import { startServer } from './fleet/servers.ts'
import type { Kind } from './fleet/words.ts'
import { formatTable } from './table.ts'

const HELP = `usage: npm run bench:fleet -- [options]
  --server NAME       redis or postgres (default redis)
  --processes LIST    simulated processes: they ask and say what a process does, without a cache (default 10,100,1000;
                      of postgres 10,50,100, as each has a connection)
  --namespaces LIST   namespaces that each process uses (default 1,10,100)
  --real N            real processes that read all of them, each in a process of its own (default 2)
  --seconds N         of each measurement (default 5)
  --rates LIST        invalidations a second, over all namespaces, into --real processes and no others (default 100,1000)`

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: 'redis' },
    processes: { type: 'string', default: '' },
    namespaces: { type: 'string', default: '1,10,100' },
    real: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '5' },
    rates: { type: 'string', default: '100,1000' },
    help: { type: 'boolean', default: false },
  },
})
/** How many simulated processes, unless given. */
const PROCESSES: Readonly<Record<Kind, string>> = { redis: '10,100,1000', postgres: '10,50,100' }

/** Besides those of simulated and real processes: of the process that invalidates, and of those that measure. */
const SPARE_CONNECTIONS = 40

if (values.help) console.log(HELP)
else await tell()

function kindOf(): Kind {
  const { server } = values
  if (server === 'redis' || server === 'postgres') return server
  console.error(`bench:fleet: --server ${JSON.stringify(server)} is not understood: give redis or postgres`)
  process.exit(2)
}

function wholes(name: 'processes' | 'namespaces' | 'real' | 'seconds' | 'rates'): number[] {
  const numbers = (values[name] || PROCESSES[kindOf()]).split(',').map(Number)
  if (numbers.every((number) => Number.isSafeInteger(number) && number > 0)) return numbers
  console.error(`bench:fleet: --${name} ${JSON.stringify(values[name])} is not understood: give whole numbers from 1`)
  process.exit(2)
}

async function tell(): Promise<void> {
  const kind = kindOf()
  const [processes, namespaces, rates] = [wholes('processes'), wholes('namespaces'), wholes('rates')]
  const [real = 2, seconds = 5] = [wholes('real')[0], wholes('seconds')[0]]
  const server = await startServer(kind, Math.max(...processes) + SPARE_CONNECTIONS + real * 5)
  const measured = async (setting: Setting): Promise<Costs> => {
    await server.empty()
    return costsOf(server, setting)
  }
  try {
    const calm: string[][] = []
    for (const simulated of processes)
      for (const count of namespaces) {
        const costs = await measured({ simulated, real, namespaces: count, seconds, rate: 0 })
        calm.push([`${simulated + real} processes, ${count} namespaces`, ...cells(costs)])
      }
    const stormy: string[][] = []
    for (const count of namespaces)
      for (const rate of rates) {
        const costs = await measured({ simulated: 0, real, namespaces: count, seconds, rate })
        stormy.push([`${rate} a second in ${count} namespaces`, ...cells(costs)])
      }
    const head = [
      "server's core %",
      'µs of it per process and s',
      kind === 'redis' ? 'commands/s per process' : 'transactions/s per process',
      'bytes/s per process',
      "client's core %",
      'of which its reads',
      'invalidations/s',
      'rejected/s',
    ]
    const load = loadavg().map((part) => part.toFixed(1))
    console.log(
      `${server.title}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 16)}, load ${load.join(' ')}\n`,
    )
    console.log(formatTable([['nothing moves', ...head], ...calm]))
    console.log(`\n${formatTable([[`invalidations into ${real} processes`, ...head], ...stormy])}`)
  } finally {
    await server.close()
  }
}

function cells({ server, commands, bytes, client, reads, invalidations, rejected, processes }: Costs): string[] {
  return [
    (server * 100).toFixed(1),
    ((server * 1e6) / processes).toFixed(0),
    (commands / processes).toFixed(1),
    bytes === undefined ? '' : (bytes / processes).toFixed(0),
    (client * 100).toFixed(2),
    (reads * 100).toFixed(2),
    invalidations.toFixed(0),
    rejected.toFixed(0),
  ]
}
