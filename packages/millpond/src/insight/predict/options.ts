// Checks the options of prediction.
import { checkOptions, duration, fn, type Shape, withMethods } from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import type { WasteBounds } from './budget.ts'
import type { ModelFault, PredictorModel } from './model-guard.ts'
import { BOUNDS } from './predictor-options.ts'

/** Options of the prediction of next reads. */
export interface UsagePrediction extends WasteBounds {
  /**
   * The most keys that are tracked, from 1,024 to 65,536; 160 bytes each, plus their names. Default 16,384: all of
   * insight stays below 16 MiB.
   */
  readonly keys?: number | undefined
  /** A custom model in place of the built-in one. Its proposals are subject to the same budget and gate. */
  readonly model?: PredictorModel | undefined
  /** The time limit of a call of the model, after which it is dropped. Default 50 ms. */
  readonly modelTimeout?: Duration | undefined
  /** Called once when it is dropped. Default: a process warning. */
  readonly onModelOff?: ((fault: ModelFault) => void) | undefined
}

export interface PredictionSettings {
  readonly isLoading: boolean
  readonly waste: number | undefined
  readonly least: number | undefined
  readonly keys: number
  readonly model: PredictorModel | undefined
  readonly modelTimeoutMs: number
  readonly onModelOff: (fault: ModelFault) => void
}

const OPTIONS: Shape<UsagePrediction> = {
  ...BOUNDS,
  model: withMethods<PredictorModel>('a model with observe(batch) and candidates(context)', 'observe', 'candidates'),
  modelTimeout: duration,
  onModelOff: fn('a function that receives the reason why the model was dropped'),
}
const MODEL_MS = 50
const KEYS = 16_384

/** `undefined`: prediction is off. @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID` */
export function predictionSettings(
  usage: boolean | UsagePrediction,
  isLoading: boolean,
): PredictionSettings | undefined {
  if (usage === false && !isLoading) return undefined
  const given = typeof usage === 'boolean' ? {} : usage
  checkOptions<UsagePrediction>(given, OPTIONS, 'usagePrediction')
  const { waste, least, keys = KEYS, model, modelTimeout, onModelOff = warn } = given
  const modelTimeoutMs =
    modelTimeout === undefined ? MODEL_MS : parseDuration(modelTimeout, 'usagePrediction.modelTimeout')
  return { isLoading, waste, least, keys, model, modelTimeoutMs, onModelOff }
}

const warn = ({ code, message }: ModelFault): void =>
  process.emitWarning(`the model of usagePrediction is no longer used (${code}): ${message}`, 'MillpondWarning')
