// Runs the examples of the pages, one after another: the next begins when nothing of the one before keeps the process
// alive any more. Of each it writes down how it ended and what it said on the error channel; one that ends the process
// leaves the rest to the next process.
import { appendFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [report, ...files] = process.argv.slice(2)
let said = ''
process.stderr.write = (text) => {
  said += text
  return true
}
// A failing assertion, which by itself only prints.
console.assert = (ok, ...rest) => {
  if (ok) return
  console.error('assertion failed', ...rest)
  process.exitCode = 1
}
const end = (file, code) => appendFileSync(report, `${JSON.stringify({ file, said, code })}\n`)

let current
// An example that waits for ever has an exit code by then.
const onExit = (code) => end(current, process.exitCode ?? code)
process.on('exit', onExit)
for (const file of files) {
  current = file
  said = ''
  const ended = new Promise((resolve) => process.once('beforeExit', resolve))
  await import(pathToFileURL(file).href)
  await ended
  end(file, process.exitCode ?? 0)
  process.exitCode = undefined
}
process.off('exit', onExit)
