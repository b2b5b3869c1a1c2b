// Runs a bundle as Jest runs a file: among globals of its own, with Node's modules from outside.
const { readFileSync } = require('node:fs')
const { compileFunction, createContext, runInContext } = require('node:vm')

const [, , bundle, port] = process.argv
const realm = createContext({})
const own = new Set(runInContext('Object.getOwnPropertyNames(globalThis)', realm))
// Jest hands on these two, so that a Buffer is bytes.
for (const name of ['Uint8Array', 'ArrayBuffer']) own.delete(name)
for (const name of Object.getOwnPropertyNames(globalThis)) if (!own.has(name)) realm[name] = globalThis[name]
const module_ = { exports: {} }
compileFunction(readFileSync(bundle, 'utf8'), ['module', 'exports', 'require'], { parsingContext: realm })(
  module_,
  module_.exports,
  require,
)
module_.exports.tell(Number(port)).then((lines) => console.log(JSON.stringify(lines)))
