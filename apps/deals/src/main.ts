// The entry of `npm start`: parses the options, and starts the service. A wrong option is reported before anything is
// loaded.
import { HELP, readSettings } from './settings.ts'
import { StartError } from './start-error.ts'

const say = (line: string) => console.log(line)
const args = process.argv.slice(2)

try {
  const settings = readSettings(args, process.env)
  if (settings) await (await import('./serve.ts')).serve(settings, args, say)
  else say(HELP)
} catch (error) {
  if (!(error instanceof StartError)) throw error
  console.error(`deals: ${error.message}`)
  process.exitCode = 2
}
