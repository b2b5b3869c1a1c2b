// A program with nothing to do but to wait for its queue, whose source fails first. Arguments: folder of the compiled
// library, journal.
import { pathToFileURL } from 'node:url'

const [folder = '', journal = ''] = process.argv.slice(2)
const { createCache } = await import(pathToFileURL(`${folder}/src/index.js`).href)
let calls = 0
const items = createCache().collection('item', {
  storeMany: async () => {
    if (++calls <= 2) throw new Error('not yet')
  },
  write: 'write-behind',
  writeBehind: { journal, maxDelay: 20 },
})
await items.set('a', 1)
await items.flush()
process.stdout.write(`stored at call ${calls}`)
