// Proposals of assistants, for the person who decides.
import type { Command } from '../command.ts'
import { Failure } from '../failure.ts'
import { type Proposal, Proposals } from '../mcp/proposals.ts'
import { ask } from '../terminal/ask.ts'
import { type Safe, sentence, shownJson, text } from '../terminal/text.ts'

const pathOf = ({ method, path, query }: Proposal): string => {
  const search = new URLSearchParams(query).toString()
  return `${method} ${path}${search === '' ? '' : `?${search}`}`
}

const told = (proposal: Proposal): readonly Safe[] => [
  text`${proposal.id}  ${proposal.at}  by ${proposal.by}`,
  text`  ${sentence(proposal.summary)}`,
  text`  ${sentence(pathOf(proposal))}  at ${proposal.url}`,
  ...(proposal.body === undefined ? [] : [text`  ${sentence(shownJson(proposal.body))}`]),
  text`  its reason, in the assistant's words: ${sentence(JSON.stringify(proposal.why))}`,
]

export const proposalsList: Command = {
  name: 'proposals list',
  group: 'act',
  summary: 'list what assistants have proposed through "millpond mcp" on this machine, oldest first',
  positionals: [],
  options: [],
  fields: ['data'],
  example: 'millpond proposals list',
  async run(context) {
    const data = await new Proposals(context.streams).list()
    await context.out.answer('proposals', { data }, () => {
      if (data.length === 0) context.out.line(text`no proposals are waiting`)
      for (const line of data.flatMap(told)) context.out.line(line)
    })
    return 'done'
  },
}

export const proposalsApprove: Command = {
  name: 'proposals approve',
  group: 'act',
  summary: 'carry out a proposal as yourself: asks at a terminal, and no option can answer for you',
  positionals: ['PROPOSAL'],
  options: [],
  fields: ['proposal', 'answer'],
  example: 'millpond proposals approve prp_0123456789abcdef',
  async run(context) {
    const { given, out, asking, streams } = context
    const [id = ''] = given.positionals
    const proposals = new Proposals(streams)
    const proposal = await proposals.get(id)
    const client = await context.client()
    if (client.url !== proposal.url)
      throw new Failure(
        'conflict',
        `${id} is for ${proposal.url}, and this is ${client.url}: use --url, or drop the proposal`,
      )
    // With the question, even if the answer goes to a program.
    for (const line of told(proposal)) out.error(line)
    const last = id.slice(-4)
    const typed = await ask(asking, text`type ${last} to do this:`, 'it at a terminal, since no option approves')
    if (typed.trim() !== last) throw new Failure('unconfirmed', 'nothing was changed: the proposal is still waiting')
    const { method, path, query, body } = proposal
    const { body: answer } = await client.call(method, path, { query, ...(body !== undefined && { body }) })
    await proposals.drop(id)
    await out.answer('proposals-approve', { proposal, answer }, () => out.line(sentence(shownJson(answer))))
    return 'done'
  },
}

export const proposalsDrop: Command = {
  name: 'proposals drop',
  group: 'act',
  summary: 'drop a proposal',
  positionals: ['PROPOSAL'],
  options: [],
  fields: ['dropped'],
  example: 'millpond proposals drop prp_0123456789abcdef',
  async run({ given, out, streams }) {
    const proposals = new Proposals(streams)
    const { id } = await proposals.get(given.positionals[0] ?? '')
    await proposals.drop(id)
    await out.answer('proposals-drop', { dropped: id }, () => out.line(text`${id} is dropped`))
    return 'done'
  },
}
