// Automatic changes: whether they are on, their state, and their results.
import type { Command } from '../command.ts'
import { at, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { changeWords } from '../terminal/memory-change.ts'
import type { Output } from '../terminal/output.ts'
import { styled, text } from '../terminal/text.ts'
import { clock } from '../terminal/units.ts'

export const autoApply: Command = {
  name: 'auto-apply',
  group: 'decide',
  summary: 'show whether recommendations are applied automatically, and the results; on or off changes that',
  positionals: ['[on|off]'],
  options: ['cache-name', 'min-impact-score', 'dry-run'],
  fields: ['cache_name', 'settings', 'state'],
  example: 'millpond auto-apply on --cache-name shop --min-impact-score 80',
  scope: 'metrics:read',
  async run({ given, out, client: connected }) {
    const [word] = given.positionals
    if (word !== undefined && word !== 'on' && word !== 'off') throw wrongUse(`${word} is neither on nor off`)
    const client = await connected()
    const { body: now } = await client.get('optimizations/auto/', { cache_name: given.text('cache-name') })
    const body =
      word === undefined
        ? now
        : (
            await client.call('PUT', 'optimizations/auto/', {
              body: changed(
                now,
                word,
                given.has('min-impact-score') ? given.number('min-impact-score') : undefined,
                given.flag('dry-run'),
              ),
            })
          ).body
    await out.answer('auto-apply', body, () => {
      tell(out, body)
      if (word !== undefined && given.flag('dry-run')) out.line(text`  that was a dry run: nothing has changed`)
    })
    return 'done'
  },
}

/** Settings that are not given stay as they were. */
function changed(now: Row, word: 'on' | 'off', score: number | undefined, dryRun: boolean): object {
  const settings = at(now, 'settings')
  return {
    ...(typeof settings === 'object' && settings),
    enabled: word === 'on',
    ...(score !== undefined && { min_impact_score: score }),
    cache_name: textAt(now, 'cache_name'),
    dry_run: dryRun,
  }
}

function tell(out: Output, body: Row): void {
  const isOn = at(body, 'settings', 'enabled') === true
  out.line(
    styled(
      'bold',
      text`${textAt(body, 'cache_name')}: ${isOn ? `recommendations with an impact of ${numberAt(body, 'settings', 'min_impact_score')} or more are applied automatically` : 'nothing is applied automatically'}`,
    ),
  )
  const [phase, why] = [textAt(body, 'state', 'phase'), textAt(body, 'state', 'why')]
  if (phase !== 'idle')
    out.line(text`  ${phase} ${textAt(body, 'state', 'recommendation')}: ${changeWords(at(body, 'state', 'change'))}`)
  if (isOn && why !== '') out.line(text`  ${why}`)
  for (const one of rowsAt(body, 'state', 'history')) {
    const [why, operation, back] = [textAt(one, 'why'), textAt(one, 'operation'), textAt(one, 'rolled_back_by')]
    out.line(
      text`  ${clock(textAt(one, 'at'))} ${textAt(one, 'recommendation')} ${textAt(one, 'outcome').replaceAll('_', ' ')}${why === '' ? '' : `: ${why}`}`,
    )
    if (operation !== '') out.line(text`    applied by ${operation}${back === '' ? '' : `, rolled back by ${back}`}`)
  }
}
