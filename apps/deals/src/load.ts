// The entry of `npm run load`: users' sessions with the cache and without it, and the proof that no answer was wrong.
import { LOAD_HELP, readLoadOptions } from './load/options.ts'
import { figuresOf, reportText } from './load/report.ts'
import { runLoad } from './load/run.ts'
import { StartError } from './start-error.ts'

try {
  const options = readLoadOptions(process.argv.slice(2))
  if (!options) console.log(LOAD_HELP)
  else {
    const say = (line: string) => (options.isJson ? console.error(line) : console.log(line))
    const outcome = await runLoad(options, say)
    const { sessions, compared, violations } = outcome
    if (options.isJson) {
      console.log(
        JSON.stringify({
          sessions,
          with_cache: figuresOf(outcome.cached, true),
          without_cache: figuresOf(outcome.uncached, false),
          compared,
          violations,
        }),
      )
    } else console.log(`\n${reportText(outcome)}`)
    if (violations.length > 0) process.exitCode = 1
  }
} catch (error) {
  if (!(error instanceof StartError)) throw error
  console.error(`load: ${error.message}`)
  process.exitCode = 2
}
