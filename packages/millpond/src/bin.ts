// `millpond`: runs the package that a command belongs to, or says what to install.

import { isError } from './core/errors.ts'

/** Each package's `main` takes the arguments after its command and resolves with the exit code. */
const PACKAGES: Readonly<Record<string, string>> = { proxy: '@millpond/proxy', serve: '@millpond/control' }
/** All other commands. */
const COMMANDS = '@millpond/cli'

interface Main {
  main(args: readonly string[]): Promise<number>
}

const [command = 'help', ...rest] = process.argv.slice(2)
const own = Object.hasOwn(PACKAGES, command) ? PACKAGES[command] : undefined
process.exitCode =
  own === undefined
    ? await run(COMMANDS, [command, ...rest])
    : await run(own, own === '@millpond/control' ? [command, ...rest] : rest)

async function run(name: string, args: readonly string[]): Promise<number> {
  let loaded: Main
  try {
    loaded = (await import(`${name}/main`)) as Main
  } catch (error) {
    const isMissing =
      isError(error) && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes(`'${name}'`)
    if (!isMissing) throw error
    console.error(`millpond ${command}: needs the package ${name}: run "npm install ${name}"`)
    return 2
  }
  return loaded.main(args)
}
