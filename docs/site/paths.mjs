// Where the repository's pages stand in the site, and their links rewritten to it: on a code host they are read as they
// are.
// @ts-check
import { posix } from 'node:path'

/** Pages outside docs/guide and docs/decisions. */
const PLACES = {
  'docs/benchmarks.md': 'benchmarks.md',
  'docs/ids.md': 'ids.md',
  'ARCHITECTURE.md': 'architecture.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security.md',
  'README.md': 'readme.md',
}

/** @param {string} path in the repository @returns {string | undefined} of the page in the site */
export function placeOf(path) {
  const known = Reflect.get(PLACES, path)
  if (known !== undefined) return known
  const page = /^docs\/(guide|decisions)\/(.+)\.md$/.exec(path)
  if (page) return `${page[1]}/${page[2] === 'README' ? 'index' : page[2]}.md`
  const example = /^examples(?:\/([\w-]+))?(?:\/(?:README\.md)?)?$/.exec(path)
  if (example) return example[1] === undefined ? 'examples/index.md' : `examples/${example[1]}.md`
  const readme = /^packages\/([\w-]+)\/README\.md$/.exec(path)
  return readme ? `packages/${readme[1]}.md` : undefined
}

/** By which a heading is reached, as code hosts make it. @param {string} heading */
export const slugOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')

/**
 * What is no code: a link in code stays as it stands.
 * @param {string} text
 * @param {(prose: string) => string} change
 */
export function inProse(text, change) {
  return text
    .split(/(^ *(`{3,})[^\n]*\n[\s\S]*?^ *\2 *$|`[^`\n]+`)/m)
    .map((piece, index) => (index % 3 === 0 ? change(piece) : index % 3 === 1 ? piece : ''))
    .join('')
}

const LINK = /(!?)\[((?:[^\][]|\[[^\]]*\])*)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)/g

/**
 * A page as the site has it. A link to what has no page there (a folder of code, a report) becomes its text: the
 * project has no address yet.
 * @param {string} path of the page in the repository @param {string} text @param {(image: string) => string} imageAt
 */
export function forSite(path, text, imageAt) {
  const own = placeOf(path) ?? posix.basename(path)
  // Code within the text of a link would cut it in two.
  const whole = text.replace(LINK, (_link, bang, words, to, anchor = '') => {
    const target = posix.normalize(posix.join(posix.dirname(path), to)).replace(/\/$/, '')
    if (bang) return `![${words}](${imageAt(target)})`
    const place = placeOf(target)
    if (place === undefined) return words
    const from = posix.dirname(own)
    const relative = posix.relative(from, place)
    return `[${words}](${relative.startsWith('.') ? relative : `./${relative}`}${anchor})`
  })
  // VitePress colours no PromQL.
  const fenced = whole.replace(/^(`{3,}\w+) run$/gm, '$1').replace(/^```promql$/gm, '```txt')
  return inProse(fenced, (prose) => prose.replace(/<!--[\s\S]*?-->/g, '').replaceAll('{{', '&#123;&#123;'))
}
