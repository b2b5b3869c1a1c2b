// A Grafana dashboard and Prometheus alert rules for version control: --check says whether a file is what this release
// generates.
import { readFile } from 'node:fs/promises'
import type { Command, Context } from '../command.ts'
import { codeOf } from '../connection/files.ts'
import { type ExitName, wrongUse } from '../failure.ts'
import { styled, text } from '../terminal/text.ts'
import { VERSION } from '../version.ts'
import { putInPlace } from './export.ts'

export const grafana: Command = {
  name: 'grafana',
  group: 'here',
  summary: 'generate a Grafana dashboard with every metric, without a server; with --check exit 3 if a file differs',
  positionals: [],
  options: ['output', 'check'],
  fields: [],
  example: 'millpond grafana --output dashboards/millpond.json',
  async run(context) {
    const { grafanaDashboard } = await import('@millpond/control/dashboards')
    return told(context, `${JSON.stringify(grafanaDashboard({ version: VERSION }), null, 2)}\n`)
  },
}

export const prometheusRules: Command = {
  name: 'prometheus-rules',
  group: 'decide',
  summary:
    "generate recording and alert rules for Prometheus with this server's thresholds; with --check exit 3 if a file differs",
  positionals: [],
  options: ['output', 'check'],
  fields: [],
  example: 'millpond prometheus-rules --output rules/millpond.yml',
  scope: 'metrics:read',
  async run(context) {
    return told(context, await (await context.client()).text('prometheus/rules.yml'))
  },
}

async function told({ given, out }: Context, words: string): Promise<ExitName> {
  const [path, held] = [given.text('output'), given.text('check')]
  if (path !== undefined && held !== undefined)
    throw wrongUse('--output writes a file, --check compares one: use only one of them')
  if (held !== undefined) {
    const found = await readFile(held, 'utf8').catch((error: unknown) => {
      throw wrongUse(`--check ${held} cannot be read (${codeOf(error)})`)
    })
    const isSame = found.replaceAll('\r\n', '\n') === words
    out.note(
      isSame ? text`${held} is up to date` : styled('red', text`${held} is out of date: rewrite it with --output`),
    )
    return isSame ? 'done' : 'unhealthy'
  }
  if (path === undefined) await out.raw(words)
  else {
    await putInPlace('output', path, words)
    out.note(text`written to ${path}`)
  }
  return 'done'
}
