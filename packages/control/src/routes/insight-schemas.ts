// Schemas of insight's answers.
import { z } from 'zod'
import { instant } from './schemas.ts'

export const days = z.number().int().min(1).max(30)
export const range = z.object({ value: z.number(), low: z.number(), high: z.number() })
export const amount = z.object({ unit: z.enum(['entries', 'bytes']), amount: z.number() })
export const evidence = z.object({
  from: instant,
  to: instant,
  reads: z.number(),
  looked: z.number(),
  keys: z.number(),
  key_share: z.number(),
  lost: z.number(),
  is_enough: z.boolean(),
  why: z.string().nullable(),
})
export const why = z
  .string()
  .nullable()
  .describe('that this is not running in any process of the cache, and how to switch it on; null where it is running')
