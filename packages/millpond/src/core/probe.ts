/**
 * The namespace of trials, such as a benchmark: erased and closed afterwards. What is done there is nobody's traffic,
 * so recorders are not told of it.
 */
export const PROBE = 'millpond.probe'
