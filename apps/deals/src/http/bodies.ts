// The schemas of write bodies. Unknown names are refused, so that a typo is not a silent no-op.
import { z } from 'zod'
import { KIND_NAMES } from '../cache/kinds.ts'
import { OPEN_STAGES, STAGES } from '../db/schema.ts'

const id = z.int().min(1).max(2_147_483_647)
const words = (longest: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(longest)
    .refine((text) => text.isWellFormed() && !text.includes('\0'), 'holds characters that cannot be stored')

const deal = {
  title: words(200),
  product: words(80),
  source: words(40),
  amount_cents: z.int().min(0).max(1_000_000_000_000).nullable(),
  owner_id: id,
}

export const newDeal = z.strictObject({
  ...deal,
  organization_id: id.optional(),
  stage: z.enum(OPEN_STAGES).default('prospecting'),
  amount_cents: deal.amount_cents.default(null),
  source: deal.source.default('not recorded'),
  owner_id: deal.owner_id.optional(),
})

const someOf = <S extends z.ZodRawShape>(shape: S) =>
  z
    .strictObject(shape)
    .partial()
    .refine((change) => Object.keys(change).length > 0, 'names nothing to change')

export const dealChange = someOf({ ...deal, stage: z.enum(STAGES) })

export const newActivity = z.strictObject({ kind: words(40), minutes: z.int().min(0).max(1_440).default(0) })

export const profileChange = someOf({ name: words(120), title: words(120), location: words(120) })
export const userChange = someOf({ name: words(120), title: words(120), location: words(120), is_active: z.boolean() })

export const assignment = z.strictObject({ role_id: id })

export const organizationChange = someOf({ name: words(120), sector: words(80), location: words(120) })

const role = {
  name: words(60),
  description: words(300),
  level: z.int().min(0).max(100),
  inherits_from: words(60).nullable(),
  permissions: z.array(words(60)).max(50),
}
export const roleChange = someOf(role)
export const newRole = z.strictObject({
  ...role,
  inherits_from: role.inherits_from.default(null),
  permissions: role.permissions.default([]),
})

/** `all`, one of the two layers, or one kind. */
export const warmRequest = z.strictObject({
  cache_type: z.enum(['all', 'strategic', 'response', ...KIND_NAMES]).optional(),
  organization_id: id.optional(),
  user_id: id.optional(),
})
/** The same, but an empty one means nothing: it must not drop everything. */
export const invalidateRequest = warmRequest.refine(
  (asked) => Object.keys(asked).length > 0,
  `names nothing to drop: give cache_type ("all" for everything, or one of strategic, response, ${KIND_NAMES.join(', ')}), organization_id or user_id`,
)
