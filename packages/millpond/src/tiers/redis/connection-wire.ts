// One live connection, as exchanges see it.

import { nextTick } from 'node:process'
import { isError } from '../../core/errors.ts'
import type { RedisClient } from './client.ts'
import type { Argument, Wire } from './connection.ts'

export class LiveWire implements Wire {
  readonly serverId: string
  isAlive = true
  isSilent = false
  readonly #client: RedisClient
  #isGathering = false
  #heardAt = performance.now()

  constructor(client: RedisClient, serverId: string) {
    this.#client = client
    this.serverId = serverId
  }

  get silentMs(): number {
    return performance.now() - this.#heardAt
  }

  call(command: string, args: Argument[]): Promise<unknown> {
    if (!this.isAlive) return Promise.reject(new Error('the connection was lost meanwhile'))
    this.#gather()
    return this.#client.callBuffer(command, args)
  }

  /** Commands of one turn go out as one write: a write for each command costs more than everything else about it. */
  #gather(): void {
    if (this.#isGathering) return
    const { stream } = this.#client
    this.#isGathering = true
    stream.cork()
    nextTick(() => {
      this.#isGathering = false
      stream.uncork()
    })
  }

  async callAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]> {
    const answers = await this.settleAll(commands)
    for (const answer of answers) if (isError(answer)) throw answer
    return answers
  }

  async settleAll(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]> {
    if (!this.isAlive) throw new Error('the connection was lost meanwhile')
    const [first] = commands
    // A pipeline of one command costs three times as much as the command.
    if (commands.length < 2)
      return first === undefined ? [] : [await this.#client.callBuffer(first[0], first.slice(1)).catch(asAnswer)]
    const answers = await this.#client.pipeline(commands.map((command) => ['callBuffer', ...command])).exec()
    return (answers ?? []).map(([error, answer]) => error ?? answer)
  }

  /** Whether the server has been silent for as long as one deadline. */
  suspect(ms: number): boolean {
    if (!this.isSilent) this.isSilent = this.silentMs >= ms
    return this.isSilent
  }

  /** Something came back. */
  hear(): void {
    this.#heardAt = performance.now()
    this.isSilent = false
  }
}

const asAnswer = (error: unknown): Error => (isError(error) ? error : new Error(String(error)))
