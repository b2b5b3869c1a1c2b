// Arithmetic of the insight pages: interpolation between sizes, choosing a process, formatting a change.
import type { Amount, NodeAnswer, Range, Sized, SizePoint } from '../../api/insight.ts'
import type { MemoryChange } from '../../api/types.ts'
import type { Figure, Numbers } from '../../format/numbers.ts'

/** The miss ratio at a size between those that were simulated: linear interpolation over the logarithm of the size. */
export function missAt(sizes: readonly SizePoint[], factor: number): Range | undefined {
  const next = sizes.findIndex((point) => point.factor >= factor)
  const [below, above] = [sizes[next - 1], sizes[next]]
  if (above === undefined) return undefined
  const right = missOf(above.hit_ratio)
  if (below === undefined) return above.factor === factor ? right : undefined
  const left = missOf(below.hit_ratio)
  const share = (Math.log(factor) - Math.log(below.factor)) / (Math.log(above.factor) - Math.log(below.factor))
  const between = (from: number, to: number): number => from + (to - from) * share
  return {
    value: between(left.value, right.value),
    low: between(left.low, right.low),
    high: between(left.high, right.high),
  }
}

/** The miss ratio of a shadow with the current policy, if one had that size. */
export function ownAt({ policies, policy, hit_ratio }: Sized, factor: number): Range | undefined {
  const own = policies.find((point) => point.policy === policy && Math.abs(point.factor - factor) < 1e-9)
  return own === undefined ? undefined : missOf(plus(own.change, hit_ratio))
}

const plus = ({ value, low, high }: Range, by: number): Range => ({
  value: value + by,
  low: low + by,
  high: Math.min(1, high + by),
})

export const missOf = ({ value, low, high }: Range): Range => ({ value: 1 - value, low: 1 - high, high: 1 - low })

/** The smallest size above which more memory brings less than a percentage point of all reads. */
export function kneeOf(sizes: readonly SizePoint[]): SizePoint | undefined {
  const last = sizes.at(-1)
  return last === undefined ? undefined : sizes.find(({ hit_ratio }) => last.hit_ratio.value - hit_ratio.value < 0.01)
}

/** The process with enough data and the most of it comes first. */
export function speakerOf<T extends Sized>(
  nodes: readonly NodeAnswer<T>[],
  wanted: string | null,
): NodeAnswer<T> | undefined {
  const weight = ({ said }: NodeAnswer<T>): number =>
    said === null ? -1 : said.evidence.reads + (said.evidence.is_enough ? 1e15 : 0)
  return (
    nodes.find(({ node, said }) => node === wanted && said !== null) ??
    [...nodes].sort((a, b) => weight(b) - weight(a))[0]
  )
}

export function readsPerSecond({ evidence: { from, to, reads } }: Sized): number | undefined {
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000
  return seconds > 0 ? reads / seconds : undefined
}

export function amountOf(numbers: Numbers, { unit, amount }: Amount): Figure {
  return unit === 'bytes' ? numbers.bytes(amount) : { value: numbers.count(amount), unit: 'entries' }
}

/** "+6.1 points": percentage points of all reads. */
export function points(numbers: Numbers, share: number): string {
  const value = round(share * 100)
  return (value > 0 ? '+' : '') + numbers.fixed(value, 1)
}

/** Zero is never "−0". */
const round = (value: number): number => Math.round(value * 10) / 10 || 0

const POLICIES: Readonly<Record<string, string>> = {
  lru: 'LRU',
  sieve: 'SIEVE',
  's3-fifo': 'S3-FIFO',
  'w-tinylfu': 'W-TinyLFU',
}

export const policyName = (policy: string): string => POLICIES[policy] ?? policy

const WORDS = { max_entries: 'entries at most', max_bytes: 'memory at most', policy: 'policy' } as const

/** One row per setting: its label, and its value. */
export function settingsOf(
  numbers: Numbers,
  change: MemoryChange,
): readonly { readonly name: string; readonly text: string }[] {
  const { max_entries, max_bytes, policy } = change
  const bytes = max_bytes === undefined ? undefined : numbers.bytes(max_bytes)
  return [
    ...(max_entries === undefined ? [] : [{ name: WORDS.max_entries, text: numbers.count(max_entries) }]),
    ...(bytes === undefined ? [] : [{ name: WORDS.max_bytes, text: `${bytes.value} ${bytes.unit}` }]),
    ...(policy === undefined ? [] : [{ name: WORDS.policy, text: policyName(policy) }]),
  ]
}
