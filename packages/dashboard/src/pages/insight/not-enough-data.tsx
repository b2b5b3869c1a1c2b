// Not enough data: the progress, or the actual reason.
import type { Sized } from '../../api/insight.ts'
import { useDashboard } from '../../context.tsx'
import { capitalised, spelled } from '../../format/text.ts'
import { Time } from '../../parts/words.tsx'

/** Reads below which there are no results. */
const ENOUGH = 10_000

export function NotEnoughData({
  said: { evidence, capacity },
}: {
  readonly said: Pick<Sized, 'evidence' | 'capacity'>
}) {
  const { numbers } = useDashboard()
  if (evidence.reads >= ENOUGH || capacity === null)
    return <p>{capitalised(spelled(numbers, evidence.why ?? 'nothing was read'))}.</p>
  return (
    <>
      <progress className="seen-so-far" max={ENOUGH} value={evidence.reads} aria-label="Reads seen so far" />
      <p className="note">
        {numbers.count(evidence.reads)} of {numbers.count(ENOUGH)} reads since <Time at={evidence.from} />. A figure
        from fewer would be about these few reads, not about your traffic.
      </p>
    </>
  )
}
