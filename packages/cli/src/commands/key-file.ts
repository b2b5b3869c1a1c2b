// Keys from a file or standard input: one per line, written as elsewhere; empty lines are ignored.
import { readFile } from 'node:fs/promises'
import type { Context } from '../command.ts'
import { codeOf } from '../connection/files.ts'
import { wrongUse } from '../failure.ts'
import { readInput } from '../terminal/ask.ts'

export async function keysFrom({ given, streams }: Context, option: 'file' | 'keys'): Promise<readonly string[]> {
  const path = given.text(option)
  if (path === undefined) return []
  if (path === '-' && given.text('token-file') === '-')
    throw wrongUse(`the token and the keys cannot both be read from standard input: use a file for one of them`)
  const text =
    path === '-'
      ? await readInput(streams, 'the list of keys')
      : await readFile(path, 'utf8').catch((error: unknown) => {
          throw wrongUse(`--${option} ${path} cannot be read (${codeOf(error)})`)
        })
  const keys = text.split(/\r?\n/).filter((line) => line !== '')
  if (keys.length === 0) throw wrongUse(`--${option} ${path} contains no keys`)
  return keys
}
