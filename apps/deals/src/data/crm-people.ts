// Turns accounts, agents and offices into organisations, users, teams, roles and memberships.
import type { Account, Directory } from './crm-directory.ts'
import { loose } from './crm-values.ts'
import { addPermissions, addRoles, type RoleIds, type RoleName } from './roles.ts'
import type { AddRow } from './rows.ts'

export interface Named {
  readonly account: string
  readonly agent: string
}

export interface Place {
  readonly organizationId: number
  readonly ownerId: number
  readonly teamId: number | null
}

/** Two people who are not in the files, so that each role can be tried. */
const DEMO = { viewer: 'Demo Viewer', administrator: 'Demo Administrator' } as const

/**
 * Adds everyone; agents and their managers join each organisation for which they have a deal. Returns where a deal
 * belongs.
 */
export function addEveryone(
  add: AddRow,
  directory: Directory,
  deals: readonly Named[],
  firstDay: number,
): (deal: Named) => Place {
  const organizations = numbered([...directory.accounts.values()].map(({ name }) => name))
  const agents = [...directory.agents.values()]
  const users = numbered([
    ...agents.flatMap(({ name, manager }) => (manager === '' ? [name] : [name, manager])),
    DEMO.viewer,
    DEMO.administrator,
  ])
  const offices = [...new Set(agents.map(({ office }) => office).filter((office) => office !== ''))].sort()
  const teamId = (organizationId: number, office: string) =>
    office === '' ? null : (organizationId - 1) * offices.length + offices.indexOf(office) + 1
  addPermissions(add)
  addOrganizations(add, [...directory.accounts.values()], organizations)
  for (const [name, id] of users) addUser(add, id, name, directory, firstDay)
  const roles = new Map<number, RoleIds>()
  for (const organizationId of organizations.values()) {
    roles.set(organizationId, addRoles(add, organizationId, (organizationId - 1) * 4 + 1))
    for (const office of offices)
      add('teams', { id: teamId(organizationId, office) ?? 0, organization_id: organizationId, name: office })
  }
  const joined = new Set<string>()
  const join = (organizationId: number, name: string, role: RoleName, office: string) => {
    const userId = users.get(name)
    const roleId = roles.get(organizationId)?.[role]
    const pair = `${organizationId} ${userId}`
    if (userId === undefined || roleId === undefined || joined.has(pair)) return
    joined.add(pair)
    add('memberships', {
      user_id: userId,
      organization_id: organizationId,
      role_id: roleId,
      team_id: teamId(organizationId, office),
      joined_day: firstDay,
    })
  }
  for (const organizationId of organizations.values()) {
    join(organizationId, DEMO.viewer, 'viewer', '')
    join(organizationId, DEMO.administrator, 'administrator', '')
  }
  const agentOf = (deal: Named) => directory.agents.get(loose(deal.agent))
  const place = (deal: Named): Place => {
    const organizationId = organizations.get(deal.account) ?? 0
    return {
      organizationId,
      ownerId: users.get(deal.agent) ?? 0,
      teamId: teamId(organizationId, agentOf(deal)?.office ?? ''),
    }
  }
  for (const deal of deals) {
    const agent = agentOf(deal)
    const { organizationId } = place(deal)
    if (agent && agent.manager !== '') join(organizationId, agent.manager, 'manager', agent.office)
    join(organizationId, deal.agent, 'sales', agent?.office ?? '')
  }
  return place
}

function numbered(names: readonly string[]): Map<string, number> {
  return new Map([...new Set(names)].map((name, index) => [name, index + 1]))
}

function addOrganizations(add: AddRow, accounts: readonly Account[], ids: ReadonlyMap<string, number>): void {
  const isChild = (account: Account) => ids.has(account.parent) && account.parent !== account.name
  // Parents before children: a row may only refer to earlier ones. The files have one level.
  const depth = (account: Account): number => (isChild(account) ? 1 : 0)
  for (const account of accounts.toSorted((a, b) => depth(a) - depth(b))) {
    add('organizations', {
      id: ids.get(account.name) ?? 0,
      name: account.name,
      sector: account.sector,
      location: account.location,
      founded_year: account.founded,
      employees: account.employees,
      revenue_cents: account.revenue,
      parent_id: isChild(account) ? (ids.get(account.parent) ?? null) : null,
    })
  }
}

function addUser(add: AddRow, id: number, name: string, directory: Directory, joinedDay: number): void {
  const agent = directory.agents.get(loose(name))
  const isDemo = name === DEMO.viewer || name === DEMO.administrator
  add('users', {
    id,
    name,
    email: `user${id}@example.test`,
    is_active: 1,
    is_staff: name === DEMO.administrator ? 1 : 0,
    joined_day: joinedDay,
  })
  add('profiles', {
    user_id: id,
    title: isDemo ? 'Demonstration' : agent ? 'Sales agent' : 'Sales manager',
    location: agent?.office || 'not recorded',
    phone: '',
  })
}
