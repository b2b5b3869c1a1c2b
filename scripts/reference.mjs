// `npm run reference`: the guide and the reference of everything public, made from the types, as pages that can be searched, into docs/reference; and llms.txt.
// `--check` writes nothing and fails on what has no words.
// @ts-check
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { llmsTexts } from './llms.mjs'
import { checkNode, install, root, run, tool } from './prepare.mjs'

const USAGE = `npm run reference -- [--check]

  Makes a site of the guide and of the reference of everything public, into docs/reference, with llms.txt.
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
if (!isCheck) {
  const guide = ['--readme', 'README.md', '--projectDocuments', 'docs/guide/*.md', '--searchInDocuments', '--searchInComments']
  if (!run(process.execPath, [tool('typedoc'), '--logLevel', 'Error', ...guide])) process.exit(1)
  writeTexts(join(root, 'docs', 'reference'))
  process.exit(0)
}

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

/** The guide's Markdown beside the pages, and what names it. @param {string} folder */
function writeTexts(folder) {
  const guide = join(root, 'docs', 'guide')
  const pages = readdirSync(guide)
    .filter((name) => name.endsWith('.md'))
    .map((name) => ({ name, text: readFileSync(join(guide, name), 'utf8') }))
  const { short, full } = llmsTexts(readFileSync(join(root, 'README.md'), 'utf8'), pages)
  mkdirSync(join(folder, 'guide'), { recursive: true })
  for (const { name, text } of pages) writeFileSync(join(folder, 'guide', name), text)
  writeFileSync(join(folder, 'llms.txt'), short)
  writeFileSync(join(folder, 'llms-full.txt'), full)
}
