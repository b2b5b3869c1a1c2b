// What the helps name is what there is: they are plain text, so that asking for one installs and builds nothing.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ran } from '../../packages/millpond/test/services/index.ts'
import { contenders } from '../src/consistency/contenders.ts'
import { STEPS } from '../src/growing/steps.ts'
import { ROWS } from '../src/rows.ts'

const START = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url))
const sourceOf = (name: string): string => readFileSync(new URL(`../src/${name}`, import.meta.url), 'utf8')
/** The names of a table whose program runs when it is imported. */
const namesOf = (name: string, table: string): string[] => {
  const body = new RegExp(`const ${table}[^{]*{([^}]*)}`).exec(sourceOf(name))?.[1] ?? ''
  const names = [...body.matchAll(/^ {2}'?([\w-]+)'?:/gm)].map(([, key = '']) => key)
  expect(names.length).toBeGreaterThan(5)
  return names
}
/** Without a shell, a package or a build: none of them may be asked for. */
const helpOf = async (program: string): Promise<string> => {
  const { stdout, status } = await ran(process.execPath, [START, program, '--help'], {
    env: { npm_execpath: '/nowhere.js' },
  })
  expect([program, status, /installing|building/.test(stdout)]).toEqual([program, 0, false])
  return stdout
}

test('every program of package.json says what it is without installing or building, and the names that it takes', async () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  const programs = Object.values(scripts).flatMap((line) => /^node scripts\/start\.mjs (\S+)/.exec(line)?.[1] ?? [])
  const helps = new Map<string, string>()
  for (const program of new Set(programs)) helps.set(program, await helpOf(program))
  expect(helps.size).toBeGreaterThan(10)
  expect(helps.get('bench')).toContain(ROWS.join(', '))
  expect(helps.get('bench-http')).toContain(namesOf('http.ts', 'KINDS').join(', '))
  expect(helps.get('consistency')).toContain(contenders.map(({ name }) => name).join(', '))
  expect(helps.get('consistency')).toContain(namesOf('consistency.ts', 'PARTS').join(', '))
})

test("the guide's story has a row for each step, as the program wrote it", () => {
  const page = readFileSync(new URL('../../docs/guide/growing.md', import.meta.url), 'utf8')
  const [, figures = ''] = /<!-- figures -->([\s\S]*)<!-- \/figures -->/.exec(page) ?? []
  const rows = [...figures.matchAll(/^\| (\S.*?) +\|(.*)\|$/gm)].filter(
    ([, , cells = '']) => /\d/.test(cells) && !/[a-z]/.test(cells),
  )
  expect(rows.map(([, name]) => name)).toEqual(STEPS.map(({ name }) => name))
  expect(figures).toMatch(/reads of each process, \d{4}-\d\d-\d\d, Node /)
})
