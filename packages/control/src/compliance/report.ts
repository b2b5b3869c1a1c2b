// The compliance report (S4): every control that a cache can answer for, with its evidence, or why it is not covered
// here.
import { z } from 'zod'
import type { Control } from '../control.ts'
import { CONTROLS } from './controls.ts'
import { type Facts, factsFor, type State } from './evidence.ts'
import { type ComplianceDocument, complianceDocument, complianceOf, REGIMES, type Regime } from './settings.ts'

const STATES = ['met', 'violated', 'unknown', 'not_covered'] as const satisfies readonly State[]
const control = z.object({
  id: z.string(),
  title: z.string(),
  state: z.enum(STATES),
  detail: z.string(),
  evidence: z.string().nullable(),
})
export const complianceReport = z.object({
  at: z.iso.datetime(),
  settings: complianceDocument,
  regimes: z.array(
    z.object({
      name: z.enum(REGIMES),
      applies: z.boolean(),
      counts: z.object({ met: z.number(), violated: z.number(), unknown: z.number(), not_covered: z.number() }),
      controls: z.array(control),
    }),
  ),
  evidence: z
    .record(z.string(), z.object({ state: z.enum(STATES), detail: z.string(), evidence: z.unknown() }))
    .describe('by the name that a control gives as its evidence'),
})

/** @param only one regime; undefined: all */
export async function complianceReportOf(
  control: Control,
  only: Regime | undefined,
): Promise<z.output<typeof complianceReport>> {
  const settings = await complianceOf(control.store)
  const facts = await factsFor(control, settings)
  return {
    at: new Date(await control.store.now()).toISOString(),
    settings,
    regimes: REGIMES.filter((name) => only === undefined || name === only).map((name) => {
      const controls = controlsOf(name, facts, settings)
      const count = (state: State): number => controls.filter((one) => one.state === state).length
      return {
        name,
        applies: settings.regimes.includes(name),
        counts: {
          met: count('met'),
          violated: count('violated'),
          unknown: count('unknown'),
          not_covered: count('not_covered'),
        },
        controls,
      }
    }),
    evidence: facts,
  }
}

function controlsOf(regime: Regime, facts: Facts, settings: ComplianceDocument) {
  return CONTROLS[regime].map(({ id, title, by }) => {
    if (typeof by === 'object') return { id, title, state: 'not_covered' as const, detail: by.not, evidence: null }
    return { id, title, state: stateOf(by, facts, settings), detail: facts[by].detail, evidence: by }
  })
}

/**
 * Unencrypted tiers are a violation where encryption is required; otherwise nothing says that their contents need it.
 */
function stateOf(by: keyof Facts, facts: Facts, { require_encryption }: ComplianceDocument): State {
  const { state } = facts[by]
  return by === 'encryption' && state === 'violated' && !require_encryption ? 'unknown' : state
}

/** The violations of the regimes that apply, and of encryption where it is required: for the alert. */
export async function violations(
  control: Control,
  isAuditWhole: boolean,
): Promise<readonly { readonly subject: string; readonly detail: string }[]> {
  const settings = await complianceOf(control.store)
  if (settings.regimes.length === 0 && !settings.require_encryption) return []
  const facts = await factsFor(control, settings, isAuditWhole)
  const named = new Set(
    settings.regimes.flatMap((regime) => CONTROLS[regime].flatMap(({ by }) => (typeof by === 'string' ? [by] : []))),
  )
  if (settings.require_encryption) named.add('encryption')
  return [...named].flatMap((by) =>
    stateOf(by, facts, settings) === 'violated' ? [{ subject: by, detail: facts[by].detail }] : [],
  )
}
