// Shell completion from the table of commands: static words only, so that pressing Tab calls no server.
import type { Command } from '../command.ts'
import { HANDED_OVER } from '../hand-over.ts'
import { GLOBAL, type OptionName, optionOf } from './options.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

export function completion(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands)
}

const firstWords = (commands: readonly Command[]): readonly string[] =>
  [
    ...new Set([
      ...commands.map(({ name }) => name.split(' ')[0] ?? ''),
      ...HANDED_OVER.map(({ name }) => name),
      'help',
    ]),
  ].sort()
const secondWords = (commands: readonly Command[], first: string): readonly string[] =>
  commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []))
const namesOf = ({ options }: Command): readonly OptionName[] => [...options, ...GLOBAL]
const flags = (names: readonly OptionName[]): string => names.map((name) => `--${name}`).join(' ')
const takesFile = (name: OptionName): boolean => optionOf(name).value === 'FILE'

/** Every option with a fixed set of values, or that takes a file. */
function valued(
  commands: readonly Command[],
): readonly { readonly name: OptionName; readonly choices: readonly string[] }[] {
  const names = [...new Set([...GLOBAL, ...commands.flatMap(({ options }) => options)])]
  return names.flatMap((name) => {
    const { choices } = optionOf(name)
    return choices !== undefined ? [{ name, choices }] : takesFile(name) ? [{ name, choices: [] }] : []
  })
}

function bash(commands: readonly Command[]): string {
  const values = valued(commands).map(
    ({ name, choices }) =>
      `    --${name}) COMPREPLY=($(compgen ${choices.length > 0 ? `-W '${choices.join(' ')}'` : '-f'} -- "$word")); return ;;`,
  )
  const arms = (hasTwo: boolean): string =>
    commands
      .filter(({ name }) => name.includes(' ') === hasTwo)
      .map((command) => `    '${command.name}') options='${flags(namesOf(command))}' ;;`)
      .join('\n')
  const groups = firstWords(commands).flatMap((first) => {
    const second = secondWords(commands, first)
    return second.length > 0 ? [`    ${first}) words='${second.join(' ')}' ;;`] : []
  })
  return `# bash completion for millpond
_millpond() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} options='${flags(GLOBAL)}' words='' named=() each
  COMPREPLY=()
  case $before in
${values.join('\n')}
  esac
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $each == -* ]] || named+=("$each"); done
  case "\${named[0]}" in
${groups.join('\n')}
  esac
  if [[ \${#named[@]} -eq 0 ]]; then words='${firstWords(commands).join(' ')}'; elif [[ \${#named[@]} -gt 1 ]]; then words=''; fi
  case "\${named[0]}" in
${arms(false)}
  esac
  case "\${named[0]} \${named[1]}" in
${arms(true)}
  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$word")); else COMPREPLY=($(compgen -W "$words" -- "$word")); fi
}
complete -o default -F _millpond millpond
`
}

const quoted = (words: string): string => `'${words.replaceAll("'", "'\\''")}'`
const zshText = (words: string): string => words.replace(/[[\]:]/g, '\\$&')

function zsh(commands: readonly Command[]): string {
  const spec = (name: OptionName): string => {
    const { value, help, choices } = optionOf(name)
    const rest =
      name === 'json'
        ? ''
        : value === undefined
          ? ''
          : choices !== undefined
            ? `:${value}:(${choices.join(' ')})`
            : takesFile(name)
              ? ':file:_files'
              : `:${zshText(value)}:`
    return quoted(`--${name}${name === 'json' || value === undefined ? '' : '='}[${zshText(help)}]${rest}`)
  }
  const arms = commands.map(
    (command) => `    ${quoted(command.name)}) _arguments -S ${namesOf(command).map(spec).join(' ')} '*: :_files' ;;`,
  )
  const described = (list: readonly Pick<Command, 'name' | 'summary'>[], strip: string): string =>
    list.map(({ name, summary }) => quoted(`${name.slice(strip.length)}:${zshText(summary)}`)).join(' ')
  const groups = firstWords(commands).filter((first) => secondWords(commands, first).length > 0)
  const singles = [...commands.filter(({ name }) => !name.includes(' ')), ...HANDED_OVER]
  const arm = (first: string): string =>
    `    ${first}) list=(${described(
      commands.filter(({ name }) => name.startsWith(`${first} `)),
      `${first} `,
    )}) ;;`
  return `#compdef millpond
_millpond() {
  local -a named list
  local each
  for each in "\${(@)words[2,CURRENT-1]}"; do [[ $each == -* ]] || named+=("$each"); done
  if (( \${#named} == 0 )) && [[ \${words[CURRENT]} != -* ]]; then
    list=(${described(singles, '')} ${groups.map((first) => quoted(`${first}:${secondWords(commands, first).join(', ')}`)).join(' ')})
    _describe command list; return
  fi
  case \${named[1]} in
${groups.map(arm).join('\n')}
  esac
  if (( \${#named} == 1 && \${#list} > 0 )) && [[ \${words[CURRENT]} != -* ]]; then _describe command list; return; fi
  local name=\${named[1]}
  (( \${#list} > 0 )) && name="\${named[1]} \${named[2]}"
  case $name in
${arms.join('\n')}
    *) _arguments -S ${GLOBAL.map(spec).join(' ')} ;;
  esac
}
compdef _millpond millpond
`
}

function fish(commands: readonly Command[]): string {
  const option = (name: OptionName, condition: string): string => {
    const { value, help, choices } = optionOf(name)
    const takes =
      name === 'json' || value === undefined
        ? ''
        : choices !== undefined
          ? ` -x -a '${choices.join(' ')}'`
          : takesFile(name)
            ? ' -r'
            : ' -x'
    return `complete -c millpond${condition} -l ${name}${takes} -d ${quoted(help)}`
  }
  const lines = commands.flatMap((command) => {
    const [first = '', second] = command.name.split(' ')
    const seen =
      second === undefined
        ? `__fish_seen_subcommand_from ${first}`
        : `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`
    const offered =
      second === undefined
        ? `complete -c millpond -n __fish_use_subcommand -a ${first} -d ${quoted(command.summary)}`
        : `complete -c millpond -n '__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${secondWords(commands, first).join(' ')}' -a ${second} -d ${quoted(command.summary)}`
    return [offered, ...command.options.map((name) => option(name, ` -n '${seen}'`))]
  })
  const groups = firstWords(commands).filter((first) => secondWords(commands, first).length > 0)
  return [
    '# fish completion for millpond',
    'complete -c millpond -f',
    ...groups.map(
      (first) =>
        `complete -c millpond -n __fish_use_subcommand -a ${first} -d ${quoted(secondWords(commands, first).join(', '))}`,
    ),
    ...HANDED_OVER.map(
      ({ name, summary }) => `complete -c millpond -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    ...GLOBAL.map((name) => option(name, '')),
    ...lines,
    '',
  ].join('\n')
}
