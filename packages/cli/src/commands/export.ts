// Metrics for other programs, written atomically.
import { randomBytes } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import type { OptionName } from '../arguments/options.ts'
import type { Command, Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { codeOf } from '../connection/files.ts'
import { type ExitName, wrongUse } from '../failure.ts'
import { text } from '../terminal/text.ts'

export const exportPrometheus: Command = {
  name: 'export prometheus',
  group: 'decide',
  summary: 'print the metrics of every cache in the Prometheus format; --output replaces a file atomically',
  positionals: [],
  options: ['cache-name', 'output'],
  fields: [],
  example: 'millpond export prometheus --output /var/lib/node_exporter/millpond.prom',
  scope: 'metrics:read',
  async run(context) {
    return prometheus(context, await context.client())
  },
}

export async function prometheus({ given, out }: Context, client: Client): Promise<ExitName> {
  const words = await client.text('metrics/prometheus/', { query: { cache_name: given.text('cache-name') } })
  const path = given.text('output')
  if (path === undefined) await out.raw(words)
  else {
    await putInPlace('output', path, words)
    out.note(text`written to ${path}`)
  }
  return 'done'
}

/** A reader sees the previous file or the new one, never a part. */
export async function putInPlace(option: OptionName, path: string, words: string): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`
  try {
    await writeFile(draft, words, { flag: 'wx' })
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw wrongUse(`--${option} ${path} cannot be written (${codeOf(error)}): choose another file`)
  }
}
