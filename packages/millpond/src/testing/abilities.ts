// The declared abilities of tiers, as a table in Markdown.
import type { Tier } from '../core/contracts.ts'

const HEAD = [
  'tier',
  'reaches',
  'outlives the process',
  'keeps the ledger',
  'can be listed',
  'tells its usage',
  'can be bounded by',
  'largest body',
]

/** One row per tier, in the order given; nothing is connected or read. */
export function tierAbilities(tiers: readonly Tier[]): string {
  const lines = [HEAD, ...tiers.map(abilitiesOf)]
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const [head = '', ...body] = lines.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  )
  return [head, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body].join('\n')
}

function abilitiesOf(tier: Tier): readonly string[] {
  const yes = (has: boolean): string => (has ? 'yes' : 'no')
  const { itemBytes = Number.POSITIVE_INFINITY } = tier.limits ?? {}
  return [
    tier.name,
    tier.scope,
    yes(tier.durable),
    yes(tier.ledger !== undefined),
    yes(tier.scan !== undefined),
    yes(tier.usage !== undefined),
    boundedBy(tier),
    itemBytes === Number.POSITIVE_INFINITY ? 'any' : `${itemBytes.toLocaleString('en')} bytes`,
  ]
}

/** The bounds that it is configured with. */
function boundedBy({ bounds = {} }: Tier): string {
  const by = [
    ...(bounds.maxEntries === undefined ? [] : ['entries']),
    ...(bounds.maxBytes === undefined ? [] : ['bytes']),
  ]
  return by.length === 0 ? 'no' : by.join(', ')
}
