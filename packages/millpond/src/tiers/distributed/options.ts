// The options of the distributed tier, validated once.
import {
  check,
  checkedElsewhere,
  checkOptions,
  clock as clockCheck,
  duration,
  fn,
  options as optionsOf,
  orOff,
  required,
  type Shape,
  text,
  whole,
} from '../../core/checks.ts'
import { systemClock } from '../../core/clock.ts'
import type { Clock, LedgerStore, Scope, Tier } from '../../core/contracts.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { type BreakerOptions, checkBreaker } from '../../wrap/breaker.ts'
import { placeOfBoth } from '../places.ts'

/** A store of the ring. */
export interface DistributedNode {
  /**
   * Any tier: `redis({ url })`, `memcached({ servers })`, `postgres({ url })`, `sqlite({ path })`, `file({ path })`, or
   * your own. The ring closes it.
   */
  readonly tier: Tier
  /** Its share of the keys, relative to the weights of the others: above 0, up to 1,000,000. Default 1. */
  readonly weight?: number | undefined
  /**
   * The name by which keys are placed and reports name it: the same in every process and after every restart. Default:
   * the tier's own name, for the second such `redis-2`, and so on in the order of the list; so name the nodes if the
   * order may change, or keys move needlessly.
   */
  readonly name?: string | undefined
}

/** Limits on what is kept for nodes that are down. */
export interface HintOptions {
  /** Entries, over all nodes. Default 10,000. */
  readonly maxEntries?: number | undefined
  /** Bytes of bodies, over all nodes. Default 16 MiB. */
  readonly maxBytes?: number | undefined
}

/** A problem that an operator should know about but that fails no call. */
export interface DistributedWarning {
  /**
   * `down`, `up`: a node's state, reported when it changes. `hints`: entries kept for nodes that are down had to be
   * discarded.
   */
  readonly kind: 'down' | 'up' | 'hints'
  /** The name of the node. */
  readonly node: string
  /** What happened, in a sentence for an operator. */
  readonly message: string
  /** The error of the command that failed; only for `down`. */
  readonly cause?: unknown
}

export interface DistributedOptions {
  /** The stores that form the ring. */
  readonly nodes: readonly DistributedNode[]
  /**
   * The tier that keeps the ledger, such as `redis({ url })` or `postgres({ url })`; for nodes on one host `sqlite({
   * path })`. It holds no entries. The ring closes it.
   */
  readonly ledger: Tier
  /** How many nodes keep each entry. Default 2; with a single node 1. */
  readonly replicas?: number | undefined
  /**
   * The longest that a command to a node may take before another copy is read. Default 100 ms, so that two fit into the
   * time limit of the whole tier.
   */
  readonly timeout?: Duration | undefined
  /** When a node counts as down, and how often it is probed then. Default: 3 failed commands in a row, every 500 ms. */
  readonly breaker?: BreakerOptions | undefined
  /** Entries for a node that is down, kept in this process until it is back; `false`: none. */
  readonly hints?: HintOptions | false | undefined
  /** The pace of a move, in keys examined per second. Default 2,000. */
  readonly movePerSecond?: number | undefined
  /** Called with problems that fail no call but that an operator should know about. */
  readonly onWarning?: ((warning: DistributedWarning) => void) | undefined
  /** For tests. */
  readonly clock?: Clock | undefined
}

/** A node with its defaults filled in. */
export interface Member {
  readonly name: string
  readonly tier: Tier
  readonly weight: number
}

export interface DistributedSettings {
  readonly members: readonly Member[]
  readonly ledgerTier: Tier
  readonly ledger: LedgerStore
  readonly copies: number
  readonly timeoutMs: number
  readonly breaker: BreakerOptions
  readonly hints: { readonly maxEntries: number; readonly maxBytes: number }
  readonly movePerSecond: number
  readonly warn: (warning: DistributedWarning) => void
  readonly clock: Clock
}

const MOST_WEIGHT = 1_000_000
const weightCheck = check(
  (value): value is number => typeof value === 'number' && value > 0 && value <= MOST_WEIGHT,
  `a number above 0 and up to ${MOST_WEIGHT}; to take a node out, remove it`,
)
const HINTS: Shape<HintOptions> = { maxEntries: whole(0), maxBytes: whole(0) }
const NODE: Shape<DistributedNode> = { tier: required<Tier>(checkedElsewhere), weight: weightCheck, name: text }
const OPTIONS: Shape<DistributedOptions> = {
  nodes: required<readonly DistributedNode[]>(checkedElsewhere),
  ledger: required<Tier>(checkedElsewhere),
  replicas: whole(1),
  timeout: duration,
  breaker: (value, at) => {
    checkBreaker(value, at)
    return value
  },
  hints: orOff(optionsOf(HINTS)),
  movePerSecond: whole(1),
  onWarning: fn('a function that receives warnings for an operator'),
  clock: clockCheck,
}
const FORM = "[{ name: 'a', tier: redis({ url }) }, { name: 'b', tier: redis({ url: other }), weight: 2 }]"
const REACH: readonly Scope[] = ['process', 'host', 'shared']

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, naming the option and showing the value. */
export function resolveDistributed(options: DistributedOptions): DistributedSettings {
  checkOptions<DistributedOptions>(options, OPTIONS, 'distributed')
  const { nodes, replicas, hints, onWarning } = options
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw invalid('nodes', nodes, `is not a list of nodes: give one such as ${FORM}`)
  const members: Member[] = []
  for (const [at, node] of nodes.entries()) members.push(memberOf(node, `nodes[${at}]`, members))
  if (replicas !== undefined && replicas > members.length)
    throw invalid(
      'replicas',
      replicas,
      `is more than the number of nodes: give at most ${members.length}, or more nodes`,
    )
  const timeoutMs = parseDuration(options.timeout ?? 100, 'distributed.timeout')
  if (timeoutMs < 1) throw invalid('timeout', options.timeout, 'is not a waiting time: give at least 1 ms')
  return {
    members,
    ...ledgerOf(options.ledger, members),
    copies: replicas ?? Math.min(2, members.length),
    timeoutMs,
    breaker: { threshold: options.breaker?.threshold ?? 3, openMs: options.breaker?.openMs ?? 500 },
    hints:
      hints === false
        ? { maxEntries: 0, maxBytes: 0 }
        : { maxEntries: hints?.maxEntries ?? 10_000, maxBytes: hints?.maxBytes ?? 2 ** 24 },
    movePerSecond: options.movePerSecond ?? 2000,
    warn: onWarning ?? (() => {}),
    clock: options.clock ?? systemClock(),
  }
}

/**
 * Validates a node that joins the others.
 * @throws MillpondError `OPTION_INVALID`.
 */
export function memberOf(given: unknown, at: string, others: readonly Member[]): Member {
  checkOptions<DistributedNode>(given, NODE, `distributed.${at}`)
  const { tier, weight = 1 } = given
  if (!isTier(tier)) throw invalid(`${at}.tier`, tier, `is not a tier outside memory: give one as in ${FORM}`)
  const twin = others.find((other) => other.tier === tier)
  if (twin !== undefined)
    throw invalid(
      `${at}.tier`,
      twin.name,
      'is already a node: give each node its own tier, or that one a higher weight',
    )
  for (const other of others) {
    const place = placeOfBoth(tier, other.tier)
    if (place !== undefined)
      throw invalid(
        `${at}.tier`,
        place,
        `is already the store of the node ${show(other.name)}, so it cannot hold a second copy: give each node its own store, or that one a higher weight`,
      )
  }
  const [first] = others
  if (first !== undefined && first.tier.scope !== tier.scope)
    throw invalid(
      `${at}.tier`,
      tier.scope,
      `is not the scope of the others (${first.tier.scope}): nodes must be visible to the same processes`,
    )
  const isTaken = (name: string): boolean => others.some((other) => other.name === name)
  if (given.name !== undefined && isTaken(given.name))
    throw invalid(`${at}.name`, given.name, 'is the name of another node: give each its own name')
  let name = given.name ?? tier.name
  for (let count = 2; given.name === undefined && isTaken(name); count++) name = `${tier.name}-${count}`
  return { name, tier, weight }
}

/** @throws MillpondError `OPTION_INVALID`. */
export function checkWeight(weight: unknown): number {
  return weightCheck(weight, 'distributed.weight')
}

function ledgerOf(
  ledgerTier: unknown,
  [member]: readonly Member[],
): Pick<DistributedSettings, 'ledgerTier' | 'ledger'> {
  if (!isTier(ledgerTier))
    throw invalid(
      'ledger',
      ledgerTier,
      'is not a tier: give one that can hold a ledger, such as redis({ url }) or postgres({ url })',
    )
  const { ledger, name } = ledgerTier
  if (ledger === undefined)
    throw invalid(
      'ledger',
      name,
      'cannot hold a ledger: give redis({ url }), postgres({ url }), or sqlite({ path }) for one host',
    )
  const scope = member?.tier.scope ?? 'shared'
  if (REACH.indexOf(ledger.scope) < REACH.indexOf(scope))
    throw invalid(
      'ledger',
      name,
      `reaches one ${ledger.scope}, but the nodes are ${scope}: without a shared ledger it is unknown which entries are valid; give redis({ url }) or postgres({ url })`,
    )
  return { ledgerTier, ledger }
}

const isTier = (given: unknown): given is Tier =>
  typeof given === 'object' &&
  given !== null &&
  'read' in given &&
  'write' in given &&
  'drop' in given &&
  'clear' in given

function invalid(name: string, value: unknown, why: string): MillpondError {
  return new MillpondError('OPTION_INVALID', `distributed.${name}: ${show(value)} ${why}`)
}
