// The rows that fill an empty database, table by table, in the order in which they refer to each other.
import type { Selectable } from 'kysely'
import type { Schema } from '../db/schema.ts'

export interface Column {
  readonly name: string
  readonly type: 'integer' | 'bigint' | 'text'
}

const integers = (...names: string[]): Column[] => names.map((name) => ({ name, type: 'integer' }))
const texts = (...names: string[]): Column[] => names.map((name) => ({ name, type: 'text' }))
const money = (name: string): Column => ({ name, type: 'bigint' })

export const TABLES = {
  organizations: [
    ...integers('id'),
    ...texts('name', 'sector', 'location'),
    ...integers('founded_year', 'employees'),
    money('revenue_cents'),
    ...integers('parent_id'),
  ],
  teams: [...integers('id', 'organization_id'), ...texts('name')],
  users: [...integers('id'), ...texts('name', 'email'), ...integers('is_active', 'is_staff', 'joined_day')],
  profiles: [...integers('user_id'), ...texts('title', 'location', 'phone')],
  permissions: [...integers('id'), ...texts('code', 'description')],
  roles: [...integers('id', 'organization_id'), ...texts('name', 'description'), ...integers('level', 'parent_id')],
  role_permissions: integers('role_id', 'permission_id'),
  memberships: integers('user_id', 'organization_id', 'role_id', 'team_id', 'joined_day'),
  deals: [
    ...integers('id'),
    ...texts('reference'),
    ...integers('organization_id', 'owner_id', 'team_id'),
    ...texts('title', 'product', 'stage', 'source'),
    money('amount_cents'),
    ...integers('opened_day', 'closed_day'),
    ...texts('search_text'),
  ],
  milestones: [...integers('id', 'deal_id'), ...texts('name'), ...integers('due_day', 'completed_day')],
  activities: [...integers('id', 'deal_id', 'user_id'), ...texts('kind'), ...integers('day', 'minutes')],
  payments: [
    ...integers('id', 'deal_id'),
    money('amount_cents'),
    ...texts('method', 'status'),
    ...integers('due_day', 'paid_day'),
  ],
} as const satisfies Partial<Record<keyof Schema, readonly Column[]>>

export type TableName = keyof typeof TABLES

/** Takes one row of a table. Rows that it refers to were given before it. */
export type AddRow = <T extends TableName>(table: T, row: Omit<Selectable<Schema[T]>, 'request_id'>) => void

/** What a search looks through. */
export function searchText(deal: {
  readonly title: string
  readonly reference: string
  readonly product: string
}): string {
  return `${deal.title} ${deal.reference} ${deal.product}`.toLowerCase()
}
