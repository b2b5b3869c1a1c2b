// The rule that decides which entries are accepted, against the plainest model of it: all lines ever, looked through
// one by one.
import { describe, expect, it } from 'vitest'
import { dependencyTag } from '../../src/core/dependency.ts'
import type { Line, Target } from '../../src/core/ledger.ts'
import { type Judgement, LedgerView, MAX_PATTERNS } from '../../src/core/ledger-view.ts'
import fc from '../properties.ts'

const compile = (pattern: string) => (key: string) => key.startsWith(pattern.replace('*', ''))
const viewOf = (maxTargets?: number): LedgerView =>
  new LedgerView(() => 'e', { compile, ...(maxTargets !== undefined && { maxTargets }) })
const line = (seq: number, targets: readonly Target[], mode: Line['mode'] = 'delete'): Line => ({
  seq,
  targets,
  mode,
  reason: 'manual',
  id: `r${seq}`,
})
const key = (name: string): Target => ({ kind: 'key', key: name })
const tag = (name: string): Target => ({ kind: 'tag', tag: name })
const pattern = (text: string): Target => ({ kind: 'pattern', pattern: text })

const concerns = (target: Target, name: string, tags: readonly string[]): boolean =>
  target.kind === 'all' ||
  (target.kind === 'key' && target.key === name) ||
  (target.kind === 'tag' && tags.includes(target.tag)) ||
  (target.kind === 'pattern' && compile(target.pattern)(name))

function model(lines: readonly Line[], name: string, tags: readonly string[], seq: number): Judgement {
  const later = lines.filter((one) => one.seq > seq && one.targets.some((target) => concerns(target, name, tags)))
  if (later.some(({ mode }) => mode === 'delete')) return 'invalid'
  return later.length > 0 ? 'stale' : 'valid'
}

const KEYS = ['ab', 'ac', 'b', 'bc']
const TAGS = ['x', 'y', 'z']
const anyTarget = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...KEYS).map(key) },
  { weight: 4, arbitrary: fc.constantFrom(...TAGS).map(tag) },
  { weight: 2, arbitrary: fc.constantFrom('a*', 'b*', 'c*').map(pattern) },
  { weight: 1, arbitrary: fc.constant<Target>({ kind: 'all' }) },
)
const anyLines = fc
  .array(
    fc.tuple(fc.array(anyTarget, { minLength: 1, maxLength: 3 }), fc.constantFrom<Line['mode']>('delete', 'expire')),
    {
      maxLength: 12,
    },
  )
  .map((all) => all.map(([targets, mode], at) => line(at + 1, targets, mode)))
const anyEntry = fc.record({
  name: fc.constantFrom(...KEYS),
  tags: fc.uniqueArray(fc.constantFrom(...TAGS)),
  seq: fc.integer({ min: 0, max: 12 }),
})
/** In any order, some of them twice: own steps come early, and the log brings them again. */
const anyOrder = (lines: readonly Line[]) =>
  fc
    .tuple(fc.shuffledSubarray([...lines], { minLength: lines.length }), fc.subarray([...lines]))
    .map(([shuffled, again]) => [...shuffled, ...again])

describe('the view of a ledger', () => {
  it('judges as all lines together do, in whatever order and however often they come', () => {
    fc.assert(
      fc.property(
        anyLines.chain((lines) => fc.tuple(fc.constant(lines), anyOrder(lines))),
        fc.array(anyEntry, { minLength: 1, maxLength: 6 }),
        ([lines, told], entries) => {
          const view = viewOf()
          for (const one of told) view.apply(one)
          for (const { name, tags, seq } of entries)
            expect(view.judge(name, tags, seq)).toBe(model(lines, name, tags, seq))
          expect(view.head).toBe(lines.length)
        },
      ),
    )
  })

  it('with room for few targets, never trusts what all lines together would not', () => {
    const strict = { valid: 0, stale: 1, invalid: 2 } as const
    fc.assert(
      fc.property(anyLines, fc.array(anyEntry, { minLength: 1, maxLength: 6 }), (lines, entries) => {
        const view = viewOf(2)
        for (const one of lines) view.apply(one)
        for (const { name, tags, seq } of entries)
          expect(strict[view.judgeApart(name, tags, seq)]).toBeGreaterThanOrEqual(strict[model(lines, name, tags, seq)])
      }),
    )
  })

  it('names the last target that an entry fell to, and only where it fell', () => {
    fc.assert(
      fc.property(anyLines, anyEntry, (lines, { name, tags, seq }) => {
        const view = viewOf()
        for (const one of lines) view.apply(one)
        const blame = view.blame(name, tags, seq)
        expect(blame === undefined).toBe(view.judge(name, tags, seq) === 'valid')
        const last = lines.findLast((one) => one.targets.some((target) => concerns(target, name, tags)))
        if (blame !== undefined) expect(blame.seq).toBe(last?.seq)
      }),
    )
  })

  it('a forgotten key target costs copies elsewhere, and nothing in its own tier', () => {
    const view = viewOf(2)
    for (const [at, name] of ['a', 'b', 'c'].entries()) view.apply(line(at + 1, [key(name)]))
    expect([view.floor, view.outerFloor]).toEqual([0, 1])
    expect([view.judge('other', [], 0), view.judgeApart('other', [], 0), view.judgeApart('other', [], 1)]).toEqual([
      'valid',
      'invalid',
      'valid',
    ])
  })

  it('a forgotten key target costs nothing that was computed from other entries, and of those of its own the tag remains', () => {
    const view = viewOf(2)
    const changed = (name: string) => [key(name), tag(dependencyTag(name))]
    view.apply(line(1, changed('a')))
    for (const seq of [2, 3, 4]) view.apply(line(seq, [key(`k${seq}`)]))
    expect(view.outerFloor).toBe(2)
    const judged = (name: string, seq: number) => view.judgeDependent(name, [dependencyTag(name)], seq)
    expect([judged('other', 0), judged('a', 0), judged('a', 1)]).toEqual(['valid', 'invalid', 'valid'])
    expect(view.blameDependent('a', [dependencyTag('a')], 0)).toMatchObject({ kind: 'tag', seq: 1 })
  })

  it('a forgotten tag invalidates everything as old as it', () => {
    const view = viewOf(2)
    for (const [at, name] of ['a', 'b', 'c'].entries()) view.apply(line(at + 1, [tag(name)]))
    expect([view.judge('k', [], 0), view.judge('k', [], 1), view.judge('k', ['b'], 1)]).toEqual([
      'invalid',
      'valid',
      'invalid',
    ])
  })

  it('one pattern too many invalidates what is older than the oldest of them', () => {
    const view = viewOf()
    for (let seq = 1; seq <= MAX_PATTERNS + 1; seq++) view.apply(line(seq, [pattern(`p${seq}*`)]))
    expect([view.floor, view.judge('k', [], 0), view.judge('k', [], 1), view.judge('p7', [], 5)]).toEqual([
      1,
      'invalid',
      'valid',
      'invalid',
    ])
  })

  it('says of an own step that came first what is known of the lines before it: nothing', () => {
    const view = viewOf()
    view.apply(line(5, [key('a')]))
    expect([view.head, view.last]).toEqual([5, 0])
    for (const seq of [1, 2]) view.apply(line(seq, [key('b')]))
    expect([view.head, view.last]).toEqual([5, 2])
    view.reach(5, 3, 4)
    expect([view.last, view.floor, view.outerFloor, view.position]).toEqual([5, 3, 4, { epoch: 'e', seq: 5 }])
    view.reach(2, 1, 1)
    expect([view.last, view.floor, view.outerFloor]).toEqual([5, 3, 4])
  })

  it('begins anew with an epoch, and trusts nothing of another', () => {
    const view = viewOf()
    view.apply(line(1, [tag('x'), pattern('a*'), key('b')]))
    expect(view.judgeAt('k', [], { epoch: 'before', seq: 9 })).toBe('invalid')
    view.restart({ epoch: 'next', seq: 0 }, 0, 0)
    expect([view.judge('b', ['x'], 0), view.judge('ab', [], 0), view.head]).toEqual(['valid', 'valid', 0])
    expect([view.judgeAt('b', [], { epoch: 'e', seq: 1 }), view.judgeAt('b', [], { epoch: 'next', seq: 0 })]).toEqual([
      'invalid',
      'valid',
    ])
  })
})
