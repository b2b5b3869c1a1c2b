// A part of a health score in words: what was measured, beside what is expected.
import { numberAt, type Row, textAt } from '../connection/read.ts'
import { joined, type Safe, text } from '../terminal/text.ts'
import { count, milliseconds, percent } from '../terminal/units.ts'

/** `hit ratio: 41.0 %, target 80.0 %`. Of an unknown part, why it is unknown. */
export function partWords(part: Row): Safe {
  const [name, detail] = [textAt(part, 'name'), textAt(part, 'detail')]
  const of = PARTS[name]
  const title = of?.title(detail) ?? name.replaceAll('_', ' ')
  if (textAt(part, 'state') !== 'known') return text`${title}: ${detail === '' ? 'not known' : detail}`
  const words = of?.words(numberAt(part, 'value'), numberAt(part, 'target'), detail) ?? [
    count(numberAt(part, 'value')),
    ...(numberAt(part, 'target') === null ? [] : [`target ${count(numberAt(part, 'target'))}`]),
    ...(detail === '' ? [] : [detail]),
  ]
  return text`${title}: ${joined(words, ', ')}`
}

type Known = number | null
interface PartKind {
  title(detail: string): string
  words(value: Known, target: Known, detail: string): readonly string[]
}

/** By name. A part that only a newer server has is shown as it comes. */
const PARTS: Readonly<Record<string, PartKind>> = {
  hit_ratio: {
    title: () => 'hit ratio',
    words: (value, target, detail) => [
      percent(value),
      detail === '' ? `target ${percent(target)}` : `${detail} is ${percent(target)}`,
    ],
  },
  tier_latency: {
    title: (tier) => (tier === '' || tier.includes(' ') ? 'latency of tiers' : `p99 of ${tier}`),
    words: (value, target) => [milliseconds(value), `target ${milliseconds(target)}`],
  },
  errors: {
    title: () => 'errors',
    words: (value, _, detail) => [detail === '' ? `${percent(value)} of calls to tiers and loaders fail` : detail],
  },
  young_evictions: {
    title: () => 'early evictions',
    words: (value) => [`${percent(value)} of reads miss what was evicted before half its TTL`],
  },
  invalidation_lag: {
    title: () => 'invalidations late',
    words: (value, _, detail) => [detail === '' ? count(value) : detail],
  },
  refill: {
    title: () => 'refill',
    words: (value, usual, detail) => [
      `${count(value)} loads a second`,
      ...(usual === null ? [] : [`usual ${count(usual)}`]),
      ...(detail === '' ? [] : [detail]),
    ],
  },
}
