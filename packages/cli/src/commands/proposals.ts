// Proposals of assistants and others, for the person who decides: shown with their effect, and carried out as shown.
import type { Command, Context } from '../command.ts'
import { at, type Row, rowsAt, textAt } from '../connection/read.ts'
import { Failure } from '../failure.ts'
import { ask } from '../terminal/ask.ts'
import { type Safe, sentence, shownJson, text } from '../terminal/text.ts'

/** Rows of a list. */
const MOST = 200

const placeOf = (id: string): string => `proposals/${encodeURIComponent(id)}/`

function pathOf(proposal: Row): string {
  const query = at(proposal, 'query')
  const search = new URLSearchParams(query as Record<string, string>).toString()
  return `${textAt(proposal, 'method')} ${textAt(proposal, 'path')}${search === '' ? '' : `?${search}`}`
}

function told(proposal: Row): readonly Safe[] {
  const [by, note] = [textAt(proposal, 'by'), textAt(proposal, 'note')]
  const answer = at(proposal, 'answer')
  return [
    text`${textAt(proposal, 'id')}  ${textAt(proposal, 'created_at')}  ${textAt(proposal, 'state')}  by ${textAt(proposal, 'actor')}${sentence(by === '' ? '' : ` (${JSON.stringify(by)})`)}`,
    text`  ${sentence(textAt(proposal, 'summary'))}`,
    text`  ${sentence(pathOf(proposal))}`,
    ...(at(proposal, 'body') === null ? [] : [text`  ${sentence(shownJson(at(proposal, 'body')))}`]),
    text`  its reason, in the proposer's words: ${sentence(JSON.stringify(textAt(proposal, 'reason')))}`,
    ...(note === '' ? [] : [text`  note: ${sentence(JSON.stringify(note))}`]),
    ...(answer === null || answer === undefined ? [] : [text`  answered ${sentence(shownJson(answer))}`]),
  ]
}

/** What it would do, below what it is. */
function shown(preview: Row): readonly Safe[] {
  const [kind, status] = [textAt(preview, 'kind'), at(preview, 'status')]
  const answer = text`  ${sentence(shownJson(at(preview, 'answer')))}`
  if (typeof status === 'number' && status >= 400) return [text`  cannot be approved now (${status}):`, answer]
  if (kind === 'none') return [text`  the route has no plan: it does what its body says`]
  return [kind === 'before' ? text`  in the place of:` : text`  would do:`, answer]
}

const planned = async (context: Context, id: string): Promise<Row> =>
  (await (await context.client()).post(`${placeOf(id)}plan/`, {})).body

export const proposalsList: Command = {
  name: 'proposals list',
  group: 'act',
  summary: 'list proposals that are waiting, of assistants and others: those that you made or may approve',
  positionals: [],
  options: [],
  fields: ['data'],
  example: 'millpond proposals list',
  async run(context) {
    const { body } = await (await context.client()).get('proposals/', { state: 'waiting', limit: MOST })
    const data = rowsAt(body, 'data')
    await context.out.answer('proposals', { data }, () => {
      if (data.length === 0) context.out.line(text`no proposals are waiting`)
      for (const line of data.flatMap(told)) context.out.line(line)
      if (at(body, 'has_more') === true) context.out.note(text`there are more: these are the newest ${MOST}`)
    })
    return 'done'
  },
}

export const proposalsShow: Command = {
  name: 'proposals show',
  group: 'act',
  summary: 'show a proposal and what it would do',
  positionals: ['PROPOSAL'],
  options: [],
  fields: ['proposal', 'kind', 'status', 'answer', 'digest', 'plan_id', 'confirm'],
  example: 'millpond proposals show prp_X5a0_3LkQm7c',
  async run(context) {
    const preview = await planned(context, context.given.positionals[0] ?? '')
    await context.out.answer('proposals-show', preview, () => {
      for (const line of [...told(at(preview, 'proposal') as Row), ...shown(preview)]) context.out.line(line)
    })
    return 'done'
  },
}

export const proposalsApprove: Command = {
  name: 'proposals approve',
  group: 'act',
  summary: 'carry out a proposal of somebody else as yourself: asks at a terminal, and no option can answer for you',
  positionals: ['PROPOSAL'],
  options: ['note'],
  fields: ['id', 'state', 'answer'],
  example: 'millpond proposals approve prp_X5a0_3LkQm7c',
  async run(context) {
    const { given, out, asking } = context
    const [id = ''] = given.positionals
    const preview = await planned(context, id)
    // With the question, even if the answer goes to a program.
    for (const line of [...told(at(preview, 'proposal') as Row), ...shown(preview)]) out.error(line)
    const digest = textAt(preview, 'digest')
    if (digest === '') throw new Failure('conflict', `${id} cannot be approved now: nothing was changed`)
    const confirm = textAt(preview, 'confirm') || undefined
    const wanted = confirm ?? id.slice(-4)
    const typed = await ask(asking, text`type ${wanted} to do this:`, 'it at a terminal, since no option approves')
    if (typed.trim() !== wanted.trim())
      throw new Failure('unconfirmed', 'nothing was changed: the proposal is still waiting')
    const plan_id = textAt(preview, 'plan_id') || undefined
    const body = { digest, plan_id, confirm, note: given.text('note') }
    const answer = (await (await context.client()).post(`${placeOf(id)}approve/`, body)).body
    await out.answer('proposals-approve', answer, () => {
      for (const line of told(answer)) out.line(line)
    })
    return textAt(answer, 'state') === 'approved' ? 'done' : 'partial'
  },
}

export const proposalsReject: Command = {
  name: 'proposals reject',
  group: 'act',
  summary: 'reject a proposal, or withdraw your own',
  positionals: ['PROPOSAL'],
  options: ['note'],
  fields: ['id', 'state'],
  example: 'millpond proposals reject prp_X5a0_3LkQm7c --note "after the import"',
  async run({ given, out, client }) {
    const [id = ''] = given.positionals
    const { body } = await (await client()).post(`${placeOf(id)}reject/`, { note: given.text('note') })
    await out.answer('proposals-reject', body, () => out.line(text`${id} is rejected`))
    return 'done'
  },
}
