// Which entries answer a URL of the service, if the URL alone determines it: answers that depend on the user are found
// by key.
import type { UrlEntry } from '@millpond/control'
import { PERIODS } from '../queries/window.ts'
import type { Question } from './layer.ts'
import { asked, asResponse } from './strategic.ts'

export function entriesOfUrl({ pathname, searchParams }: URL): readonly UrlEntry[] {
  const [, text, what] =
    /^\/api\/cached\/organizations\/([1-9]\d{0,14})\/(info|roles|statistics)\/?$/.exec(pathname) ?? []
  if (text === undefined) return []
  const id = Number(text)
  if (what === 'info') return entriesOf(asked.organization(id))
  if (what === 'roles') return entriesOf(asked.roles(id))
  const days = PERIODS.find((one) => String(one) === (searchParams.get('days') ?? '30'))
  return days === undefined ? [] : entriesOf(asked.statistics(id, days))
}

const entriesOf = (question: Question): readonly UrlEntry[] => [
  { namespace: 'response', key: asResponse(question).key },
  { namespace: 'strategic', key: question.key },
]
