// From arguments to a command and its options. Parsing is Node's own; the table says what an option means.
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { isError, nearest } from 'millpond/options'
import { COMMANDS, type Command, commandAt, isGroup } from '../commands/index.ts'
import { wrongUse } from '../failure.ts'
import { Given, type RawValues } from './given.ts'
import { GLOBAL, isOption, type Kind, OPTIONS } from './options.ts'

export interface Parsed {
  /** Undefined: none was given. */
  readonly command: Command | undefined
  /** The first word of several commands: `config`. */
  readonly group: string | undefined
  readonly given: Given
}

const REPEATED = new Set<Kind>(['texts', 'list'])
const FORMS: NonNullable<ParseArgsConfig['options']> = Object.fromEntries(
  Object.entries(OPTIONS).map(
    ([name, { kind }]) =>
      [name, { type: kind === 'flag' ? 'boolean' : 'string', multiple: REPEATED.has(kind) }] as const,
  ),
)

export function parse(args: readonly string[]): Parsed {
  const { values, positionals } = read(withJson(args))
  const [first, second] = positionals
  if (first === undefined || first === 'help') return helpOn(positionals.slice(1), values)
  const group = isGroup(first) ? first : undefined
  if (group !== undefined && second === undefined) return { command: undefined, group, given: new Given(values, []) }
  const name = group === undefined ? first : `${group} ${second}`
  const command = commandAt(name)
  if (command === undefined)
    throw wrongUse(
      `there is no command "${name}"${meantBy(name)}: "millpond help${group === undefined ? '' : ` ${group}`}" lists them`,
    )
  const given = new Given(values, positionals.slice(group === undefined ? 1 : 2), name)
  if (!given.flag('help')) check(command, values, given)
  return { command, group: undefined, given }
}

function helpOn(words: readonly string[], values: RawValues): Parsed {
  const given = new Given({ ...values, help: true }, [])
  const [first, second] = words
  if (first === undefined) return { command: undefined, group: undefined, given: new Given(values, []) }
  if (isGroup(first) && second === undefined) return { command: undefined, group: first, given }
  const command = commandAt(words.join(' '))
  if (command === undefined)
    throw wrongUse(`there is no command "${words.join(' ')}"${meantBy(words.join(' '))}: "millpond help" lists them`)
  return { command, group: undefined, given }
}

/** The command, or group of commands, that was probably meant. */
function meantBy(name: string): string {
  const near = nearest(name, [
    ...new Set(COMMANDS.flatMap((command) => [command.name, command.name.split(' ')[0] ?? ''])),
  ])
  return near === undefined ? '' : `; did you mean "${near}"?`
}

/** `--json` alone means all fields: Node's parser has no options with an optional value. */
function withJson(args: readonly string[]): string[] {
  const end = args.indexOf('--')
  return args.map((arg, at) => (arg === '--json' && (end < 0 || at < end) ? '--json=*' : arg))
}

function read(args: string[]): { values: RawValues; positionals: readonly string[] } {
  for (const arg of args)
    if (arg === '--token' || arg.startsWith('--token='))
      throw wrongUse(
        'a token cannot be an argument, since everyone on this machine could read it: use MILLPOND_TOKEN, --token-file FILE, or "millpond login"',
      )
  try {
    const { values, positionals } = parseArgs({ args, options: FORMS, allowPositionals: true, strict: true })
    return { values, positionals }
  } catch (error) {
    const words = isError(error) ? (error.message.split(/\.\s|\n/)[0] ?? '') : String(error)
    const unknown = /^Unknown option '--([^']+)'/.exec(words)?.[1]
    const near = unknown === undefined ? undefined : nearest(unknown, Object.keys(OPTIONS))
    throw wrongUse(
      `${words}${near === undefined ? '' : `; did you mean --${near}?`}; "millpond help" lists the options`,
    )
  }
}

function check({ name, options, positionals }: Command, values: RawValues, given: Given): void {
  for (const option of Object.keys(values))
    if (isOption(option) && !GLOBAL.includes(option) && !options.includes(option))
      throw wrongUse(`--${option} is not an option of "${name}": "millpond help ${name}" shows its options`)
  const most = positionals.length
  const least = positionals.filter((word) => !word.startsWith('[')).length
  const missing = positionals[given.positionals.length]
  if (given.positionals.length < least)
    throw wrongUse(`"${name}" needs ${missing}: "millpond help ${name}" shows an example`)
  const empty = given.positionals.indexOf('')
  if (empty >= 0 && empty < most)
    throw wrongUse(`${positionals[empty]} of "${name}" is empty: is a shell variable unset?`)
  if (given.positionals.length > most)
    throw wrongUse(`"${name}" does not take ${JSON.stringify(given.positionals[most])}`)
}
