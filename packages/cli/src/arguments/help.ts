// Help, from the table of commands.
import { COMMANDS, type Command, GROUPS } from '../commands/index.ts'
import { HANDED_OVER } from '../hand-over.ts'
import { tableLines } from '../terminal/table.ts'
import { type Safe, styled, text } from '../terminal/text.ts'
import { GLOBAL, type OptionName, optionOf } from './options.ts'

export function overview(width: number | undefined): readonly Safe[] {
  const sections = Object.entries(GROUPS).flatMap(([group, title]) => [
    text``,
    styled('bold', title),
    ...rows([...(group === 'here' ? elsewhere : []), ...commandsOf(group)], width),
  ])
  return [
    text`millpond: inspect, explain, invalidate, warm and watch caches through their control plane`,
    ...sections,
    text``,
    styled('bold', 'For every command'),
    ...options(GLOBAL, width),
    text``,
    text`Exit codes: 0 done, 1 unexpected error, 2 wrong usage, 3 unhealthy, 4 not permitted, 5 not found, 6 conflict, 7 partly done, 8 unreachable,`,
    text`9 needs confirmation, 10 too many calls, 11 not offered by this server, 130 interrupted.`,
  ]
}

export const helpOfGroup = (word: string, width: number | undefined): readonly Safe[] =>
  rows(
    COMMANDS.filter(({ name }) => name.startsWith(`${word} `)),
    width,
  )

export function helpOf(
  { name, summary, positionals, options: own, example, fields }: Command,
  width: number | undefined,
): readonly Safe[] {
  return [
    text`${summary}`,
    text``,
    text`  ${`millpond ${[name, ...positionals].join(' ')}${own.length > 0 ? ' [options]' : ''}`}`,
    ...(own.length > 0 ? [text``, ...options(own, width)] : []),
    text``,
    text`For example: ${example}`,
    ...(fields.length > 0 ? [text``, text`Fields of --json: ${fields.join(', ')}`] : []),
    text``,
    text`"millpond help" shows the options of every command.`,
  ]
}

/** Their own help shows their arguments. */
const elsewhere = HANDED_OVER.map((one) => ({ ...one, positionals: [] }))

const commandsOf = (group: string): readonly Command[] => COMMANDS.filter((command) => command.group === group)

function rows(
  commands: readonly Pick<Command, 'name' | 'positionals' | 'summary'>[],
  width: number | undefined,
): readonly Safe[] {
  const [, ...lines] = tableLines(
    [{ title: '' }, { title: '', gives: true }],
    commands.map(({ name, positionals, summary }) => [text`  ${[name, ...positionals].join(' ')}`, summary]),
    width,
  )
  return lines
}

function options(names: readonly OptionName[], width: number | undefined): readonly Safe[] {
  const [, ...lines] = tableLines(
    [{ title: '' }, { title: '', gives: true }],
    names.map((name) => {
      const { value, help, choices } = optionOf(name)
      const given = name === 'json' ? '--json[=FIELDS]' : `--${name}${value === undefined ? '' : ` ${value}`}`
      return [text`  ${given}`, choices === undefined ? help : `${help}: ${choices.join(', ')}`]
    }),
    width,
  )
  return lines
}
