/**
 * The namespace of trials, such as a benchmark: erased and closed afterwards. Its reads and writes are not user
 * traffic, so recorders do not get them.
 */
export const PROBE = 'millpond.probe'
