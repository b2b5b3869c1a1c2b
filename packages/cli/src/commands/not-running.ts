// A part of insight that runs in no process of a cache: said with what switches it on.
import type { Context } from '../command.ts'
import { textAt } from '../connection/read.ts'
import type { ExitName } from '../failure.ts'
import { text } from '../terminal/text.ts'

/** Whether that is so; then it has been said in a line. */
export function tellWhyNothing(out: Context['out'], body: unknown): boolean {
  const why = textAt(body, 'why')
  if (why !== '') out.line(text`  ${why}`)
  return why !== ''
}

export const exitFor = (body: unknown): ExitName => (textAt(body, 'why') === '' ? 'done' : 'unavailable')
