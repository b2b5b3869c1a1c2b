// Each line of the guide to the API that begins with curl, sent as it stands there: a reader who pastes it gets what
// the page says.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { twoCasts } from '../people.ts'
import { type Member, type Subject, startSubject } from '../service-under-test.ts'

const page = readFileSync(new URL('../../../../docs/guide/deals-api.md', import.meta.url), 'utf8')
/** What is between ```sh and ```, with lines that go on in the next one joined. */
const shell = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .map(([, code = '']) => code.replaceAll(/\\\n\s*/g, ''))
  .join('')
const lines = shell.split('\n').filter((line) => line.includes('curl '))

interface Call {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** What curl would send: its options are those of the page, and no others. */
function callOf(line: string, variables: Readonly<Record<string, string>>): Call {
  const command = /curl (.*?)(?:\s+\||\s+#|\)$|$)/.exec(line)?.[1] ?? ''
  const words = [...command.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replaceAll(
      /'([^']*)'|"([^"]*)"|\$(\w+)/g,
      (_, plain, quoted, name) => plain ?? named(quoted ?? `$${name}`, variables),
    ),
  )
  const call = { method: 'GET', path: '', headers: {} as Record<string, string>, body: undefined as string | undefined }
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-X') call.method = words.shift() ?? ''
    else if (word === '-d') call.body = words.shift()
    else if (word === '-H') {
      const [name = '', value = ''] = (words.shift() ?? '').split(/: (.*)/)
      call.headers[name] = value
    } else if (word.startsWith('/')) call.path = word
    else if (!['-i', '-s', '-si'].includes(word))
      throw new Error(`the guide gives curl ${word}, which this test does not know: ${line}`)
  }
  return call
}

const named = (text: string, variables: Readonly<Record<string, string>>): string =>
  text.replaceAll(/\$(\w+)/g, (all, name) => variables[name] ?? `${all} is set nowhere`)

describe('the guide to the API', () => {
  let subject: Subject
  const variables: Record<string, string> = { BASE: '' }

  beforeAll(async () => {
    subject = await startSubject()
    const [one] = await twoCasts(subject.service.database)
    const issue = (member: Member): string => subject.token(member)
    Object.assign(variables, {
      VIEWER: issue(one.viewer),
      MANAGER: issue(one.manager),
      ADMINISTRATOR: issue(one.administrator),
    })
  })
  afterAll(() => subject.stop())

  test('has lines for reading, for writing and for the cache', () => {
    expect(lines.length).toBeGreaterThan(20)
    expect(lines.filter((line) => line.includes('-X')).length).toBeGreaterThan(6)
  })

  // In the order of the page: a later one reads what an earlier one wrote.
  test.each(lines)('%s', async (line) => {
    const { method, path, headers, body } = callOf(line, variables)
    const answer = await fetch(subject.service.url + path, { method, headers, ...(body !== undefined && { body }) })
    const text = await answer.text()
    expect([200, 201, 202, 204], text).toContain(answer.status)
    const [, variable] = /^(\w+)=\$\(/.exec(line) ?? []
    if (variable !== undefined) {
      variables[variable] = answer.headers.get('cache-token') ?? ''
      expect(variables[variable]).not.toBe('')
    }
    const [, pattern, word] = /\| grep (?:-E '([^']+)'|([\w-]+))/.exec(line) ?? []
    const searched = pattern ?? word
    if (searched !== undefined) expect(text).toMatch(new RegExp(searched))
    else expect(line).not.toContain('| grep')
    if (/# 202\b/.test(line)) expect(answer.status).toBe(202)
  })
})
