// Appends to a journal until it is killed. Arguments: folder of the compiled library, path of the journal, its own
// name, `sync` or `plain`. Each acknowledged append is one line on standard output: nanoseconds of the clock that all
// processes share, key and value.
import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [folder = '', path = '', name = '', level = ''] = process.argv.slice(2)
const { Journal } = await import(pathToFileURL(`${folder}/src/source/journal/journal.js`).href)
const say = (/** @type {string} */ line) => writeSync(1, `${process.hrtime.bigint()} ${line}\n`)
const journal = new Journal({ path, sync: level === 'sync', segmentBytes: 4096 })
for (const { key, number, body } of (await journal.recover()).records) {
  say(`${key} ${Buffer.from(body).toString().trim()}`)
  if (Math.random() < 0.5) {
    say(`${key} settled`)
    journal.settle(key, number)
  }
}
for (let step = 0; ; step++) {
  const key = `${name}:${step % 11}`
  const value = String(step)
  journal.append([{ key, body: Buffer.from(value.padEnd((step * 37) % 900)) }]).then(() => say(`${key} ${value}`))
  if (step % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
  if (step % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
}
