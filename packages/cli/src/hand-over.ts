// Commands that belong to other packages: they parse their own arguments and resolve with their exit code.
import { isError } from 'millpond/options'
import { EXIT } from './failure.ts'

/** Each with the arguments that its `main` takes: the control plane's has several commands. */
const PACKAGES: Readonly<
  Record<
    string,
    {
      readonly name: string
      readonly summary: string
      readonly load: () => Promise<Main>
      readonly keepsCommand: boolean
    }
  >
> = {
  serve: {
    name: '@millpond/control',
    summary: 'run a control plane on this machine: the admin API with its own store',
    load: () => import('@millpond/control/main'),
    keepsCommand: true,
  },
  proxy: {
    name: '@millpond/proxy',
    summary: 'run a caching reverse proxy in front of an origin',
    load: () => import('@millpond/proxy/main'),
    keepsCommand: false,
  },
}

/** For help and completion. */
export const HANDED_OVER = Object.entries(PACKAGES).map(([name, { summary }]) => ({ name, summary }))

interface Main {
  main(args: readonly string[]): Promise<number>
}

/** Undefined if the command is one of ours. */
export function handedOver(args: readonly string[]): Promise<number> | undefined {
  const [command = '', ...rest] = args[0] === 'help' && args.length === 2 ? [args[1] ?? '', '--help'] : args
  const other = Object.hasOwn(PACKAGES, command) ? PACKAGES[command] : undefined
  return other === undefined ? undefined : run(command, other, rest)
}

async function run(
  command: string,
  { name, load, keepsCommand }: (typeof PACKAGES)[string],
  rest: readonly string[],
): Promise<number> {
  let loaded: Main
  try {
    loaded = await load()
  } catch (error) {
    const isMissing =
      isError(error) && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes(`'${name}'`)
    if (!isMissing) throw error
    console.error(`millpond ${command}: needs the package ${name}: run "npm install ${name}"`)
    return EXIT.usage
  }
  return loaded.main(keepsCommand ? [command, ...rest] : rest)
}
