// The entry of `npm run load`: users' sessions with the cache and without it, and the proof that no answer was wrong.
import { compareInsight } from './load/insight-ab.ts'
import { comparisonText } from './load/insight-ab-report.ts'
import { LOAD_HELP, type LoadOptions, readLoadOptions } from './load/options.ts'
import { figuresOf, reportText } from './load/report.ts'
import { runLoad, type Say } from './load/run.ts'
import { StartError } from './start-error.ts'

/** The exit code for each signal, as shells define it. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

try {
  const options = readLoadOptions(process.argv.slice(2))
  if (!options) console.log(LOAD_HELP)
  else {
    const say: Say = (line) => (options.isJson ? console.error(line) : console.log(line))
    if (options.insight === 'ab') await compare(options, say)
    else await run(options, say)
  }
} catch (error) {
  if (!(error instanceof StartError)) throw error
  console.error(`load: ${error.message}`)
  process.exitCode = 2
}

async function run(options: LoadOptions, say: Say): Promise<void> {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(EXIT_CODES[name])
      process.exitCode = EXIT_CODES[name]
      say('stopping: the measurements so far follow')
      stop.abort()
    })
  const outcome = await runLoad(options, say, stop.signal)
  const { sessions, compared, violations, beside, isStopped, uncached } = outcome
  if (options.isJson) {
    console.log(
      JSON.stringify({
        sessions,
        with_cache: figuresOf(outcome.cached, true),
        without_cache: uncached === undefined ? null : figuresOf(uncached, false),
        beside,
        is_stopped: isStopped,
        compared,
        violations,
      }),
    )
  } else console.log(`\n${reportText(outcome)}`)
  if (isStopped) return
  if (violations.length > 0) process.exitCode = 1
}

async function compare(options: LoadOptions, say: Say): Promise<void> {
  const comparison = await compareInsight(options, say)
  console.log(options.isJson ? JSON.stringify(comparison) : `\n${comparisonText(comparison)}`)
  if (comparison.violations.length > 0 || comparison.rows.some(({ verdict }) => verdict === 'worse'))
    process.exitCode = 1
}
