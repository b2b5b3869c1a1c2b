// The effects of a configuration change in the processes that run its cache: what memory evicts, and what that costs
// the source.
import { useDashboard } from '../../context.tsx'
import { Notice } from '../../parts/section.tsx'
import { Unit } from '../../parts/words.tsx'

/** Of one process. */
export interface Effect {
  readonly node: string
  readonly drops: readonly { readonly tier: string; readonly bytes: number; readonly why: string }[]
  /** The minimum increase over now; negative: a decrease; `null`: unknown. */
  readonly loads_per_second?: number | null
}

/** Smaller changes are shown as none. */
const LEAST = 0.01

export function Effects({ effects }: { readonly effects: readonly Effect[] }) {
  const { numbers } = useDashboard()
  const drops = effects.flatMap(({ node, drops: some }) => some.map((drop) => ({ node, ...drop })))
  if (effects.length === 0) return null
  return (
    <>
      {drops.length > 0 && (
        <Notice tone="warning">
          {drops.map(({ node, tier, bytes, why }) => (
            <span key={`${node} ${tier}`} className="block">
              <b>{node}</b> drops <Unit figure={numbers.bytes(bytes)} /> of {tier}: {why}
            </span>
          ))}
        </Notice>
      )}
      <Loads effects={effects} />
    </>
  )
}

function Loads({ effects }: { readonly effects: readonly Effect[] }) {
  const { numbers } = useDashboard()
  const known = effects.flatMap(({ loads_per_second: loads }) => (typeof loads === 'number' ? [loads] : []))
  const added = known.reduce((all, one) => all + one, 0)
  const silent = effects.length - known.length
  const missing =
    silent === 0
      ? ''
      : ` ${numbers.count(silent)} of ${numbers.counted(effects.length, 'process', 'processes')} did not report.`
  if (known.length === 0) return <Notice>The cost for the source is unknown: no process reported it.</Notice>
  if (Math.abs(added) < LEAST)
    return <Notice>At the current read rates, the load on the source would not change.{missing}</Notice>
  return (
    <Notice tone={added > 0 ? 'warning' : 'plain'}>
      At the current read rates, the source would be loaded {added > 0 ? 'at least ' : ''}
      <b className="nw">
        {numbers.times(Math.abs(added))} a second {added > 0 ? 'more' : 'less'}
      </b>
      .{missing}
    </Notice>
  )
}
