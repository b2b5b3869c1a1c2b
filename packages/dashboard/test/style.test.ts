// The style against the pages: no class without somebody who bears it.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const SOURCE = fileURLToPath(new URL('../src', import.meta.url))
const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .map((name) => join(SOURCE, name))
  .filter((name) => statSync(name).isFile())
const read = (ending: RegExp, dropped: RegExp): string =>
  files
    .filter((name) => ending.test(name))
    .map((name) => readFileSync(name, 'utf8').replace(dropped, ''))
    .join('\n')

it('has no class that no page bears', () => {
  const styles = read(/\.css$/, /\/\*[\s\S]*?\*\/|@import[^;]*;/g)
  const pages = read(/\.tsx?$/, /^\s*\/\/.*$/gm)
  const classes = [...new Set([...styles.matchAll(/\.([a-z][\w-]*)/gi)].map(([, name = '']) => name))]
  // As a word of a text, or by the text that it begins with: `src-${kind}`.
  const isBorne = (name: string): boolean =>
    new RegExp(`["'\`\\s]${name}(?=["'\`\\s$])`).test(pages) ||
    (name.includes('-') && pages.includes(`${name.replace(/[^-]+$/, '')}\${`))
  expect(classes.length).toBeGreaterThan(100)
  expect(classes.filter((name) => !isBorne(name))).toEqual([])
})

it('has the classes that are made of a word and its kind', () => {
  const styles = read(/\.css$/, /\/\*[\s\S]*?\*\//g)
  const made = [
    ...['critical', 'warning', 'proven', 'unknown'].map((tone) => `is-${tone}`),
    ...['memory', 'redis', 'far', 'origin'].map((kind) => `src-${kind}`),
    ...[1, 2, 3, 4].map((at) => `cause-${at}`),
  ]
  expect(made.filter((name) => !styles.includes(`.${name} `) && !styles.includes(`.${name},`))).toEqual([])
})
