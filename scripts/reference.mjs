// `npm run reference`: the guide and the reference of everything public, made from the types, as pages that can be searched, into docs/reference; and llms.txt.
// @ts-check
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { llmsTexts } from './llms.mjs'
import { checkNode, install, root, run, tool } from './prepare.mjs'

const USAGE = `npm run reference

  Makes a site of the guide and of the reference of everything public, into docs/reference, with llms.txt.`
const [odd] = process.argv.slice(2)
if (odd === '--help' || odd === '-h') {
  console.log(USAGE)
  process.exit(0)
}
if (odd !== undefined) {
  console.error(`reference: ${JSON.stringify(odd)} is not an option\n\n${USAGE}`)
  process.exit(2)
}
checkNode()
if (!install()) process.exit(1)
const guide = ['--readme', 'README.md', '--projectDocuments', 'docs/guide/*.md', '--searchInDocuments', '--searchInComments']
if (!run(process.execPath, [tool('typedoc'), '--logLevel', 'Error', ...guide])) process.exit(1)
writeTexts(join(root, 'docs', 'reference'))

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
