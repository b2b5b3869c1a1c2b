// Repeated jobs of caches: the next run, the last runs, and running one now.
import type { Command } from '../command.ts'
import { numberAt, rowsAt, textAt } from '../connection/read.ts'
import { styled, text } from '../terminal/text.ts'
import { clock, milliseconds } from '../terminal/units.ts'

export const jobsList: Command = {
  name: 'jobs list',
  group: 'look',
  summary: 'list repeated jobs of caches: the next run and the result of the last one',
  positionals: [],
  options: ['cache-name'],
  fields: ['data'],
  example: 'millpond jobs list',
  scope: 'metrics:read',
  async run({ given, out, client }) {
    const { body } = await (await client()).get('jobs/', { cache_name: given.text('cache-name') })
    const data = rowsAt(body, 'data')
    await out.answer('jobs', { data }, () => {
      if (data.length === 0) return out.line(text`no process runs a repeated job`)
      out.table(
        [
          { title: 'JOB' },
          { title: 'CACHE' },
          { title: 'STATE' },
          { title: 'NEXT' },
          { title: 'LAST', isNumber: true },
          { title: 'RESULT', gives: true },
        ],
        data.map((row) => {
          const [last] = rowsAt(row, 'runs')
          const error = textAt(row, 'error') || textAt(last, 'error')
          return [
            textAt(row, 'name'),
            textAt(row, 'cache_name'),
            textAt(row, 'state'),
            textAt(row, 'due_at') === '' ? '-' : clock(textAt(row, 'due_at')),
            milliseconds(numberAt(last, 'ms')),
            error !== '' ? styled('red', error) : last === undefined ? 'it has not run yet' : styled('green', 'ok'),
          ]
        }),
      )
    })
    return 'done'
  },
}

export const jobsRun: Command = {
  name: 'jobs run',
  group: 'act',
  summary: 'run a repeated job now, even outside its windows; its next run is counted from now',
  positionals: ['JOB'],
  options: ['cache-name'],
  fields: ['cache_name', 'name'],
  example: 'millpond jobs run cacheMaintenance',
  scope: 'warm',
  async run({ given, out, client }) {
    const [name = ''] = given.positionals
    const body = given.has('cache-name') ? { cache_name: given.text('cache-name') } : {}
    const { body: done } = await (await client()).post(`jobs/${encodeURIComponent(name)}/run/`, body)
    await out.answer('jobs.run', done, () =>
      out.line(text`${name} of ${textAt(done, 'cache_name')} is due now: "millpond jobs list" shows its progress`),
    )
    return 'done'
  },
}
