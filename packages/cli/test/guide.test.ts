// The guide, as somebody follows it: every command that it shows is one, and its five steps lead from a fallen hit rate
// to cause and remedy.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ran } from '../../millpond/test/services/index.ts'
import { completion, SHELLS } from '../src/arguments/completion.ts'
import { parse } from '../src/arguments/parse.ts'
import { COMMANDS } from '../src/commands/index.ts'
import { BIN, type Desk, openDesk } from './desk.ts'

const LIBRARY_BIN = fileURLToPath(new URL('../../millpond/bin/millpond.mjs', import.meta.url))
const guide = readFileSync(new URL('../../../docs/guide/command-line.md', import.meta.url), 'utf8')
const HANDED = ['serve', 'proxy']

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(() => desk.close())

const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare ?? '')
const commandLines = (text: string): string[] =>
  [...text.matchAll(/^millpond (.*)$/gm)].map(([, rest = '']) => rest.replace(/\s(#|\||>|\d>).*$/, '').trim())

it('shows only existing commands and options', () => {
  const inText = [...guide.matchAll(/`millpond ([^`]+)`/g)].map(([, rest = '']) => rest)
  for (const line of [...commandLines(guide), ...inText]) {
    const args = words(line).filter((word) => word !== '...')
    if (HANDED.includes(args[0] ?? '')) continue
    expect(() => parse(args), line).not.toThrow()
  }
  const rows = [...guide.matchAll(/^\| `([a-z-]+(?: [a-z]+)?)[^`]*` \(([^)]*)\)/gm)]
  expect(rows.length).toBeGreaterThan(15)
  for (const [, row = '', inBrackets = ''] of rows) {
    const command = COMMANDS.find(({ name }) => name === row)
    for (const [, option = ''] of inBrackets.matchAll(/--([a-z-]+)/g))
      expect(command?.options, `${row} --${option}`).toContain(option)
  }
  for (const { name, example } of COMMANDS) {
    expect(guide, name).toContain(name.split(' ').at(-1) ?? '')
    const [, ...rest] = words(example.replace(/ >.*$/, ''))
    expect(parse(rest).command?.name, example).toBe(name)
  }
})

it('leads from the drop in hit rate to cause and remedy', async () => {
  desk.shop.source('deal:', async (key) => ({ of: String(key) }))
  for (let at = 0; at < 10; at++) await desk.shop.set(`deal:${at}`, at, { tags: ['deals'] })
  for (let at = 0; at < 10; at++) await desk.shop.get(`deal:${at}`)
  await desk.run(['invalidate', '--tags', 'deals', '--yes', '--reason', 'price import', '--cache-name', 'shop'])
  for (let at = 0; at < 10; at++) await desk.shop.get(`deal:${at}`)
  // Figures are as of the last look, a second ago.
  await expect.poll(async () => (await desk.run(['status'])).out, { timeout: 20_000 }).toMatch(/invalidated_tag/)
  const steps = commandLines(guide.slice(guide.indexOf('five steps'), guide.indexOf('What each cause means')))
  expect(steps).toHaveLength(5)
  let operation = ''
  const said: string[] = []
  for (const step of steps) {
    const { code, out, err } = await desk.run(words(step).map((word) => (word === 'OPERATION' ? operation : word)))
    expect(code, `${step}: ${err}`).toBe(0)
    operation = /inv_\S+/.exec(out)?.[0] ?? operation
    said.push(out)
  }
  expect(said[0]).toMatch(/shop +health[\s\S]*invalidated_tag/)
  expect(said[1]).toMatch(/default .*invalidated_tag 10/)
  expect(said[2]).toMatch(/miss, because of invalidated_tag[^\n]*\n {2}by operator .*price import/)
  expect(said[3]).toMatch(/invalidate +completed +shop +operator .*price import/)
  expect(said[4]).toMatch(/10 loaded/)
  expect(await desk.shop.get('deal:3')).toEqual({ of: 'deal:3' })
})

it('is the same command, whichever package npm has linked', async () => {
  const said = async (bin: string, ...args: string[]): Promise<string> =>
    (await ran(process.execPath, [bin, ...args])).stdout
  for (const bin of [BIN, LIBRARY_BIN])
    expect(await said(bin, 'help', 'invalidate')).toMatch(/^invalidate by key, tag, pattern or model/)
  expect(await said(BIN, 'serve', '--help')).toContain('Usage: millpond serve')
  // What other packages do is in the list, in help and in completion, too.
  expect(await said(BIN, 'help', 'proxy')).toContain('millpond proxy --origin URL')
  expect(await said(BIN, 'help')).toMatch(
    /On this machine\n {2}serve +run a control plane[\s\S]*\n {2}proxy +run a caching/,
  )
  expect(await said(LIBRARY_BIN, 'proxy', '--help')).toContain('millpond proxy --origin URL')
})

it('completes commands, their options and values in bash, and names every command in each shell', async () => {
  const script = join(desk.folder, 'completion.bash')
  writeFileSync(script, completion('bash', COMMANDS))
  const complete = async (...line: string[]): Promise<string[]> => {
    const quoted = ['millpond', ...line].map((word) => `'${word}'`).join(' ')
    const program = `source '${script}'; COMP_WORDS=(${quoted}); COMP_CWORD=${line.length}; _millpond; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr } = await ran('bash', ['--norc', '-c', program], {
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    })
    expect(stderr).toBe('')
    return stdout.trim().split('\n')
  }
  expect(await complete('inv')).toEqual(['invalidate'])
  expect(await complete('ser')).toEqual(['serve'])
  expect(await complete('config', 'ro')).toEqual(['rollback'])
  expect(await complete('config', '')).toEqual(['list', 'get', 'diff', 'validate', 'apply', 'rollback'])
  expect((await complete('invalidate', '--mo')).sort()).toEqual(['--mode', '--model'])
  expect(await complete('invalidate', '--mode', '')).toEqual(['soft', 'hard'])
  expect(await complete('top', '--by', 'm')).toEqual(['misses'])
  expect(await complete('--json', 'stat')).toEqual(['status'])
  expect(await complete('config', 'get', '--hi')).toEqual(['--history'])
  for (const shell of SHELLS)
    for (const { name } of [...COMMANDS, ...HANDED.map((name) => ({ name }))])
      expect(completion(shell, COMMANDS), `${shell} ${name}`).toContain(name.split(' ').at(-1))
})
