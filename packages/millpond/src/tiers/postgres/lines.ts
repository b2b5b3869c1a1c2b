// Encodes and decodes lines and targets as stored in the tables. What cannot be read is taken to apply to everything:
// that can only invalidate too much.
import type { Change, Snapshot, Tail } from '../../core/contracts.ts'
import type { Line, Target } from '../../core/ledger.ts'
import type { Row } from './call.ts'
import { numberAt, textAt } from './columns.ts'
import { bytesOf } from './record.ts'

const LETTERS = { key: 'k', tag: 't', pattern: 'p', all: 'a' } as const

export function kindOf(target: Target): string {
  return LETTERS[target.kind]
}

export function nameOf(target: Target): string {
  if (target.kind === 'key') return target.key
  if (target.kind === 'tag') return target.tag
  return target.kind === 'pattern' ? target.pattern : ''
}

export function nameBytes(target: Target): Buffer {
  return bytesOf(nameOf(target))
}

/** A target as JSON in a line: what the server inserts into a line of its own when a hold expires. */
export function labelOf(target: Target): string {
  return JSON.stringify(kindOf(target) + nameOf(target))
}

export function lineText({ mode, reason, id }: Change, targets: readonly Target[]): string {
  return JSON.stringify({
    t: targets.map((target) => kindOf(target) + nameOf(target)),
    m: mode === 'delete' ? 'd' : 'x',
    r: reason,
    i: id,
  })
}

/** Reason and receipt, kept with each target. */
export function metaOf({ reason, id }: Change): string {
  return JSON.stringify([reason, id])
}

/** Columns: kind, epoch, number, floor, a list in JSON without its brackets, and the floor for copies. */
export function readAnswer(row: Row): Snapshot | Tail {
  const position = { epoch: textAt(row, 1), seq: numberAt(row, 2) }
  const floor = numberAt(row, 3)
  const outerFloor = Math.max(floor, numberAt(row, 5))
  const content: unknown = JSON.parse(`[${textAt(row, 4)}]`)
  const items: unknown[] = Array.isArray(content) ? content : []
  if (row[0] === 'tail') {
    return {
      kind: 'tail',
      position,
      floor,
      outerFloor,
      lines: items.map((item, index) => readLine(item, position.seq - items.length + 1 + index)),
    }
  }
  return { kind: 'snapshot', position, floor, outerFloor, lines: items.map(readTargets) }
}

function readLine(item: unknown, seq: number): Line {
  const targets = field(item, 't')
  return {
    seq,
    targets: Array.isArray(targets)
      ? targets.map((text) => targetOf(String(text).slice(0, 1), String(text).slice(1)))
      : [{ kind: 'all' }],
    mode: field(item, 'm') === 'x' ? 'expire' : 'delete',
    reason: String(field(item, 'r') ?? 'manual'),
    id: String(field(item, 'i') ?? ''),
  }
}

/**
 * [number, mode, [reason, receipt], kinds and names in hexadecimal digits, a space between], in the order of numbers.
 */
function readTargets(item: unknown): Line {
  const [seq, mode, meta, names]: unknown[] = Array.isArray(item) ? item : []
  const [reason, id]: unknown[] = Array.isArray(meta) ? meta : []
  const targets = String(names)
    .split(' ')
    .map((text) => targetOf(text.slice(0, 1), Buffer.from(text.slice(1), 'hex').toString('utf8')))
  return {
    seq: Number(seq),
    mode: mode === 'x' ? 'expire' : 'delete',
    targets,
    reason: String(reason ?? 'manual'),
    id: String(id ?? ''),
  }
}

function targetOf(kind: string, name: string): Target {
  if (kind === 'k') return { kind: 'key', key: name }
  if (kind === 't') return { kind: 'tag', tag: name }
  return kind === 'p' ? { kind: 'pattern', pattern: name } : { kind: 'all' }
}

function field(content: unknown, name: string): unknown {
  return typeof content === 'object' && content !== null ? Reflect.get(content, name) : undefined
}
