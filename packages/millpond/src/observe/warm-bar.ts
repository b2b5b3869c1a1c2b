// A progress bar of warming in a terminal, and one line per plan elsewhere.
import { checkOptions, type Shape, texts, withMethods } from '../core/checks.ts'
import type { CacheEvents } from '../core/events.ts'

/** The used part of a cache. */
export interface WarmBarCache {
  /** Calls the listener with the progress of warming; the returned function removes it. */
  on(event: 'warm', listener: (detail: CacheEvents['warm']) => void): () => void
}

/** Where it is shown. */
export interface WarmBarOptions {
  /** The output. Default: the process's standard error. */
  readonly out?: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number } | undefined
  /** Only plans of these namespaces. Default: all. */
  readonly namespaces?: readonly string[] | undefined
}

const OPTIONS: Shape<WarmBarOptions> = {
  out: withMethods<NonNullable<WarmBarOptions['out']>>('a stream, such as process.stdout', 'write'),
  namespaces: texts('a list of namespaces'),
}
const warming = withMethods<WarmBarCache>('a cache, such as createCache()', 'on')
const CELLS = 24
const CLEAR = '\r\u001b[K'

/**
 * Shows the progress of `cache.warm` and its schedule, until the returned function is called.
 * @example const hide = showWarming(cache) await cache.warm(plans) hide()
 */
export function showWarming(cache: WarmBarCache, options: WarmBarOptions = {}): () => void {
  warming(cache, 'showWarming')
  checkOptions<WarmBarOptions>(options, OPTIONS, 'showWarming')
  const { out = process.stderr, namespaces } = options
  return cache.on('warm', (event) => {
    if (namespaces !== undefined && !namespaces.includes(event.namespace)) return
    const isOver = event.state === 'ended'
    if (out.isTTY !== true) {
      if (isOver) out.write(`${lineOf(event)}\n`)
      return
    }
    // A terminal of unknown width reports 0.
    out.write(`${CLEAR}${lineOf(event).slice(0, (out.columns || 80) - 1)}${isOver ? '\n' : ''}`)
  })
}

function lineOf({ plan, namespace, state, warmed, fresh, empty, failed, total, ms }: CacheEvents['warm']): string {
  const tried = warmed + fresh + empty + failed
  const share = state === 'ended' ? 1 : total === undefined || total === 0 ? undefined : Math.min(1, tried / total)
  const full = Math.round((share ?? 0) * CELLS)
  const bar = share === undefined ? '.'.repeat(CELLS) : '#'.repeat(full) + '.'.repeat(CELLS - full)
  const count = total === undefined ? `${tried}` : `${tried}/${total}`
  const told = [
    `${warmed} loaded`,
    ...(fresh > 0 ? [`${fresh} fresh`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ]
  return `[${bar}] ${count} ${namespace === 'default' ? '' : `${namespace}: `}${plan}, ${told.join(', ')}, ${(ms / 1000).toFixed(1)} s`
}
