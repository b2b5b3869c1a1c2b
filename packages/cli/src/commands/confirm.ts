// Confirmation: by `--yes` or `--force`, or by asking.
import type { Context } from '../command.ts'
import { Failure } from '../failure.ts'
import { ask } from '../terminal/ask.ts'
import { type Safe, text } from '../terminal/text.ts'

/** @throws Failure without a confirmation */
export async function makeSure({ given, asking }: Context, question: Safe): Promise<void> {
  if (given.flag('yes') || given.flag('force')) return
  const answer = await ask(asking, text`${question} [y/N]`, '--yes')
  if (!/^y(es)?$/i.test(answer.trim())) throw new Failure('unconfirmed', 'nothing was changed')
}
