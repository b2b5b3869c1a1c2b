// Nothing here needs an address, neither the project's nor another host's: the site is whole wherever it is served.
// @ts-check
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { slugOf } from '../paths.mjs'
import { boostDocument } from '../search.mjs'
import { TABLES, TASKS } from '../sidebar.mjs'

const pages = fileURLToPath(new URL('../pages/', import.meta.url))
/** @param {string} path */
const titleOf = (path) => /^# (.+)$/m.exec(readFileSync(`${pages}${path}.md`, 'utf8'))?.[1]?.replaceAll('`', '') ?? path

const guide = TASKS.map(({ text, pages: names }) => ({
  text,
  collapsed: false,
  items: names.map((name) => ({ text: titleOf(`guide/${name}`), link: `/guide/${name}` })),
}))
const reference = [
  {
    text: 'Reference',
    items: [
      { text: 'What can be imported', link: '/reference/' },
      ...TABLES.map(([name, text]) => ({ text, link: `/reference/${name}` })),
    ],
  },
]
const project = [
  {
    text: 'The project',
    items: [
      { text: 'Architecture', link: '/architecture' },
      { text: 'Decisions', link: '/decisions/' },
      { text: 'Benchmarks', link: '/benchmarks' },
      { text: 'Changes', link: '/changelog' },
      { text: 'Contributing', link: '/contributing' },
      { text: 'Security', link: '/security' },
      { text: 'Ids of guarantees and tests', link: '/ids' },
    ],
  },
]

export default defineConfig({
  title: 'Millpond',
  description: 'A multi-tier cache for Node services',
  lang: 'en',
  srcDir: 'pages',
  srcExclude: ['public/**'],
  outDir: 'dist',
  cacheDir: '../../.cache/docs',
  // Else every page has the list of all of them in it.
  metaChunk: true,
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: '/logo.svg' }]],
  // Text that looks like a tag is text: the guide is written for a code host, too.
  markdown: { html: false, linkify: false, anchor: { slugify: slugOf } },
  vite: { build: { chunkSizeWarningLimit: 20_000 } },
  themeConfig: {
    logo: '/logo.svg',
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/guide/getting-started', activeMatch: '^/guide/' },
      { text: 'Questions', link: '/guide/questions' },
      { text: 'Options', link: '/reference/options' },
      { text: 'Reference', link: '/reference/', activeMatch: '^/reference/' },
      { text: 'Examples', link: '/examples/' },
      { text: 'Project', items: project[0]?.items ?? [] },
    ],
    sidebar: { '/guide/': guide, '/examples/': guide, '/packages/': guide, '/reference/': reference, '/': project },
    search: {
      provider: 'local',
      options: {
        _render(src, env, md) {
          // "Returns" and the like would be found once for each method.
          const text = env.relativePath.startsWith('reference/api/') ? src.replace(/^#{4,} .*$/gm, '') : src
          return md.render(text, env)
        },
        miniSearch: {
          searchOptions: {
            boostDocument,
          },
        },
      },
    },
  },
})
