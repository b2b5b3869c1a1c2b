// The tables as the query builder sees them. Money is whole cents, dates are day numbers, booleans are 0 or 1.
import type { Generated } from 'kysely'

export interface Schema {
  meta: { key: string; value: string }
  data_versions: { scope: string; version: number; changed_at: number }
  pending_invalidations: { id: string; tags: string }
  organizations: Organizations
  teams: { id: Generated<number>; organization_id: number; name: string }
  users: Users
  profiles: { user_id: number; title: string; location: string; phone: string }
  roles: Roles
  permissions: { id: number; code: string; description: string }
  role_permissions: { role_id: number; permission_id: number }
  memberships: Memberships
  deals: Deals
  milestones: { id: Generated<number>; deal_id: number; name: string; due_day: number; completed_day: number | null }
  activities: Activities
  deal_views: { deal_id: number; counter: string; views: number; day: number }
  payments: Payments
}

interface Organizations {
  id: Generated<number>
  name: string
  sector: string
  location: string
  founded_year: number | null
  employees: number | null
  revenue_cents: number | null
  parent_id: number | null
}

interface Users {
  id: Generated<number>
  name: string
  email: string
  is_active: number
  /** Runs the whole service, not one organisation. */
  is_staff: number
  joined_day: number
}

interface Roles {
  id: Generated<number>
  organization_id: number
  name: string
  description: string
  level: number
  /** The role whose permissions this one inherits. */
  parent_id: number | null
}

interface Memberships {
  user_id: number
  organization_id: number
  role_id: number
  team_id: number | null
  joined_day: number
}

interface Deals {
  id: Generated<number>
  reference: string
  organization_id: number
  owner_id: number
  team_id: number | null
  title: string
  product: string
  stage: string
  source: string
  /** Null while the value is not known. */
  amount_cents: number | null
  /** Null before the first contact. */
  opened_day: number | null
  closed_day: number | null
  /** Title, reference and product in lower case: what a search looks through. */
  search_text: string
}

interface Activities {
  id: Generated<number>
  deal_id: number
  user_id: number
  kind: string
  day: number
  minutes: number
  /**
   * Identifies a request that is stored later, so that it is stored once however often it is sent; null for requests
   * that were never queued.
   */
  request_id: string | null
}

interface Payments {
  id: Generated<number>
  deal_id: number
  amount_cents: number
  method: string
  status: string
  due_day: number
  paid_day: number | null
}

/** Stages of a deal in their order; the last two are final. */
export const STAGES = ['prospecting', 'engaging', 'proposal', 'negotiation', 'won', 'lost'] as const
export type Stage = (typeof STAGES)[number]

export const OPEN_STAGES: readonly Stage[] = ['prospecting', 'engaging', 'proposal', 'negotiation']
