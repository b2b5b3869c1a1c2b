// Nobody gives more than they have: a token of a part of a role's permissions makes none of all, an administrator of a
// part makes none of the whole, and a token that could not be made leaves no user behind.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Opened, open, tokenOf } from './setup.ts'

let opened: Opened
beforeAll(async () => {
  opened = await open()
  await opened.call('POST', 'users/', {
    as: 'admin',
    body: { name: 'part', role: 'admin', namespaces: ['mine'], max_keys: 5 },
  })
})
afterAll(() => opened.close())

const make = async (path: 'users/' | 'tokens/', token: string, body: object) =>
  opened.call('POST', path, { token, body })
const scopesOf = async (token: string) => (await opened.call('GET', 'session/', { token })).json.scopes
const users = async (): Promise<string[]> =>
  (await opened.call('GET', 'users/', { as: 'admin' })).json.data.map(({ name }: { name: string }) => name)
const idOf = async (name: string): Promise<string> =>
  (await opened.call('GET', 'users/', { as: 'admin' })).json.data.find((one: { name: string }) => one.name === name).id

it('a narrow token cannot create a wider one, for its own user or another', async () => {
  const scopes = ['tokens:write', 'metrics:read']
  const { token: narrow } = (await make('tokens/', tokenOf('admin'), { name: 'narrow', scopes })).json
  expect(await make('tokens/', narrow, { name: 'wide', scopes: ['purge:all'] })).toMatchObject({
    status: 403,
    json: { code: 'beyond_own' },
  })
  const { token: same } = (await make('tokens/', narrow, { name: 'same' })).json
  expect((await scopesOf(same)).sort()).toEqual([...scopes].sort())
  const { token: other } = (await make('tokens/', narrow, { name: 'other', user_id: await idOf('operator') })).json
  expect(await scopesOf(other)).toEqual(['metrics:read'])
  expect((await make('users/', narrow, { name: 'boss', role: 'admin' })).status).toBe(403)
})

it('a limited caller cannot create an unlimited one', async () => {
  const { token } = (await make('tokens/', tokenOf('admin'), { name: 'part', user_id: await idOf('part') })).json
  for (const body of [{}, { namespaces: ['yours'] }, { namespaces: ['mine'] }, { namespaces: ['mine'], max_keys: 6 }])
    expect(
      (await make('users/', token, { name: 'new', role: 'operator', ...body })).json.code,
      JSON.stringify(body),
    ).toBe('beyond_own')
  expect(
    (await make('users/', token, { name: 'new', role: 'operator', namespaces: ['mine'], max_keys: 5 })).status,
  ).toBe(201)
  expect((await make('tokens/', token, { name: 'x', user_id: await idOf('admin') })).json.code).toBe('beyond_own')
  expect((await make('tokens/', token, { name: 'x', user_id: await idOf('new') })).status).toBe(201)
})

it('a user and its token are created together, or neither', async () => {
  const made = await make('tokens/', tokenOf('admin'), { name: 'deploy', role: 'operator', scopes: ['invalidate'] })
  expect([made.status, await scopesOf(made.json.token)]).toEqual([201, ['invalidate']])
  expect(await users()).toContain('deploy')
  expect((await make('tokens/', tokenOf('admin'), { name: 'deploy', role: 'operator' })).json.code).toBe('name_taken')
  const { token: limited } = (
    await make('tokens/', tokenOf('admin'), { name: 'half', scopes: ['tokens:write', 'users:write'] })
  ).json
  expect((await make('tokens/', limited, { name: 'left-behind', role: 'viewer' })).status).toBe(403)
  expect(await users()).not.toContain('left-behind')
})
