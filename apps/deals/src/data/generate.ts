// The deterministic generator: organisations of very different size, three years of seasonal deals.
import { addDeal, type DealIds } from './generate-deal.ts'
import { HISTORY_DAYS, LAST_DAY, type Member } from './history.ts'
import { createRandom, type Random, share } from './random.ts'
import { addPermissions, addRoles, type RoleIds } from './roles.ts'
import type { AddRow } from './rows.ts'
import {
  COMPANY_FIRST,
  COMPANY_LAST,
  FIRST_NAMES,
  LAST_NAMES,
  LOCATIONS,
  SECTORS,
  TEAMS,
  TITLES,
} from './vocabulary.ts'

export interface Sizes {
  readonly organizations: number
  readonly users: number
  readonly deals: number
  readonly seed: number
}

export const DEFAULT_SIZES: Sizes = { organizations: 200, users: 2_000, deals: 50_000, seed: 1 }

/** Each organisation has an administrator, a manager and a viewer. */
export const LEAST_USERS = 3

/** Generates everything through `add`; yields how many deals are done. */
export function* generate(sizes: Sizes, add: AddRow): Generator<number> {
  const random = createRandom(sizes.seed)
  const ids: DealIds = { deal: 1, milestone: 1, activity: 1, payment: 1 }
  addPermissions(add)
  const byRank = (power: number) => Array.from({ length: sizes.organizations }, (_, rank) => 1 / (rank + 4) ** power)
  const users = share(sizes.users, byRank(0.7), LEAST_USERS)
  const deals = share(sizes.deals, byRank(0.9), 0)
  let nextUser = 1
  let nextTeam = 1
  for (let index = 0; index < sizes.organizations; index++) {
    const organizationId = index + 1
    addOrganization(add, random, organizationId, users[index] ?? LEAST_USERS)
    const roles = addRoles(add, organizationId, index * 4 + 1)
    const teams = TEAMS.slice(0, random.whole(2, TEAMS.length)).map((name) => {
      add('teams', { id: nextTeam, organization_id: organizationId, name })
      return nextTeam++
    })
    const members = Array.from({ length: users[index] ?? LEAST_USERS }, (_, position) =>
      addMember(add, random, { userId: nextUser++, organizationId, roles, teams, position }),
    )
    for (let count = 0; count < (deals[index] ?? 0); count++) {
      addDeal(add, random, ids, organizationId, members)
      if (ids.deal % 500 === 1) yield ids.deal - 1
    }
    yield ids.deal - 1
  }
}

function addOrganization(add: AddRow, random: Random, id: number, employees: number): void {
  add('organizations', {
    id,
    name: `${random.pick(COMPANY_FIRST)} ${random.pick(COMPANY_LAST)}`,
    sector: random.pick(SECTORS),
    location: random.pick(LOCATIONS),
    founded_year: random.whole(1962, 2019),
    employees: employees * random.whole(4, 40),
    revenue_cents: employees * random.whole(8, 60) * 1_000_000,
    parent_id: id > 20 && random.chance(0.15) ? random.whole(1, 20) : null,
  })
}

interface Joining {
  readonly userId: number
  readonly organizationId: number
  readonly roles: RoleIds
  readonly teams: readonly number[]
  readonly position: number
}

function addMember(add: AddRow, random: Random, { userId, organizationId, roles, teams, position }: Joining): Member {
  const first = random.pick(FIRST_NAMES)
  const last = random.pick(LAST_NAMES)
  const joined = LAST_DAY - random.whole(30, HISTORY_DAYS + 400)
  const teamId = random.pick(teams)
  add('users', {
    id: userId,
    name: `${first} ${last}`,
    email: `user${userId}@example.test`,
    is_active: position < LEAST_USERS || random.chance(0.94) ? 1 : 0,
    is_staff: organizationId === 1 && position === 0 ? 1 : 0,
    joined_day: joined,
  })
  add('profiles', {
    user_id: userId,
    title: position === 0 ? 'Operations lead' : position === 1 ? 'Sales manager' : random.pick(TITLES),
    location: random.pick(LOCATIONS),
    phone: `+00 555 ${String(random.whole(0, 999_999)).padStart(6, '0')}`,
  })
  const role =
    position === 0
      ? roles.administrator
      : position === 1
        ? roles.manager
        : position === 2
          ? roles.viewer
          : laterRole(random, roles)
  add('memberships', {
    user_id: userId,
    organization_id: organizationId,
    role_id: role,
    team_id: teamId,
    joined_day: joined,
  })
  return { userId, teamId }
}

function laterRole(random: Random, roles: RoleIds): number {
  return [roles.sales, roles.viewer, roles.manager][random.weighted([70, 20, 10])] ?? roles.viewer
}
