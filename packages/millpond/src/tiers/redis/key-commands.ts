// Commands for the servers of a cluster, each for the server that holds its key.
import { isError } from '../../core/errors.ts'
import type { Argument, Wire } from './connection.ts'
import type { Script } from './script.ts'
import type { ServerName } from './slots.ts'

/** A command for the server that holds `key`. With a script: that script, on that key. */
export interface KeyCommand {
  readonly key: string
  readonly words: readonly [string, ...Argument[]]
  /** Sent instead of `words` if the server does not know the script of EVALSHA. */
  readonly otherwise?: readonly [string, ...Argument[]]
}

/** The command that runs a script on one key. */
export function scriptCommand(script: Script, key: string, args: readonly Argument[]): KeyCommand {
  return { key, words: ['EVALSHA', script.sha, 1, key, ...args], otherwise: ['EVAL', script.text, 1, key, ...args] }
}

export async function runOne(wire: Wire, { words: [command, ...args], otherwise }: KeyCommand): Promise<unknown> {
  try {
    return await wire.call(command, args)
  } catch (error) {
    if (otherwise === undefined || !(isError(error) && error.message.startsWith('NOSCRIPT'))) throw error
    const [instead, ...all] = otherwise
    return wire.call(instead, all)
  }
}

/** Where a command is sent next. */
export interface Place {
  readonly server: ServerName
  /** The slot is being migrated to that server. */
  readonly isAsking: boolean
  /** The server is assumed to know the script. */
  readonly isKnown: boolean
}

/** The indexes of the commands of each server, in order. */
export function byServer(places: ReadonlyMap<number, Place>): Map<ServerName, number[]> {
  const groups = new Map<ServerName, number[]>()
  for (const index of [...places.keys()].sort((a, b) => a - b)) {
    const server = places.get(index)?.server ?? ''
    const group = groups.get(server)
    if (group !== undefined) group.push(index)
    else groups.set(server, [index])
  }
  return groups
}

/** The lines that are sent for a command: two if the slot is being migrated. */
export function linesFor(
  command: KeyCommand | undefined,
  place: Place | undefined,
): (readonly [string, ...Argument[]])[] {
  if (command === undefined) return []
  const words = place?.isKnown === false ? (command.otherwise ?? command.words) : command.words
  return place?.isAsking ? [['ASKING'], words] : [words]
}

/** Sends ASKING before each command, so that the server serves a slot that is being migrated to it. */
export class AskingWire implements Wire {
  readonly serverId: string
  readonly #wire: Wire

  constructor(wire: Wire) {
    this.serverId = wire.serverId
    this.#wire = wire
  }

  async call(command: string, args: Argument[]): Promise<unknown> {
    const [answer] = await this.callAll([[command, ...args]])
    return answer
  }

  async callAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]> {
    const answers = await this.settleAll(commands)
    for (const answer of answers) if (isError(answer)) throw answer
    return answers
  }

  async settleAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]> {
    const answers = await this.#wire.settleAll(
      commands.flatMap((command): (readonly [string, ...Argument[]])[] => [['ASKING'], command]),
    )
    return answers.filter((_, at) => at % 2 === 1)
  }
}
