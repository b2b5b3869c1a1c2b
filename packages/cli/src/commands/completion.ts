// `millpond completion`: a script for the shell.
import { SHELLS, completion as scriptFor } from '../arguments/completion.ts'
import type { Command } from '../command.ts'
import { wrongUse } from '../failure.ts'

export const completion: Command = {
  name: 'completion',
  group: 'here',
  summary: 'print a script that completes commands and options: bash, zsh or fish',
  positionals: ['SHELL'],
  options: [],
  fields: [],
  example: 'millpond completion bash > ~/.local/share/bash-completion/completions/millpond',
  async run({ given, out, commands }) {
    const [shell = ''] = given.positionals
    const known = SHELLS.find((one) => one === shell)
    if (known === undefined) throw wrongUse(`${shell} is not a supported shell: use ${SHELLS.join(', ')}`)
    await out.raw(scriptFor(known, commands))
    return 'done'
  },
}
