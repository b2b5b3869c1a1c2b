// Access: who one is, the tokens in force, the users behind them.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Page, Token, User } from '../api/types.ts'
import { useAccess, useDashboard } from '../context.tsx'
import { Answer } from '../parts/answer.tsx'
import { Icon } from '../parts/icon.tsx'
import { PageTitle, Section } from '../parts/section.tsx'
import { Table } from '../parts/table.tsx'
import { Time, useSkew, Word } from '../parts/words.tsx'
import { MakeToken } from './access/make-token.tsx'
import { MakeUser } from './access/make-user.tsx'
import { Remove } from './access/remove.tsx'

const DAY_MS = 86_400_000
const SOON_MS = 7 * DAY_MS

export function Access() {
  const { client, numbers } = useDashboard()
  const { session, may } = useAccess()
  const [open, setOpen] = useState<'token' | 'user' | undefined>()
  const close = () => setOpen(undefined)
  const tokens = useQuery({
    queryKey: ['tokens'],
    queryFn: ({ signal }) => client.get<Page<Token>>('tokens/', {}, signal),
  })
  const isUserAdmin = may('users:write')
  const users = useQuery({
    queryKey: ['users'],
    queryFn: ({ signal }) => client.get<Page<User>>('users/', {}, signal),
    enabled: isUserAdmin,
  })
  return (
    <>
      <PageTitle
        title="Access"
        say={
          <>
            You are <b>{session.name}</b>, {session.role}
            {session.namespaces !== null && <>, limited to {session.namespaces.join(', ')}</>}
            {session.max_keys !== null && <>, at most {numbers.counted(session.max_keys, 'key')} at once</>}.
          </>
        }
        actions={
          may('tokens:write') ? (
            <button type="button" className="btn btn-primary" onClick={() => setOpen('token')}>
              New token…
            </button>
          ) : undefined
        }
      />
      <div className="stack-wide">
        <Section title="What you may do" note={`${session.scopes.length} permissions`}>
          <ul className="works">
            {session.scopes.map((scope) => (
              <li key={scope}>
                <Icon name="ok" />
                <span>
                  <code>{scope}</code>
                  {SAYS[scope] !== undefined && <span className="note"> {SAYS[scope]}</span>}
                </span>
              </li>
            ))}
          </ul>
        </Section>
        <Section
          title="Tokens"
          note={
            isUserAdmin
              ? 'of all users; the tokens themselves are never shown again'
              : 'yours; the tokens themselves are never shown again'
          }
        >
          <Answer query={tokens} what="The list of tokens">
            {({ data }) =>
              data.length === 0 ? (
                <p>No token of this control plane is in use: you were signed in by the surrounding application.</p>
              ) : (
                <Table
                  caption="Active tokens"
                  rows={data}
                  keyOf={({ id }) => id}
                  columns={[
                    {
                      name: 'Name',
                      cell: (row) => (
                        <>
                          {row.name} <span className="note block">{row.id}</span>
                        </>
                      ),
                    },
                    { name: 'User', cell: (row) => row.user },
                    {
                      name: 'May',
                      folded: 'wide',
                      cell: (row) => (row.scopes === null ? 'all of its role' : <code>{row.scopes.join(' ')}</code>),
                    },
                    {
                      name: 'Last used',
                      cell: (row) => (row.last_used_at === null ? 'never' : <Time at={row.last_used_at} relative />),
                    },
                    { name: 'Ends', cell: (row) => <Ends at={row.expires_at} /> },
                    {
                      name: 'Revoke',
                      isSilent: true,
                      isNumber: true,
                      cell: (row) => (
                        <Remove
                          path={`tokens/${row.id}/`}
                          queryKey="tokens"
                          verb="Revoke"
                          what={`the token ${row.name} of ${row.user}`}
                          then="The next call with it is rejected."
                        />
                      ),
                    },
                  ]}
                />
              )
            }
          </Answer>
        </Section>
        {isUserAdmin && (
          <Section
            title="Users"
            note={
              <button type="button" className="btn btn-small" onClick={() => setOpen('user')}>
                New user…
              </button>
            }
          >
            <Answer query={users} what="The list of users">
              {({ data }) =>
                data.length === 0 ? (
                  <p>No user of this control plane yet.</p>
                ) : (
                  <Table
                    caption="Users"
                    rows={data}
                    keyOf={({ id }) => id}
                    columns={[
                      { name: 'Name', cell: (row) => row.name },
                      { name: 'Role', cell: (row) => row.role },
                      { name: 'Limited to', cell: (row) => row.namespaces?.join(', ') ?? 'nothing' },
                      {
                        name: 'Keys at once',
                        isNumber: true,
                        cell: (row) => (row.max_keys === null ? 'no limit' : numbers.count(row.max_keys)),
                      },
                      { name: 'Since', cell: (row) => <Time at={row.created_at} /> },
                      {
                        name: 'Disable',
                        isSilent: true,
                        isNumber: true,
                        cell: (row) =>
                          row.name !== session.name && (
                            <Remove
                              path={`users/${row.id}/`}
                              queryKey="users"
                              verb="Disable"
                              what={`the user ${row.name}`}
                              then="All of its tokens are revoked with it."
                            />
                          ),
                      },
                    ]}
                  />
                )
              }
            </Answer>
          </Section>
        )}
      </div>
      {open === 'token' && <MakeToken users={users.data?.data ?? []} onClose={close} />}
      {open === 'user' && <MakeUser onClose={close} />}
    </>
  )
}

function Ends({ at }: { readonly at: string | null }) {
  const skewMs = useSkew()
  if (at === null) return <Word tone="warning">never</Word>
  if (Date.parse(at) - (Date.now() + skewMs) < SOON_MS)
    return (
      <Word tone="warning" glyph="late">
        <Time at={at} relative />
      </Word>
    )
  return <Time at={at} />
}

/** What each permission lets one do. */
const SAYS: Readonly<Record<string, string>> = {
  'metrics:read': 'figures, operations',
  'config:read': 'configurations, without secrets',
  'alerts:read': 'alerts and their rules',
  'keys:read': 'names of keys and tags',
  invalidate: 'by key, tag, pattern',
  warm: 'load, and undo',
  'alerts:resolve': 'resolve and silence',
  'cdn:purge': 'purge the CDN',
  benchmark: 'measure a cache',
  'config:write': 'change, roll back',
  'experiments:write': 'start and stop them',
  'cdn:write': 'upload to the CDN',
  'purge:all': 'invalidate everything',
  'values:read': 'values (recorded)',
  'users:write': 'add and remove users',
  'tokens:write': 'create and revoke tokens',
  'audit:read': 'who did what',
  erase: 'one person’s data',
}
