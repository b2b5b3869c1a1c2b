// One process in a node channel: `process.mjs <compiled folder> <tier as JSON> <channel> <id>`. Tells what happens as
// lines of JSON; a line on its input ends it.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [, , folder = '', place = '{}', channel = '', id = ''] = process.argv
const from = (/** @type {string} */ file) => import(pathToFileURL(join(folder, file)).href)
const { createNodes } = await from('src/nodes/index.js')
/** @type {{ kind: string, options: object }} */
const { kind, options } = JSON.parse(place)
const tier = (await from(`src/tiers/${kind}/index.js`))[kind](options)
const tell = (/** @type {object} */ line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const nodes = createNodes({
  store: tier.nodes,
  channel,
  id,
  every: 100,
  lateAfter: 600,
  forgetAfter: 3000,
  onWarning: (/** @type {{ kind: string, message: string }} */ warning) => tell({ warning: warning.kind }),
})
let handled = 0
nodes.report('pid', () => ({ pid: process.pid, handled, limit: Number.POSITIVE_INFINITY }))
nodes.answer('echo', (/** @type {unknown} */ body) => {
  handled++
  return { pid: process.pid, body }
})
nodes.answer('fail', () => {
  throw new Error('not today')
})
nodes.answer('hang', () => new Promise(() => undefined))
nodes.onSettings('shop', (/** @type {unknown} */ document) => {
  tell({ settings: document ?? null })
  if (document === 'bad') throw new Error('no such setting')
})
await nodes.join()
tell({ joined: nodes.id, boot: nodes.boot })
process.stdin.once('data', async () => {
  await nodes.close()
  await tier.close()
  tell({ closed: true })
  process.exit(0)
})
