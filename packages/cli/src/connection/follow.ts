// Long-running work: started and followed; the first interrupt leaves it running and prints its id.
import { setTimeout as pause } from 'node:timers/promises'
import type { Context } from '../command.ts'
import { type ExitName, Failure } from '../failure.ts'
import { progressOn } from '../terminal/progress.ts'
import { text } from '../terminal/text.ts'
import type { Answered, Client } from './client.ts'
import { numberAt, type Row, textAt } from './read.ts'

const FIRST_MS = 100
const LAST_MS = 1000

/** The server answers after a second with the operation's URL. */
export const SOON = { headers: { Prefer: 'wait=1' } } as const

const BY_STATE: Readonly<Record<string, ExitName>> = {
  completed: 'done',
  partial: 'partial',
  cancelled: 'partial',
  running: 'done',
  cancelling: 'done',
}
export const exitOf = (operation: Row): ExitName => BY_STATE[textAt(operation, 'state')] ?? 'unexpected'
export const isRunning = (operation: Row): boolean => ['running', 'cancelling'].includes(textAt(operation, 'state'))

/** The finished operation; with `--detach` its present state. */
export async function followed(
  { given, out, signal, isLocal }: Context,
  client: Client,
  answered: Answered,
  words: string,
): Promise<Row> {
  const id = textAt(answered.body, 'id')
  if (!isRunning(answered.body) || (given.flag('detach') && !isLocal)) return answered.body
  const progress = progressOn(out)
  try {
    let operation = answered.body
    for (let wait = FIRST_MS; isRunning(operation); wait = Math.min(LAST_MS, wait * 2)) {
      await pause(wait, undefined, { signal })
      operation = (await client.get(`operations/${id}/`)).body
      const [done, all] = [
        numberAt(operation, 'result', 'done'),
        numberAt(operation, 'result', 'keys') ?? numberAt(operation, 'result', 'all'),
      ]
      if (done !== null && all !== null) progress.at(done, all, words)
    }
    return operation
  } catch (error) {
    const goesOn = isLocal
      ? `${id} ends with this process: what it has done is kept`
      : `${id} continues: "millpond operations wait ${id}" follows it, "millpond operations cancel ${id}" ends it`
    if (signal.aborted) throw new Failure('interrupted', goesOn)
    if (error instanceof Failure) throw new Failure(error.exit, `${error.message} (${goesOn})`, error.more)
    throw error
  } finally {
    progress.end()
  }
}

export const tellOperation = ({ out }: Context, operation: Row): void =>
  out.line(
    text`${textAt(operation, 'id')} ${isRunning(operation) ? 'is running: "millpond operations wait" follows it' : textAt(operation, 'state')}`,
  )
