// `npm run bench:fleet`: the cost of keeping memory trusted, for Redis and its clients, by number of processes and
// namespaces, with and without invalidations.
import { parseArgs } from 'node:util'
import { startRedisServer } from './consistency/redis-server.ts'
import { type Costs, costsOf, type Setting } from './fleet/measure.ts'
import { formatTable } from './table.ts'

const HELP = `usage: npm run bench:fleet -- [options]
  --processes LIST    simulated processes: they ask and say what a process does, without a cache (default 10,100,1000)
  --namespaces LIST   namespaces that each process uses (default 1,10,100)
  --real N            real processes that read all of them, each in a process of its own (default 2)
  --seconds N         of each measurement (default 5)
  --rates LIST        invalidations a second, over all namespaces, into --real processes and no others (default 100,1000)`

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '10,100,1000' },
    namespaces: { type: 'string', default: '1,10,100' },
    real: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '5' },
    rates: { type: 'string', default: '100,1000' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else await tell()

function wholes(name: 'processes' | 'namespaces' | 'real' | 'seconds' | 'rates'): number[] {
  const numbers = values[name].split(',').map(Number)
  if (numbers.every((number) => Number.isSafeInteger(number) && number > 0)) return numbers
  console.error(`bench:fleet: --${name} ${JSON.stringify(values[name])} is not understood: give whole numbers from 1`)
  process.exit(2)
}

async function tell(): Promise<void> {
  const [processes, namespaces, rates] = [wholes('processes'), wholes('namespaces'), wholes('rates')]
  const [real = 2, seconds = 5] = [wholes('real')[0], wholes('seconds')[0]]
  const redis = await startRedisServer()
  const measured = async (setting: Setting): Promise<Costs> => {
    await redis.empty()
    return costsOf(redis.url, setting)
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
      'Redis core %',
      'µs of it per process and s',
      'commands/s per process',
      'bytes/s per process',
      "client's core %",
    ]
    console.log(`Redis ${redis.version}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}\n`)
    console.log(formatTable([['nothing moves', ...head], ...calm]))
    console.log(`\n${formatTable([[`invalidations into ${real} processes`, ...head], ...stormy])}`)
  } finally {
    await redis.close()
  }
}

function cells({ server, commands, bytes, client, processes }: Costs): string[] {
  return [
    (server * 100).toFixed(1),
    ((server * 1e6) / processes).toFixed(0),
    (commands / processes).toFixed(1),
    (bytes / processes).toFixed(0),
    (client * 100).toFixed(2),
  ]
}
