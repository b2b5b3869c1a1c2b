// A process that works on a cache file until it is done or killed. Arguments: folder of the compiled library, path,
// task, name, count. Each acknowledged step is one line on standard output, written before anything else happens.
import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [folder = '', path = '', task = '', name = '', count = '0'] = process.argv.slice(2)
const { sqlite } = await import(pathToFileURL(`${folder}/src/tiers/sqlite/index.js`).href)
const tier = sqlite({ path, deadline: 20_000 })
const say = (/** @type {object} */ line) => writeSync(1, `${JSON.stringify(line)}\n`)

/** Advances that drop or replace rows of a few keys, for ever. */
async function churn() {
  for (let step = 0; ; step++) {
    const key = `k${step % 7}`
    const drops = step % 3 === 0
    const body = new TextEncoder().encode(`${name} ${step} ${'x'.repeat((step * 37) % 3000)}`)
    const { position } = await tier.ledger.advance('ns', {
      targets: [{ kind: 'key', key }],
      mode: 'delete',
      reason: 'manual',
      id: `${name}-${step}`,
      drop: [key],
      write: drops ? [] : [{ key, body, expiresAt: Number.POSITIVE_INFINITY }],
    })
    say({ key, seq: position.seq, drops })
  }
}

async function number() {
  for (let step = 0; step < Number(count); step++) {
    const change = {
      targets: [{ kind: 'tag', tag: `${name}-${step}` }],
      mode: 'delete',
      reason: 'manual',
      id: `${name}-${step}`,
      drop: [],
      write: [],
    }
    say({ seq: (await tier.ledger.advance('ns', change)).position.seq })
  }
  await tier.close()
}

await (task === 'churn' ? churn() : number())
