// `npm run reference`: the reference of everything public, made from the types, into docs/reference. `--check` writes nothing and fails on what has no words.
// @ts-check
import { spawnSync } from 'node:child_process'
import { checkNode, install, root, run, tool } from './prepare.mjs'

const USAGE = `npm run reference -- [--check]

  Makes the reference of everything public from the types, into docs/reference.
  --check   writes nothing, and fails on what has no words`
const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(USAGE)
  process.exit(0)
}
const isCheck = args.includes('--check')
const odd = args.find((arg) => arg !== '--check')
if (odd !== undefined) {
  console.error(`reference: ${JSON.stringify(odd)} is not an option\n\n${USAGE}`)
  process.exit(2)
}
checkNode()
if (!install()) process.exit(1)
if (!isCheck) process.exit(run(process.execPath, [tool('typedoc'), '--logLevel', 'Error']) ? 0 : 1)

const { stdout, stderr } = spawnSync(process.execPath, [tool('typedoc'), '--emit', 'none', '--logLevel', 'Warn'], {
  cwd: root,
  encoding: 'utf8',
  env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
})
const said = `${stdout}${stderr}`
const errors = said.split('\n').filter((line) => line.startsWith('[error]'))
/** Classes, functions and constants of every door; at the front door types, too. Members say what they are in their type, where they say no more. */
const faults = [...said.matchAll(/\] (\S+)\.(\w+) \((\w+)\), defined in (\S+), does not have any documentation/g)]
  .map(([, door = '', name = '', kind = '', file = '']) => ({ door, name, kind, file }))
  .filter(({ door }) => !door.includes('.'))
  .filter(
    ({ door, kind }) => kind === 'Class' || kind === 'CallSignature' || kind === 'Variable' || (door === 'index' && kind !== 'Property'),
  )
for (const line of errors) console.error(`reference: ${line}`)
for (const { door, name, kind, file } of faults) console.error(`reference: ${door}.${name} (${kind}, ${file}) has no words: say what it is`)
console.log(`reference: ${faults.length + errors.length} faults`)
process.exitCode = faults.length + errors.length > 0 ? 1 : 0
