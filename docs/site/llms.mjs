// The guide for readers that are programs: `llms.txt` names each page with its first paragraph (https://llmstxt.org),
// `llms-full.txt` holds all of them.
// @ts-check

/** @typedef {{ name: string, text: string }} Page of the guide: `redis.md` and its Markdown */

/**
 * @param {string} readme which names the pages in the order of the guide
 * @param {readonly Page[]} pages
 */
export function llmsTexts(readme, pages) {
  const order = [...readme.slice(readme.indexOf('\n## Guide\n')).matchAll(/docs\/guide\/([\w-]+\.md)/g)].map(
    ([, name]) => name,
  )
  const place = (/** @type {Page} */ { name }) => (order.indexOf(name) + order.length + 1) % (order.length + 1)
  const sorted = [...pages].sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name))
  const head = `# Millpond\n\n> ${plain(/^A multi-tier cache[\s\S]*?(?=\n\n)/m.exec(readme)?.[0] ?? '')}\n`
  const lines = sorted.map((page) => `- [${titleOf(page)}](guide/${page.name}): ${sentence(leadOf(page))}`)
  return {
    short: `${head}\n## Guide\n\n${lines.join('\n')}\n\n## Optional\n\n- [All of it in one file](llms-full.txt)\n`,
    full: [head, ...sorted.map(({ text }) => text)].join('\n\n'),
  }
}

/** @param {Page} page */
const titleOf = ({ name, text }) => /^# (.+)$/m.exec(text)?.[1] ?? name

/** The first paragraph: what the page is for. @param {Page} page */
function leadOf({ name, text }) {
  const [, first] = /^# .+\n\n(?!```|\||- |#)([\s\S]*?)(?=\n\n|\n```)/.exec(text) ?? []
  if (first === undefined)
    throw new Error(`docs/guide/${name} does not begin with a title and a paragraph that says what it is for: add one`)
  return plain(first)
}

const sentence = (/** @type {string} */ words) => words.slice(0, 1).toUpperCase() + words.slice(1)

/** One line, without emphasis and links. @param {string} words */
const plain = (words) =>
  words
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('**', '')
    .replace(/\s+/g, ' ')
    .replace(/:$/, '')
    .trim()
