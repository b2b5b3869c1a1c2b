// Options validated like the library's own: for authors of tiers, plug-ins and packages on top of it.
//
// A `Shape` has one check for each option of a type; the compiler refuses one with a missing or an additional name.
export {
  type Check,
  check,
  checkedElsewhere,
  checkOptions,
  duration,
  flag,
  fn,
  listOf,
  nearest,
  omit,
  oneOf,
  oneOrMore,
  options,
  type Required,
  type Resolved,
  record,
  recordOf,
  refused,
  required,
  type Shape,
  signal,
  text,
  texts,
  whole,
  withMethods,
} from './core/checks.ts'
export { counted } from './core/counted.ts'
export { type Duration, parseDuration } from './core/duration.ts'
export { isError, show } from './core/errors.ts'
export { showAddress } from './core/show-address.ts'
export { withoutSecrets } from './core/without-secrets.ts'
export { CACHE } from './create.ts'
