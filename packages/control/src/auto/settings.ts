// What may be applied automatically, to which cache and within which bounds; and its state. Off by default.
import { z } from 'zod'
import { memoryChange } from '../agent/requests.ts'

const HOUR = 3600
const instant = z.iso.datetime()

export const autoSettings = z.strictObject({
  enabled: z.boolean().default(false),
  min_impact_score: z.number().min(0).max(100).default(80).describe('recommendations with a lower impact are ignored'),
  kinds: z
    .array(z.enum(['size', 'policy']))
    .max(2)
    .default(['policy']),
  max_step: z.number().gt(0).max(1).default(0.2).describe('the largest increase in one change, as a share of the size'),
  max_entries: z.number().int().min(1).optional().describe('the size never grows beyond this'),
  max_bytes: z.number().int().min(1).optional(),
  window_seconds: z
    .number()
    .min(0.1)
    .max(86_400)
    .default(300)
    .describe('how long to measure before a change; after it, the cache is watched for twice as long'),
  pause_seconds: z
    .number()
    .min(0)
    .max(30 * 24 * HOUR)
    .default(24 * HOUR)
    .describe('how long to pause after a change was rolled back'),
  hands_off_seconds: z
    .number()
    .min(0)
    .max(90 * 24 * HOUR)
    .default(7 * 24 * HOUR)
    .describe('changes made by people within this time are left alone'),
})
export type AutoSettings = z.output<typeof autoSettings>

/** Of an operation; null: there is none, or it was done by an earlier version. */
const operationId = z.string().nullable().default(null)

const attempt = z.object({
  recommendation: z.string(),
  change: memoryChange,
  undo: memoryChange,
  at: instant,
  /**
   * `not_enough_evidence`: rolled back because too few reads were seen to judge it; it may be tried again after the
   * pause. `superseded`: a person changed the same field while it was watched, and what they set was left alone.
   */
  outcome: z.enum(['held', 'taken_back', 'failed', 'not_enough_evidence', 'superseded']),
  why: z.string().nullable(),
  operation: operationId.describe('that applied it: see optimizations/applied/'),
  rolled_back_by: operationId.describe('null: it was not rolled back'),
})

export const autoState = z.object({
  /**
   * `counting`: taking the figures before the change. `watching`: the change is in force, and is rolled back if it does
   * harm.
   */
  phase: z.enum(['idle', 'counting', 'watching']),
  since: instant.nullable(),
  recommendation: z.string().nullable(),
  change: memoryChange.nullable(),
  undo: memoryChange.nullable(),
  operation: operationId.describe('that applied the change in force'),
  paused_until: instant.nullable(),
  /** Why nothing is done at present, if there is a reason. */
  why: z.string().nullable(),
  history: z.array(attempt),
})
export type AutoState = z.output<typeof autoState>

export const IDLE: AutoState = {
  phase: 'idle',
  since: null,
  recommendation: null,
  change: null,
  undo: null,
  operation: null,
  paused_until: null,
  why: null,
  history: [],
}
