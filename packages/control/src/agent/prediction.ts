// How well a process predicts what is read next, in the API's terms; and whether it prefetches it.
import type { Insight } from 'millpond/insight'
import type { Answered } from './answers.ts'
import type { Asked } from './requests.ts'

export function predicted(insight: Insight | undefined, cache: string): Answered['prediction'] {
  const told = insight?.caches.includes(cache) ? insight.prediction(cache) : undefined
  if (told === undefined) return null
  const {
    state,
    accuracy,
    benefit,
    spared,
    threshold,
    proposed,
    used,
    wasted,
    outstanding,
    kept,
    isKeeping,
    loads,
    closings,
    drifts,
    lost,
    modelFault,
  } = told
  return {
    state,
    accuracy: accuracy ?? null,
    benefit: benefit ?? null,
    spared,
    threshold,
    proposed,
    used,
    wasted,
    outstanding,
    kept,
    is_keeping: isKeeping,
    loads,
    closings,
    drifts,
    lost,
    model_fault: modelFault === undefined ? null : modelFault.message,
    patterns: told.patterns.map(({ namespace, pattern, candidates, readShare, loss, baseLoss, isOff }) => ({
      namespace,
      pattern,
      candidates,
      read_ratio: readShare,
      loss: loss ?? null,
      base_loss: baseLoss ?? null,
      is_off: isOff,
    })),
  }
}

/** Until the process ends, or it is switched again. */
export function switched(
  insight: Insight | undefined,
  cache: string,
  { is_on: isOn }: Asked<'load_ahead'>,
): Answered['load_ahead'] {
  const told = insight?.caches.includes(cache) ? insight.prediction(cache) : undefined
  if (insight === undefined || told === undefined) return null
  insight.loadAhead(cache, isOn)
  return { was_on: told.state === 'open' || told.state === 'closed' }
}
