// Lines and targets to the form of the record, and back. A line that cannot be read counts as a clear, which can only
// invalidate too much.
import type { Change } from '../../core/contracts.ts'
import { type Line, type Position, stampedId, type Target } from '../../core/ledger.ts'
import type { PullReply } from '../paged-snapshots.ts'

/** Kind letter and name. */
export function targetText(target: Target): string {
  if (target.kind === 'key') return `k${target.key}`
  if (target.kind === 'tag') return `t${target.tag}`
  return target.kind === 'pattern' ? `p${target.pattern}` : 'a'
}

export function lineText(change: Change, targets: readonly string[]): string {
  return JSON.stringify({ t: targets, m: change.mode === 'delete' ? 'd' : 'x', r: change.reason, i: change.id })
}

/** How many keys a push names at most, in how many characters: it goes to every process that follows. */
const MAX_PUSHED = 16
const MAX_PUSHED_TEXT = 1024

/** What a push says besides the position: the keys that others drop at once, unless they are many. */
export function pushOf({ mode, targets }: Change): string {
  if (mode !== 'delete') return ''
  const keys = targets.flatMap((target) => (target.kind === 'key' ? target.key : []))
  if (keys.length === 0 || keys.length > MAX_PUSHED) return ''
  const text = JSON.stringify(keys)
  return text.length > MAX_PUSHED_TEXT ? '' : ` ${text}`
}

/** What a step has published. Whatever else may be read there says nothing. */
export function readPush(text = ''): { readonly at?: Position; readonly keys?: readonly string[] } {
  const [, epoch, seq, named] = /^(\S+) (\d{1,15})(?: (\[.*))?$/s.exec(text) ?? []
  if (epoch === undefined) return {}
  const at = { epoch, seq: Number(seq) }
  const keys = named === undefined || named.length > MAX_PUSHED_TEXT ? undefined : parse(named)
  const isNamed = Array.isArray(keys) && keys.length <= MAX_PUSHED && keys.every((key) => typeof key === 'string')
  return isNamed ? { at, keys } : { at }
}

/** @throws Error if the reply does not have the script's form. */
export function readReply(reply: unknown): PullReply {
  if (!Array.isArray(reply)) throw new Error('the script answered no list')
  const [kind, epoch, number, lowest, commits, ...rest] = reply.map(String)
  const seq = Number(number)
  const floor = Number(lowest)
  const outerFloor = Math.max(floor, Number(commits))
  if (epoch === undefined || !Number.isSafeInteger(seq) || !Number.isSafeInteger(outerFloor))
    throw new Error('the script answered no position')
  const position = { epoch, seq }
  if (kind === 'large') return { kind, position }
  if (kind === 'tail')
    return {
      kind,
      position,
      floor,
      outerFloor,
      lines: rest.map((text, index) => readLine(text, seq - rest.length + 1 + index)),
    }
  return { kind: 'snapshot', position, floor, outerFloor, lines: linesOf(readPairs(rest[0]), floor) }
}

/** Field and value in turn. @throws Error if the reply does not have the script's form. */
export function readPairs(text: unknown): string[] {
  const pairs = parse(String(text))
  if (!Array.isArray(pairs)) throw new Error('the script answered no targets')
  return pairs.map(String)
}

function readLine(text: string, seq: number): Line {
  const content = parse(text.slice(text.indexOf(' ') + 1))
  const targets = field(content, 't')
  return {
    seq,
    targets: Array.isArray(targets) ? targets.map((target) => readTarget(String(target))) : [{ kind: 'all' }],
    mode: field(content, 'm') === 'x' ? 'expire' : 'delete',
    reason: String(field(content, 'r') ?? 'manual'),
    id: String(field(content, 'i') ?? ''),
  }
}

/**
 * Targets as lines, grouped by number and mode, in the order of their numbers, without those that the floor covers.
 * Reason and id are known only while the log holds the line, and not kept with each target, except for the stamp of
 * keys that were written sealed.
 */
export function linesOf(pairs: readonly string[], floor: number): Line[] {
  const lines = new Map<string, Line & { readonly targets: Target[] }>()
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const name = pairs[index] ?? ''
    const [number, stamp] = (pairs[index + 1] ?? '').split(' ')
    const seq = Number(number)
    if (seq < floor) continue
    const mode = name[1] === 'x' ? 'expire' : 'delete'
    const target = readTarget(name.slice(2))
    const id = stamp === undefined ? '' : stampedId(stamp, '')
    const known = lines.get(`${mode} ${seq} ${id}`)
    if (known !== undefined) known.targets.push(target)
    else lines.set(`${mode} ${seq} ${id}`, { seq, mode, targets: [target], reason: 'unknown', id })
  }
  return [...lines.values()].sort((a, b) => a.seq - b.seq)
}

function readTarget(text: string): Target {
  const name = text.slice(1)
  if (text[0] === 'k') return { kind: 'key', key: name }
  if (text[0] === 't') return { kind: 'tag', tag: name }
  return text[0] === 'p' ? { kind: 'pattern', pattern: name } : { kind: 'all' }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function field(content: unknown, name: string): unknown {
  return typeof content === 'object' && content !== null ? Reflect.get(content, name) : undefined
}
