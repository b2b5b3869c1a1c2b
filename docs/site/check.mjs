// What has to hold of the site as it was built: no link leads nowhere, every page of the guide and every public name is
// there, and strangers find what they ask for.
// @ts-check
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import MiniSearch from 'minisearch'
import { publicNames } from '../../scripts/api.mjs'
import { QUESTIONS } from './questions.mjs'
import { boostDocument } from './search.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const dist = join(here, 'dist')

/** @typedef {{ links: readonly string[], ids: ReadonlySet<string> }} Page */

/** @returns {Map<string, Page>} by path in the site */
function pagesOf() {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'))
  return new Map(
    files.map((file) => {
      const html = readFileSync(join(dist, file), 'utf8')
      const links = [...html.matchAll(/<a\b[^>]*?\bhref="([^"]*)"/g)].map(([, href = '']) =>
        href.replaceAll('&amp;', '&'),
      )
      const pictures = [...html.matchAll(/<img\b[^>]*?\bsrc="([^"]*)"/g)].map(([, src = '']) => src)
      const ids = new Set([...html.matchAll(/\bid="([^"]*)"/g)].map(([, id = '']) => id))
      return [`/${file.replaceAll('\\', '/')}`, { links: [...links, ...pictures], ids }]
    }),
  )
}

/** @param {string} from @param {string} href @returns {[path: string, anchor: string] | undefined} within the site */
function targetOf(from, href) {
  if (/^[a-z]+:/.test(href)) return undefined
  const [to = '', anchor = ''] = href.split('#')
  const path =
    to === '' ? from : posix.normalize(posix.join(to.startsWith('/') ? '' : posix.dirname(from), decodeURI(to)))
  const file = path.endsWith('/') ? `${path}index.html` : path
  return [posix.extname(file) === '' ? `${file}.html` : file, decodeURIComponent(anchor)]
}

/** @param {ReadonlyMap<string, Page>} pages */
function deadLinks(pages) {
  const dead = new Set()
  for (const [from, { links }] of pages)
    for (const href of links) {
      const target = targetOf(from, href)
      if (target === undefined) continue
      const page = pages.get(target[0])
      if (page === undefined ? !isFile(target[0]) : target[1] !== '' && !page.ids.has(target[1]))
        dead.add(`${from} links to ${href}`)
    }
  return [...dead]
}

/** @param {string} path */
const isFile = (path) => existsSync(join(dist, path)) && statSync(join(dist, path)).isFile()

/**
 * @param {ReadonlyMap<string, Page>} pages
 * @param {{ guide: readonly string[], names: readonly { name: string, page: string }[] }} made
 */
function missing(pages, made) {
  const has = (/** @type {string} */ page) => pages.has(`/${page.replace(/\.md$/, '.html')}`)
  const named = new Set(made.names.map(({ name }) => name))
  const front = [...(pages.get('/guide/getting-started.html')?.links ?? [])].map(
    (href) => targetOf('/guide/getting-started.html', href)?.[0],
  )
  return [
    ...made.guide.filter((page) => !has(`guide/${page}`)).map((page) => `docs/guide/${page} is not in the site`),
    ...made.guide
      .filter((page) => !front.includes(`/guide/${page.replace(/\.md$/, '.html')}`))
      .map((page) => `docs/guide/${page} is not in the sidebar`),
    ...made.names.filter(({ page }) => !has(`reference/api/${page}`)).map(({ name }) => `${name} has no page`),
    ...publicNames()
      .filter((name) => !named.has(name))
      .map((name) => `${name} can be imported and is not in the reference`),
  ]
}

/**
 * How many clicks from the front page, with a section of a page as a target of its own.
 * @param {ReadonlyMap<string, Page>} pages
 */
function withinTwoClicks(pages) {
  const reached = new Set()
  let current = ['/index.html']
  for (const _click of [1, 2])
    current = current.flatMap((from) =>
      (pages.get(from)?.links ?? []).flatMap((href) => {
        const target = targetOf(from, href)
        if (target === undefined || reached.has(target.join('#'))) return []
        reached.add(target.join('#'))
        return pages.has(target[0]) ? [target[0]] : []
      }),
    )
  return reached
}

/** The index that the site itself searches. */
async function searchIndex() {
  const folder = join(dist, 'assets/chunks')
  const [file = ''] = readdirSync(folder).filter((name) => name.startsWith('@localSearchIndex'))
  const { default: json } = await import(pathToFileURL(join(folder, file)).href)
  // As VitePress makes it.
  return MiniSearch.loadJSON(json, {
    fields: ['title', 'titles', 'text'],
    storeFields: ['title', 'titles'],
    searchOptions: { fuzzy: 0.2, prefix: true, boost: { title: 4, text: 2, titles: 1 }, boostDocument },
  })
}

const FIRST_RESULTS = 6

/**
 * @param {ReadonlySet<string>} reached
 * @param {readonly { name: string, page: string, members: readonly { name: string, at: string }[] }[]} names
 */
async function unanswered(reached, names) {
  const index = await searchIndex()
  return QUESTIONS.flatMap(({ words, page, option }) => {
    const found = index
      .search(words)
      .slice(0, FIRST_RESULTS)
      .map(({ id }) =>
        String(id)
          .split('#')[0]
          ?.replace(/\.html$/, ''),
      )
    const lost = found.includes(`/${page}`)
      ? []
      : [`"${words}" does not find ${page}: ${[...new Set(found)].join(', ')}`]
    if (option === undefined) return lost
    const [type, member] = option.split('.')
    const at = names
      .filter(({ name }) => name === type)
      .flatMap(({ members }) => members.filter(({ name }) => name === member).map(({ at }) => at))
    const isNear = at.some((one) => reached.has(`/reference/api/${one.replace('.md', '.html')}`))
    return isNear
      ? lost
      : [...lost, `${option} is further than two clicks away${at.length === 0 ? ': there is none of this name' : ''}`]
  })
}

export async function check() {
  const pages = pagesOf()
  const made = JSON.parse(readFileSync(join(dist, 'made.json'), 'utf8'))
  const reached = withinTwoClicks(pages)
  const far = made.names
    .filter((/** @type {any} */ { name }) => name.endsWith('Options'))
    .flatMap((/** @type {any} */ one) => one.members)
    .filter((/** @type {any} */ { at }) => !reached.has(`/reference/api/${at.replace('.md', '.html')}`))
    .map((/** @type {any} */ { at }) => `the option at ${at} is further than two clicks away`)
  const faults = [...deadLinks(pages), ...missing(pages, made), ...far, ...(await unanswered(reached, made.names))]
  const links = [...pages.values()].reduce((sum, { links: own }) => sum + own.length, 0)
  return {
    faults,
    said: `${pages.size} pages, ${links} links, ${made.guide.length} of the guide, ${made.names.length} names, ${QUESTIONS.length} questions`,
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { faults, said } = await check()
  for (const fault of faults) console.error(`docs: ${fault}`)
  console.log(`docs: ${said}: ${faults.length === 0 ? 'all is there' : `${faults.length} faults`}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}
