// `millpond/insight`.
export { Curve, type Outcome, type Scenario } from './curve.ts'
export { Shadows } from './shadows.ts'
export { missesPerRead } from './tally.ts'
