// The list of actions against the pages: nothing is sent that is not on it, nothing is on it that is not sent, and its
// suites touch no mouse.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ACTIONS } from './actions.ts'

const SOURCE = fileURLToPath(new URL('../src', import.meta.url))
/** Questions that a server takes as a POST. */
const QUESTIONS = new Set(['api/batch.ts', 'api/quiet.ts', 'api/insight.ts', 'live/follow.ts'])
/** `client.send<Run>('POST', …` and the like, up to the end of the path; a path that is not written there is any. */
const CALL = /client\s*\.\s*(?:send|raw)(?:<[^(]*>)?\(\s*'(\w+)',\s*(?:'([^']*)'|`((?:[^`$]|\$\{[^}]*\})*)`)?/g
/** Reading what is put on record when it is asked for by a button. */
const READ = /mutationFn: \(\) => client\.get<\w+>\((?:\.\.\.ofKey\(name, about, '(\w+\/)'\)|'([^']*)')/g

const sentIn = (text: string): readonly RegExp[] => [
  ...[...text.matchAll(CALL)].map(([, method, plain, template]) => {
    const path = plain ?? template?.replace(/\$\{[^}]*\}/g, '*') ?? '**'
    return new RegExp(`^${method} ${path.replace(/\*+/g, (stars) => (stars === '*' ? '[^/]+' : '.+'))}$`)
  }),
  ...[...text.matchAll(READ)].map(
    ([, ofKey, plain]) => new RegExp(`^GET ${ofKey === undefined ? plain : `keys/[^/]+/${ofKey}`}$`),
  ),
]

it('is what the pages send, each of them', () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.tsx?$/.test(name) && !QUESTIONS.has(name),
  )
  const odd: string[] = []
  for (const file of new Set([...files, ...Object.keys(ACTIONS)])) {
    const text = readFileSync(join(SOURCE, file), 'utf8')
    const [sent, listed] = [sentIn(text), Object.keys(ACTIONS[file] ?? {})]
    // Whatever is written otherwise than it is looked for here.
    const calls = text.match(/client\s*\.\s*(?:send|raw)\b|mutationFn: \(\) => client\.get/g)?.length ?? 0
    if (calls !== sent.length) odd.push(`${file}: ${calls} calls, ${sent.length} understood`)
    odd.push(
      ...sent
        .filter((call) => !listed.some((action) => call.test(action)))
        .map((call) => `${file} sends ${call}, which is not listed`),
    )
    odd.push(
      ...listed
        .filter((action) => !sent.some((call) => call.test(action)))
        .map((action) => `${file} does not send ${action}`),
    )
  }
  expect(odd).toEqual([])
})

it('is carried out by suites that touch no mouse', () => {
  const suites = new Set(Object.values(ACTIONS).flatMap((of) => Object.values(of)))
  const touched = [...suites].flatMap((suite) =>
    readFileSync(new URL(`${suite}.test.ts`, import.meta.url), 'utf8')
      .split('\n')
      // A press beside a dialog carries nothing out.
      .filter(
        (line) =>
          /\.(click|dblclick|tap|check|uncheck|selectOption|dispatchEvent)\(/.test(line) &&
          !line.includes('mouse.click(2, 2)'),
      )
      .map((line) => `${suite}: ${line.trim()}`),
  )
  expect(touched).toEqual([])
})
