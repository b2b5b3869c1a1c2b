// The statistics of prediction: its accuracy, its cost, and whether prefetching is allowed.
import type { Prefetched } from '../../core/warm.ts'
import type { ModelFault } from './model-guard.ts'
import type { Predictor } from './predictor.ts'

/** A pattern of keys, and how accurately its next reads are predicted. */
export interface PatternPrediction {
  /** The namespace of the keys. */
  readonly namespace: string
  /** The key with its variable parts replaced. */
  readonly pattern: string
  /** Candidates with a known outcome, and the share that was read in time. */
  readonly candidates: number
  /** The share of these candidates that was read in time, 0 to 1. */
  readonly readShare: number
  /** Log loss per candidate of the model, over the last window of 2,048. Absent before the first window has ended. */
  readonly loss?: number
  /** The same of a baseline that knows only the share. Absent before the first window has ended. */
  readonly baseLoss?: number
  /** Nothing is proposed for a while: the model was worse than the baseline. */
  readonly isOff: boolean
}

/** Since the memory tier's settings last changed. */
export interface Prediction {
  /** The name of the cache. */
  readonly cache: string
  /**
   * `open`: proposals are loaded, because that has a benefit, or because memory still has room. `closed`: loading them
   * has too little benefit, or the benefit is still unknown; they are only counted. `watching`: never loaded
   * (`usagePrediction` only). `off`: the cache has no memory tier with a limit.
   */
  readonly state: 'open' | 'closed' | 'watching' | 'off'
  /** The share of proposals with a known outcome that were read while in memory, 0 to 1. Absent without any. */
  readonly accuracy?: number
  /** Proposals so far. */
  readonly proposed: number
  /** Of these, read while in memory. */
  readonly used: number
  /** Of these, given up without a read. */
  readonly wasted: number
  /** Proposals that were neither read nor given up yet. */
  readonly outstanding: number
  /** How often memory was told to keep what will be read soon. */
  readonly kept: number
  /** Whether that is on, because a shadow gains by it. */
  readonly isKeeping: boolean
  /** The outcomes of the loads. */
  readonly loads: Prefetched
  /** The probability from which a candidate is proposed. */
  readonly threshold: number
  /**
   * The reduction of misses in the last windows compared with a cache without prefetching, as a share of that cache's
   * misses. Absent before the first window.
   */
  readonly benefit?: number
  /** Loads that were saved, or would have been while prefetching was off, as a share of all loads without it. */
  readonly spared: number
  /** How often prefetching was switched off. */
  readonly closings: number
  /** How often the traffic drifted. */
  readonly drifts: number
  /** Reads that were dropped because they came too fast. */
  readonly lost: number
  /** Patterns with candidates, most candidates first. */
  readonly patterns: readonly PatternPrediction[]
  /** Why a custom model is no longer called. */
  readonly modelFault?: ModelFault
}

/** A summary for health. */
export type PredictionSummary = Pick<Prediction, 'state' | 'accuracy' | 'benefit' | 'spared'>

export const predictionSummary = ({ state, accuracy, benefit, spared }: Prediction): PredictionSummary => ({
  state,
  ...(accuracy !== undefined && { accuracy }),
  ...(benefit !== undefined && { benefit }),
  spared,
})

export interface PredictionParts {
  readonly cache: string
  readonly predictor: Predictor | undefined
  readonly kept: number
  readonly loads: Prefetched
  readonly lost: number
  readonly fault: ModelFault | undefined
  readonly isLoading: boolean
}

export function figuresOf({ cache, predictor, kept, loads, lost, fault, isLoading }: PredictionParts): Prediction {
  const own = fault === undefined ? {} : { modelFault: fault }
  if (predictor === undefined)
    return {
      cache,
      state: 'off',
      proposed: 0,
      used: 0,
      wasted: 0,
      outstanding: 0,
      kept,
      isKeeping: false,
      loads,
      threshold: 1,
      spared: 0,
      closings: 0,
      drifts: 0,
      lost,
      patterns: [],
      ...own,
    }
  const { issued, used, wasted, outstanding, gate, isWorthRoom, judge, budget, spared } = predictor
  const ended = used + wasted
  return {
    cache,
    state: !isLoading ? 'watching' : isWorthRoom ? 'open' : 'closed',
    ...(ended > 0 && { accuracy: used / ended }),
    proposed: issued,
    used,
    wasted,
    outstanding,
    kept,
    isKeeping: isLoading && gate.isKeeping,
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
