// What is told of prediction: how often it was right, what it cost, and whether it is let.
import type { Prefetched } from '../../core/warm.ts'
import type { ModelFault } from './model-guard.ts'
import type { Predictor } from './predictor.ts'

/** A pattern of keys, and how well its next reads are guessed. */
export interface PatternPrediction {
  readonly namespace: string
  readonly pattern: string
  /** Candidates whose end is known, and the share of them that was read in time. */
  readonly candidates: number
  readonly readShare: number
  /**
   * Log-loss per candidate of the model, and of somebody who only knows the share; the last window of 2,048 each.
   * Absent before it has ended.
   */
  readonly loss?: number
  readonly baseLoss?: number
  /** Nothing is proposed for a while: the model was worse than the share alone. */
  readonly isOff: boolean
}

/** Since the memory tier was as it is now. */
export interface Prediction {
  readonly cache: string
  /**
   * `open`: what is proposed is loaded. `closed`: loading it brought too little, or nobody knows yet; it is only
   * counted. `watching`: it is never loaded (`usagePrediction` alone). `off`: the cache has no memory tier with a
   * limit.
   */
  readonly state: 'open' | 'closed' | 'watching' | 'off'
  /** Of what was proposed to be loaded and has ended: read while memory had it, 0 to 1. Absent where nothing has. */
  readonly accuracy?: number
  readonly proposed: number
  readonly used: number
  readonly wasted: number
  /** Proposed, and neither read nor given up yet. */
  readonly outstanding: number
  /** What became of the loads. */
  readonly loads: Prefetched
  /** The chance from which on a candidate is proposed. */
  readonly threshold: number
  /**
   * Fewer misses in the last windows than a memory has that nobody prefetches into, as a part of its misses. Absent
   * before the first window.
   */
  readonly benefit?: number
  /** Loads that were spared, or would have been while nothing was loaded, of all there would be. */
  readonly spared: number
  /** How often prefetching was switched off, and how often the traffic has become another. */
  readonly closings: number
  readonly drifts: number
  /** Reads that came faster than they could be looked at. */
  readonly lost: number
  readonly patterns: readonly PatternPrediction[]
  /** Why a model of one's own is not asked any more. */
  readonly modelFault?: ModelFault
}

/** The same in short, for health. */
export type PredictionInShort = Pick<Prediction, 'state' | 'accuracy' | 'benefit' | 'spared'>

export const inShort = ({ state, accuracy, benefit, spared }: Prediction): PredictionInShort => ({
  state,
  ...(accuracy !== undefined && { accuracy }),
  ...(benefit !== undefined && { benefit }),
  spared,
})

export interface PredictionParts {
  readonly cache: string
  readonly predictor: Predictor | undefined
  readonly loads: Prefetched
  readonly lost: number
  readonly fault: ModelFault | undefined
  readonly isLoading: boolean
}

export function figuresOf({ cache, predictor, loads, lost, fault, isLoading }: PredictionParts): Prediction {
  const own = fault === undefined ? {} : { modelFault: fault }
  if (predictor === undefined)
    return {
      cache,
      state: 'off',
      proposed: 0,
      used: 0,
      wasted: 0,
      outstanding: 0,
      loads,
      threshold: 1,
      spared: 0,
      closings: 0,
      drifts: 0,
      lost,
      patterns: [],
      ...own,
    }
  const { issued, used, wasted, outstanding, gate, judge, budget, spared } = predictor
  const ended = used + wasted
  return {
    cache,
    state: !isLoading ? 'watching' : gate.isOpen ? 'open' : 'closed',
    ...(ended > 0 && { accuracy: used / ended }),
    proposed: issued,
    used,
    wasted,
    outstanding,
    loads,
    threshold: budget.threshold,
    ...(gate.benefit !== undefined && { benefit: gate.benefit }),
    spared: predictor.loads === 0 ? 0 : spared / predictor.loads,
    closings: gate.closings,
    drifts: judge.drifts,
    lost,
    patterns: patternsOf(predictor),
    ...own,
  }
}

function patternsOf(predictor: Predictor): PatternPrediction[] {
  const { judge } = predictor
  const told: PatternPrediction[] = []
  for (const [at, candidates] of judge.labels.entries()) {
    if (candidates === 0) continue
    const loss = judge.loss[at] ?? Number.NaN
    const baseLoss = judge.baseLoss[at] ?? Number.NaN
    told.push({
      ...predictor.pattern(at),
      candidates,
      readShare: (judge.reads[at] ?? 0) / candidates,
      ...(!Number.isNaN(loss) && { loss, baseLoss }),
      isOff: judge.isOff[at] === 1,
    })
  }
  return told.sort((a, b) => b.candidates - a.candidates)
}
