// A command: data for the parser, help, completion and tests, and a function.
import type { Given } from './arguments/given.ts'
import type { OptionName } from './arguments/options.ts'
import type { Client } from './connection/client.ts'
import type { ExitName } from './failure.ts'
import type { Asking } from './terminal/ask.ts'
import type { Output } from './terminal/output.ts'
import type { Streams } from './terminal/streams.ts'

export const GROUPS = { look: 'Look', act: 'Act', decide: 'Decide', govern: 'Govern', here: 'On this machine' } as const
export type Group = keyof typeof GROUPS

export interface Context {
  readonly given: Given
  readonly out: Output
  readonly streams: Streams
  readonly asking: Asking
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal
  /** Whether the control plane runs in this process: its work ends with it. */
  readonly isLocal: boolean
  readonly client: () => Promise<Client>
  readonly commands: readonly Command[]
}

export interface Command {
  /** One word, or two if the first is a group. */
  readonly name: string
  readonly group: Group
  readonly summary: string
  /** `KEY` is required, `[KEY]` is optional. */
  readonly positionals: readonly string[]
  readonly options: readonly OptionName[]
  /** The fields of its JSON. */
  readonly fields: readonly string[]
  readonly example: string
  /** The permission that the server requires; undefined: no server is called, or any credential will do. */
  readonly scope?: string
  run(context: Context): Promise<ExitName>
}
