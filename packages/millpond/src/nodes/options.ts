// The options of a node, validated once.
import { hostname } from 'node:os'
import { checkOptions, clock as clockCheck, duration, fn, required, type Shape, withMethods } from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkName } from '../core/key.ts'
import type { NodeStore } from '../core/nodes.ts'
import type { NodeWarning } from './contract.ts'
import { checkNodeWord } from './message.ts'

export interface NodesOptions {
  /** Where the nodes meet: `cache.nodeStore`, a tier's `nodes`, or `memoryNodes()`. */
  readonly store: NodeStore
  /** Nodes of other channels are invisible. Default `millpond`. */
  readonly channel?: string | undefined
  /** The node's name, preferably stable across restarts. Default: the host's name and the process id. */
  readonly id?: string | undefined
  /** How often it announces itself, with its state. Default `'1s'`. */
  readonly every?: Duration | undefined
  /** After how much silence it is late. Default: five times `every`. */
  readonly lateAfter?: Duration | undefined
  /**
   * After how much silence others forget it; until then an operation over all nodes is incomplete without it. Default
   * `'10m'`.
   */
  readonly forgetAfter?: Duration | undefined
  /** Told of what needs a look; never throws into the channel. */
  readonly onWarning?: ((warning: NodeWarning) => void) | undefined
  /** For tests. */
  readonly clock?: Clock | undefined
}

const OPTIONS: Shape<NodesOptions> = {
  store: required(
    withMethods("a node store: cache.nodeStore, a tier's nodes, or memoryNodes()", 'beat', 'list', 'inbox'),
  ),
  channel: (value, at) => checkName(value, at),
  id: (value, at) => checkNodeWord(value, at),
  every: duration,
  lateAfter: duration,
  forgetAfter: duration,
  onWarning: fn(),
  clock: clockCheck,
}

export interface NodesSettings {
  readonly store: NodeStore
  readonly channel: string
  readonly id: string
  readonly everyMs: number
  readonly lateMs: number
  readonly forgetMs: number
  readonly clock: Clock
}

export function resolveNodes(options: NodesOptions): NodesSettings {
  checkOptions<NodesOptions>(options, OPTIONS, 'createNodes')
  const {
    store,
    channel = 'millpond',
    id = defaultId(),
    every = '1s',
    forgetAfter = '10m',
    clock = systemClock(),
  } = options
  const everyMs = within(every, 'every', 50, 3_600_000)
  const lateMs = within(options.lateAfter ?? 5 * everyMs, 'lateAfter', everyMs, 86_400_000)
  return {
    store,
    channel,
    id,
    everyMs,
    lateMs,
    forgetMs: within(forgetAfter, 'forgetAfter', lateMs, 86_400_000),
    clock,
  }
}

/** A duration in milliseconds, within bounds. */
export function within(value: Duration, name: string, least: number, most: number): number {
  const ms = parseDuration(value, name)
  if (ms >= least && ms <= most) return ms
  throw new MillpondError('OPTION_INVALID', `${name}: ${show(value)} is not allowed: give ${least} to ${most} ms`)
}

function defaultId(): string {
  const host = hostname().replace(/[^\x21-\x7e]/g, '-')
  return `${host.slice(0, 100)}-${process.pid}`
}
