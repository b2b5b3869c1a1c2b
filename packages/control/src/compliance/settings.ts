// Which regimes apply, and what they are taken to require here.
import { z } from 'zod'
import type { Caller } from '../audit/audit.ts'
import { putDocument, readDocument } from '../store/documents.ts'
import type { Store } from '../store/store.ts'

export const REGIMES = ['gdpr', 'soc2', 'hipaa', 'pci_dss'] as const
export type Regime = (typeof REGIMES)[number]

export const complianceDocument = z.strictObject({
  regimes: z
    .array(z.enum(REGIMES))
    .max(4)
    .default([])
    .describe('those that apply: violations raise an alert. The report covers all of them'),
  require_encryption: z.boolean().default(false).describe('required for everything that leaves the process'),
  unencrypted_allowed: z
    .array(z.string().min(1).max(260))
    .max(1000)
    .default([])
    .describe('tiers that may hold unencrypted data: cache/tier, or a cache'),
  max_key_age_days: z.number().min(1).max(3650).default(365),
  max_token_days: z
    .number()
    .min(1)
    .max(3650)
    .nullable()
    .default(null)
    .describe('the longest time a token may last; null: no limit'),
  max_idle_token_days: z.number().min(1).max(3650).default(90).describe('a token unused for this long must be revoked'),
  max_retention_days: z.number().min(1).max(3650).default(90).describe('retention of operations, which may name keys'),
})
export type ComplianceDocument = z.output<typeof complianceDocument>

const NAME = 'compliance'

export const complianceOf = async (store: Store): Promise<ComplianceDocument> =>
  complianceDocument.parse((await readDocument(store, NAME)) ?? {})

export const putCompliance = (store: Store, document: ComplianceDocument, caller: Caller): Promise<void> =>
  putDocument(store, NAME, document, {
    ...caller,
    kind: 'change',
    action: 'compliance.update',
    target: NAME,
    detail: document,
  })
