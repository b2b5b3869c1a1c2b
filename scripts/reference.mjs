// `npm run reference`: the reference of everything public, made from the types, into docs/reference. `--check` writes nothing and fails on what has no words.
// @ts-check
import { spawnSync } from 'node:child_process'
import { checkNode, install, root, run, tool } from './prepare.mjs'

const args = process.argv.slice(2)
const isCheck = args.includes('--check')
if (args.some((arg) => arg !== '--check')) {
  console.error('reference: npm run reference -- [--check]')
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
