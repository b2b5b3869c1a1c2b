// The caches for an assistant: it reads by itself, and proposes actions that a person then approves.
import type { Command } from '../command.ts'
import { textsAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { serveMcp } from '../mcp/server.ts'
import { toolsOf } from '../mcp/tools.ts'

export const mcp: Command = {
  name: 'mcp',
  group: 'here',
  summary: 'run a Model Context Protocol server on standard input and output, for an assistant',
  positionals: [],
  options: [],
  fields: [],
  example: 'millpond mcp --token-file viewer.token',
  async run({ given, client: connect, streams, signal }) {
    if (given.text('token-file') === '-')
      throw wrongUse('standard input carries the MCP messages, not the token: name a file, or set MILLPOND_TOKEN')
    const client = await connect()
    const [document, session] = await Promise.all([client.get('openapi.json'), client.get('session/')])
    const tools = toolsOf(document.body, textsAt(session.body, 'scopes'))
    await serveMcp({ streams, client, tools, signal })
    return 'done'
  },
}
