// The guide for readers that are programs.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { llmsTexts } from '../../docs/site/llms.mjs'

const root = new URL('../../', import.meta.url)
const pages = readdirSync(new URL('docs/guide/', root))
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(new URL(`docs/guide/${name}`, root), 'utf8') }))
const readme = readFileSync(new URL('README.md', root), 'utf8')

it('names every page once, in the order of the README, with its answer in a line of plain text', () => {
  const { short, full } = llmsTexts(readme, pages)
  const rows = [...short.matchAll(/^- \[(.+)\]\(guide\/(.+\.md)\): (.+)$/gm)]
  expect(rows.map(([, , name]) => name).sort()).toEqual(pages.map(({ name }) => name).sort())
  expect(rows[0]?.[2]).toBe('getting-started.md')
  expect(short).toMatch(/^# Millpond\n\n> A multi-tier cache for Node services/)
  for (const [, , name = '', answer = ''] of rows) expect(answer, name).toMatch(/^(?!.*\]\(.*\.md).{20,}$/)
  for (const { name, text } of pages) expect(full.includes(text), name).toBe(true)
})

it('fails for a page that does not say what it answers', () => {
  expect(() => llmsTexts(readme, [{ name: 'new.md', text: '# New\n\n## Words\n' }])).toThrow(
    /docs\/guide\/new\.md does not begin/,
  )
})
