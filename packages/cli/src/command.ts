// What a command is: data that the parser, help, completion and the tests read, and a function.
import type { Given } from './arguments/given.ts'
import type { OptionName } from './arguments/options.ts'
import type { Client } from './connection/client.ts'
import type { ExitName } from './failure.ts'
import type { Asking } from './terminal/ask.ts'
import type { Output } from './terminal/output.ts'
import type { Streams } from './terminal/streams.ts'

export const GROUPS = { look: 'Look', act: 'Act', decide: 'Decide', govern: 'Govern', here: 'Here' } as const
export type Group = keyof typeof GROUPS

export interface Context {
  readonly given: Given
  readonly out: Output
  readonly streams: Streams
  readonly asking: Asking
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal
  /** Whether the control plane is in this very process: what runs ends with it. */
  readonly isLocal: boolean
  readonly client: () => Promise<Client>
  readonly commands: readonly Command[]
}

export interface Command {
  /** One word, or two where the first stands for several. */
  readonly name: string
  readonly group: Group
  readonly summary: string
  /** `KEY` must be there, `[KEY]` may. */
  readonly positionals: readonly string[]
  readonly options: readonly OptionName[]
  /** Of its JSON. */
  readonly fields: readonly string[]
  readonly example: string
  /** The permission that the server asks for; undefined: no server is asked, or any credential does. */
  readonly scope?: string
  run(context: Context): Promise<ExitName>
}
