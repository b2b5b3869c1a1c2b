// The pages of the site as VitePress reads them: the repository's own with links to each other there, and those made
// from the code.
// @ts-check
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { llmsTexts } from './llms.mjs'
import { forSite, placeOf } from './paths.mjs'
import { writeReference } from './reference.mjs'
import { TABLES } from './sidebar.mjs'
import { tables } from './tables.mjs'
import { Uses } from './uses.mjs'

/** @param {string} root @param {string} folder that VitePress reads */
export async function stage(root, folder) {
  rmSync(folder, { recursive: true, force: true })
  const read = (/** @type {string} */ path) => readFileSync(join(root, path), 'utf8')
  const write = (/** @type {string} */ path, /** @type {string} */ text) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const guide = readdirSync(join(root, 'docs/guide'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => ({ name, text: read(`docs/guide/${name}`) }))
  const uses = new Uses(guide)
  const { names, modules } = await writeReference(root, join(folder, 'reference', 'api'), (name, module) =>
    uses.pagesOf(name, module),
  )
  for (const [name, text] of Object.entries(await tables(root, names, (word) => uses.pagesWith(word))))
    write(`reference/${name}.md`, text)
  write('reference/index.md', overview(modules, names))
  const image = (/** @type {string} */ path) => {
    const to = `public/pictures/${path.replaceAll('/', '-')}`
    mkdirSync(join(folder, 'public', 'pictures'), { recursive: true })
    copyFileSync(join(root, path), join(folder, to))
    return to.slice('public'.length)
  }
  for (const path of pagesOf(root)) {
    const text = path === 'docs/guide/questions.md' ? asHeadings(read(path)) : read(path)
    const used = names
      .filter(({ guide }) => guide.includes(path.slice('docs'.length)))
      .sort((a, b) => a.name.localeCompare(b.name))
    write(placeOf(path) ?? '', forSite(path, `${text}${filesOf(root, path)}`, image) + inReference(used))
  }
  write('index.md', home())
  write('public/logo.svg', read('packages/dashboard/src/app/icon.svg'))
  copyTexts(read('README.md'), guide, (path, text) => write(`public/${path}`, text))
  return { names, modules, guide: guide.map(({ name }) => name) }
}

/** @param {string} root */
function pagesOf(root) {
  const inFolder = (/** @type {string} */ folder) =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((one) =>
      one.isFile() && one.name.endsWith('.md') ? [`${folder}/${one.name}`] : [],
    )
  const readmes = ['packages', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .map((one) => `${folder}/${one}/README.md`)
      .filter((path) => existsSync(join(root, path))),
  )
  const own = [
    'ARCHITECTURE.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'README.md',
    'SECURITY.md',
    'docs/benchmarks.md',
    'docs/ids.md',
  ]
  return [...own, ...inFolder('docs/guide'), ...inFolder('docs/decisions'), 'examples/README.md', ...readmes]
}

/** A question a heading: the search finds headings. @param {string} questions a table of them @returns {string} */
const asHeadings = (questions) =>
  questions.replace(/^\| [^\n]*\| \|\n\| --- \| --- \|\n/gm, '').replace(/^\| (.+\?) \| (.+) \|$/gm, '## $1\n\n$2\n')

/** An example's page shows its code. @param {string} root @param {string} path */
function filesOf(root, path) {
  const [, folder] = /^(examples\/[\w-]+)\/README\.md$/.exec(path) ?? []
  if (folder === undefined) return ''
  return readdirSync(join(root, folder))
    .filter((name) => /\.(mjs|ts|js|prisma)$/.test(name))
    .map(
      (name) =>
        `\n\n## ${name}\n\n\`\`\`${name.endsWith('.ts') ? 'ts' : 'js'}\n${readFileSync(join(root, folder, name), 'utf8').trimEnd()}\n\`\`\``,
    )
    .join('')
}

/** Where the reference tells of what a page of the guide uses. @param {readonly import('./uses.mjs').Name[]} names */
function inReference(names) {
  if (names.length === 0) return ''
  const links = names.map(({ name, page }) => `[\`${name}\`](/reference/api/${page})`)
  return `\n\n## In the reference\n\n${links.join(', ')}\n`
}

/** @param {readonly string[]} modules @param {readonly import('./uses.mjs').Name[]} names */
function overview(modules, names) {
  const lists = TABLES.map(([file, text]) => `- [${text}](./${file}.md)`)
  const rows = modules.map((module) => {
    const own = names.filter((name) => name.module === module && ['Function', 'Class', 'Variable'].includes(name.kind))
    return `| [\`${module}\`](./api/${module}/index.md) | ${own.map(({ name, page }) => `[\`${name}\`](./api/${page})`).join(', ')} |`
  })
  return `# Reference\n\nGenerated from the code.\n\n${lists.join('\n')}\n\n## What can be imported\n\n| | |\n| --- | --- |\n${rows.join('\n')}\n`
}

/**
 * The guide's Markdown beside the pages, and what names it.
 * @param {string} readme
 * @param {readonly { name: string, text: string }[]} guide
 * @param {(path: string, text: string) => void} write
 */
function copyTexts(readme, guide, write) {
  const { short, full } = llmsTexts(readme, guide)
  for (const { name, text } of guide) write(`guide/${name}`, text)
  write('llms.txt', short)
  write('llms-full.txt', full)
}

/** Of VitePress's own layout: what it is, and the ways in. */
const home = () => `---
layout: home
title: Millpond
hero:
  name: Millpond
  text: A multi-tier cache for Node services
  tagline: Memory, then SQLite, Redis, Memcached or PostgreSQL, then your database. Nothing stale after an invalidation, one load per key no matter how many callers ask, and a reason for every miss.
  actions:
    - { theme: brand, text: Getting started, link: /guide/getting-started }
    - { theme: alt, text: Questions, link: /guide/questions }
    - { theme: alt, text: Options, link: /reference/options }
features:
  - { title: From one process to many, details: 'What each step gains, in figures: memory, tags, Redis.', link: /guide/growing }
  - { title: Guarantees, details: 'Each guarantee with the tests that prove it.', link: /guide/guarantees }
  - { title: Drop-in adapters, details: 'Nest, Next, Astro, Keyv, cache-manager, ORMs; and how to move from another cache.', link: /guide/drop-ins }
  - { title: Troubleshooting, details: 'Hit rate, memory, slow responses, connections, old values.', link: /guide/troubleshooting }
  - { title: Reference, details: 'Every option, method, event, error, metric, variable, command and route.', link: /reference/ }
  - { title: Benchmarks, details: 'Beside other caches, in the same run.', link: /benchmarks }
---
`
