// How a proposal's maker and its state are written.
import type { Proposal } from '../../api/types.ts'
import { seen } from '../../format/seen.ts'
import { Word } from '../../parts/words.tsx'

/** Who proposed it, and what their program calls itself. */
export function By({ proposal: { actor, by } }: { readonly proposal: Proposal }) {
  return (
    <>
      {actor}
      {by !== '' && (
        <span className="note block">
          <bdi>{seen(by)}</bdi>
        </span>
      )}
    </>
  )
}

export function StateWord({ state }: { readonly state: Proposal['state'] }) {
  if (state === 'approved') return <Word tone="proven">approved</Word>
  if (state === 'failed' || state === 'interrupted') return <Word tone="critical">{state}</Word>
  if (state === 'waiting' || state === 'running') return <Word tone="warning">{state}</Word>
  return state
}
