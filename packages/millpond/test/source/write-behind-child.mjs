// Writes behind a journal (or a stream: then its URL) until it is killed, or asked to end. Arguments: folder of the
// compiled library, journal, the source's file, name, durability. Each acknowledged write is one line on standard
// output; the source is a file to which each write is one line.
import { appendFileSync, writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [folder = '', journal = '', source = '', name = '', durability = ''] = process.argv.slice(2)
const { createCache } = await import(pathToFileURL(`${folder}/src/index.js`).href)
const items = createCache().collection('item', {
  load: () => 0,
  store: async (/** @type {string} */ id, /** @type {number} */ value) => {
    if (Math.random() < 0.05) throw new Error('the source is not in the mood')
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
    appendFileSync(source, `${id} ${value}\n`)
  },
  write: 'write-behind',
  // It goes on writing while it drains, so that a drain takes all of its time.
  writeBehind: {
    durability,
    maxDelay: 20,
    drainTimeout: '2s',
    ...(durability === 'stream' ? { stream: { url: journal } } : durability !== 'memory' && { journal }),
  },
})
for (let value = 1; ; value++) {
  const id = `${name}:${value % 50}`
  const written = items.set(id, value).then(() => tell(`${id} ${value}\n`), refused)
  if (value % 10 === 0) await written
  if (value % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** A killed server refuses connections; that is not reported. @param {unknown} error */
function refused(error) {
  if (durability !== 'stream') throw error
}

/** At once, so that a kill takes nothing that was told; the pipe may be full for a moment. @param {string} line */
function tell(line) {
  for (;;) {
    try {
      return writeSync(1, line)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    }
  }
}
