// `npm run bench:http`: cached responses per second of the server's own CPU time, relative to bare node:http in the
// same round.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Running, startForeign } from './http/foreign.ts'
import { findProgram, freePort } from './program.ts'

const KINDS: Readonly<Record<string, string>> = {
  bare: 'node:http, header object',
  flat: 'node:http, flat header array',
  millpond: 'millpond/http before node:http',
  proxy: '@millpond/proxy',
  express: 'Express, res.json',
  'millpond-before-express': 'millpond/http before Express',
  'millpond-in-express': 'millpond/http as app.use',
  'undici-cache': 'undici’s cache in a proxy',
  nginx: 'nginx of Debian, proxy_cache',
  varnish: 'Varnish of Debian',
}
/** Enough for the code to be compiled, counted in responses rather than time, however busy the machine is. */
const WARM_ANSWERS = 60_000
const MOST_WARM_SECONDS = 30

const HELP = `usage: npm run bench:http -- [--seconds 1] [--rounds 15] [--only a,b]
  contenders: bare, flat, millpond, proxy, express, millpond-before-express, millpond-in-express, undici-cache, nginx, varnish; bare is always there`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '15' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(HELP)
else await run()

/** All run at the same time and are loaded in turn, so that other work of the machine affects all of them equally. */
interface Contender {
  readonly kind: string
  readonly port: number
  readonly server: Running
  readonly rates: number[]
  /** Relative to the bare server's rate in the same round. */
  readonly ratios: number[]
}

async function run(): Promise<void> {
  const only = values.only?.split(',')
  const kinds = Object.keys(KINDS).filter((kind) => kind === 'bare' || only === undefined || only.includes(kind))
  const originPort = await freePort()
  const running = [await startServer('bare', originPort, originPort)]
  const contenders: Contender[] = []
  try {
    for (const kind of kinds) {
      const port = await freePort()
      const server = await start(kind, port, originPort)
      running.push(server)
      contenders.push({ kind, port, server, rates: [], ratios: [] })
      await warmUp(port)
    }
    for (let round = 0; round < Number(values.rounds); round++) await runRound(contenders, round)
  } finally {
    // Foreign servers would outlive this process.
    for (const server of running) server.end()
  }
  const { model = 'unknown' } = cpus()[0] ?? {}
  console.log(
    `Node ${process.version}, ${availableParallelism()} x ${model}, wrk with 64 connections, 2 KB, medians of ${values.rounds} rounds`,
  )
  console.log('| server | answers per CPU second | over bare node:http |\n| --- | --: | --: |')
  for (const { kind, rates, ratios } of contenders)
    console.log(`| ${KINDS[kind]} | ${Math.round(median(rates))} | ${median(ratios).toFixed(2)} |`)
}

/** Slow servers get enough time, too. */
async function warmUp(port: number): Promise<void> {
  let answers = 0
  for (let seconds = 0; seconds < MOST_WARM_SECONDS && answers < WARM_ANSWERS; seconds += 2)
    answers += await load(port, 2)
}

async function runRound(contenders: readonly Contender[], round: number): Promise<void> {
  for (const contender of contenders) contender.rates.push(await measure(contender))
  const bare = contenders[0]?.rates.at(-1) ?? Number.NaN
  for (const { kind, rates, ratios } of contenders) {
    const rate = rates.at(-1) ?? Number.NaN
    ratios.push(rate / bare)
    console.error(
      `round ${round + 1}: ${kind}: ${Math.round(rate)} answers per CPU second, ${(rate / bare).toFixed(2)}`,
    )
  }
}

async function measure({ port, server }: Contender): Promise<number> {
  const before = await server.cpu()
  const answers = await load(port, Number(values.seconds))
  return answers / ((await server.cpu()) - before)
}

function start(kind: string, port: number, originPort: number): Promise<Running> {
  return kind === 'nginx' || kind === 'varnish'
    ? startForeign(kind, port, originPort)
    : startServer(kind, port, originPort)
}

function startServer(kind: string, port: number, originPort: number): Promise<Running> {
  const server = fork(
    fileURLToPath(new URL('./http/server.js', import.meta.url)),
    [kind, String(port), `http://127.0.0.1:${originPort}`],
    {
      env: { ...process.env, NODE_ENV: 'production' },
    },
  )
  return new Promise((resolve, reject) => {
    server.once('message', () => resolve({ cpu: () => cpuOf(server), end: () => server.disconnect() }))
    server.once('error', reject)
    server.once('exit', (code) => reject(new Error(`the server ${kind} ended with ${code}`)))
  })
}

/** Seconds. */
function cpuOf(server: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    server.once('message', (usage: NodeJS.CpuUsage) => resolve((usage.user + usage.system) / 1e6))
    server.send('cpu')
  })
}

/** Answers that wrk got. */
async function load(port: number, seconds: number): Promise<number> {
  const { path, libraries } = findProgram('wrk')
  const env = { ...process.env, ...(libraries !== undefined && { LD_LIBRARY_PATH: libraries }) }
  const wrk = spawn(path, ['-t1', '-c64', `-d${seconds}s`, `http://127.0.0.1:${port}/`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  let text = ''
  for await (const chunk of wrk.stdout) text += chunk
  const count = /(\d+) requests in/.exec(text)?.[1]
  if (count === undefined || /Non-2xx/.test(text)) throw new Error(`wrk says:\n${text}`)
  return Number(count)
}

function median(numbers: readonly number[] = []): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
