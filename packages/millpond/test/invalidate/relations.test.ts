// Declared relations: what goes along, within which bounds, always in the same order.
import { describe, expect, it } from 'vitest'
import { changedTags, idText, modelTags } from '../../src/invalidate/model-tags.ts'
import { type ModelRules, Relations } from '../../src/invalidate/relations.ts'
import fc from '../properties.ts'

describe('model tags', () => {
  it('a row change reaches its entries and every list; a model change reaches all', () => {
    const hits = (entry: readonly string[], change: readonly string[]): boolean =>
      entry.some((tag) => change.includes(tag))
    expect(hits(modelTags('User', 7), changedTags('User', 7))).toBe(true)
    expect(hits(modelTags('User', 8), changedTags('User', 7))).toBe(false)
    expect(hits(modelTags('User'), changedTags('User', 7))).toBe(true)
    expect(hits(modelTags('User', 8), changedTags('User'))).toBe(true)
    expect(hits(modelTags('User'), changedTags('User'))).toBe(true)
    expect(hits(modelTags('Users', 7), changedTags('User'))).toBe(false)
  })

  it('G10: different rows never share a tag, and no id passes for any row', () => {
    const id = fc.oneof(
      fc.constantFrom('*', '\\*', '\\', '7', ':', 'a:b', '__proto__'),
      fc.string({ minLength: 1 }),
      fc.integer(),
      fc.bigInt(),
    )
    fc.assert(
      fc.property(id, id, (a, b) => {
        if (String(a) === String(b)) return
        expect(changedTags('M', a).filter((tag) => modelTags('M', b).includes(tag))).toEqual([])
      }),
    )
    expect(changedTags('User', 7)).toEqual(changedTags('User', '7'))
    expect(changedTags('User', 7n)).toEqual(changedTags('User', 7))
    expect(idText(-0)).toBe('0')
  })

  it('refuses names and ids that could meet others', () => {
    for (const model of ['', 'a:b', '*', 'x'.repeat(200), '\ud800', 'a\nb'])
      expect(() => modelTags(model)).toThrow(/is not a name/)
    for (const id of ['', '\ud800', Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => modelTags('User', id)).toThrow(/id .* is not allowed/)
    expect(() => modelTags('User', 'x'.repeat(2000))).toThrow(/longer than/)
  })
})

describe('Relations', () => {
  const tagsOf = (rules: ModelRules, model: string, id?: number): readonly string[] =>
    new Relations(rules).plan(model, id).tags

  it('I3: the declared form of the specification', () => {
    const relations = new Relations({
      User: { invalidateOn: ['save', 'delete'], related: ['profile', 'permissions'] },
      Assessment: { cascade: true },
      Deal: { related: ['Assessment', { model: 'milestones', id: 'same' }, { tag: 'pipeline' }] },
    })
    expect(relations.plan('User', 7).tags).toEqual([
      'model:User:7',
      'model:User',
      'model:profile',
      'model:profile:*',
      'model:permissions',
      'model:permissions:*',
    ])
    expect(relations.plan('Deal', 3).tags).toEqual([
      ...[
        'model:Deal:3',
        'model:Deal',
        'pipeline',
        'model:Assessment',
        'model:Assessment:*',
        'model:milestones:3',
        'model:milestones',
      ],
    ])
    // Upwards: a deal's entries may show its assessment.
    expect(relations.plan('Assessment', 1).steps.map((step) => [step.model, step.id, step.by])).toEqual([
      ['Assessment', '1', undefined],
      ['Deal', undefined, 'Assessment'],
    ])
    expect(relations.plan('Unknown', 'x').tags).toEqual(['model:Unknown:x', 'model:Unknown'])
  })

  it('follows relations of relations, unless cascade is false', () => {
    const rules: ModelRules = { A: { related: ['B'] }, B: { related: ['C', { tag: 'b-too' }] }, C: {} }
    expect(tagsOf(rules, 'A')).toEqual([
      'model:A',
      'model:A:*',
      'model:B',
      'model:B:*',
      'b-too',
      'model:C',
      'model:C:*',
    ])
    expect(tagsOf({ ...rules, A: { related: ['B'], cascade: false } }, 'A')).toEqual([
      'model:A',
      'model:A:*',
      'model:B',
      'model:B:*',
    ])
    const both = new Relations({ ...rules, A: { related: ['B'], cascade: false }, D: { related: ['B'] } })
    expect(both.planAll([{ model: 'A' }, { model: 'D' }]).tags).toContain('model:C')
    expect(both.planAll([{ model: 'D' }, { model: 'A' }]).tags).toContain('model:C')
  })

  it('rows: by function, by the same id, and whole where they are not known', () => {
    const rules: ModelRules = {
      Team: { related: [{ model: 'User', id: (id) => [`${id}0`, `${id}1`] }] },
      User: { related: [{ model: 'Profile', id: 'same' }] },
    }
    expect(new Relations(rules).plan('Team', 4).steps.map(({ model, id }) => [model, id])).toEqual([
      ...[
        ['Team', '4'],
        ['User', '40'],
        ['User', '41'],
        ['Profile', '40'],
        ['Profile', '41'],
      ],
    ])
    expect(tagsOf(rules, 'Team')).toEqual([
      'model:Team',
      'model:Team:*',
      'model:User',
      'model:User:*',
      'model:Profile',
      'model:Profile:*',
    ])
    expect(tagsOf({ Team: { related: [{ model: 'User', id: () => undefined }] } }, 'Team', 4)).toContain('model:User:*')
    expect(tagsOf({ Team: { related: [{ model: 'User', id: () => [] }] } }, 'Team', 4)).toEqual([
      'model:Team:4',
      'model:Team',
    ])
    const asked: string[] = []
    new Relations({ T: { related: [{ model: 'U', id: (id) => void asked.push(id) }] } }).plan('T', '*x')
    expect(asked).toEqual(['*x'])
  })

  it('cycles end, and rows that lead to rows without end become their model', () => {
    expect(tagsOf({ A: { related: ['B'] }, B: { related: ['A'] } }, 'A', 1)).toEqual([
      'model:A',
      'model:A:*',
      'model:B',
      'model:B:*',
    ])
    const tree = new Relations({ Node: { related: [{ model: 'Node', id: (id) => Number(id) + 1 }] } }, { maxDepth: 3 })
    expect(tree.plan('Node', 0)).toEqual({
      tags: ['model:Node', 'model:Node:*'],
      steps: [{ model: 'Node', by: 'Node', depth: 4 }],
      widened: ['Node'],
    })
  })

  it('over the budget the model with the most rows goes whole, and the plan says so', () => {
    const rules: ModelRules = {
      Org: { related: ['Role', { model: 'User', id: () => Array.from({ length: 5000 }, (_, i) => i) }] },
    }
    const plan = new Relations(rules, { maxTargets: 50 }).plan('Org', 1)
    expect(plan.widened).toEqual(['User'])
    expect(plan.tags).toEqual(['model:Org:1', 'model:Org', 'model:Role', 'model:Role:*', 'model:User', 'model:User:*'])
  })

  it('G27: a relation that names a million rows is cut short', () => {
    const ids = Array.from({ length: 1_000_000 }, (_, i) => i)
    const relations = new Relations({ Org: { related: [{ model: 'User', id: () => ids }] } })
    const before = process.cpuUsage()
    expect(relations.plan('Org', 1).widened).toEqual(['User'])
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(100)
  })

  it('refuses relations that are too deep or too wide, and malformed rules', () => {
    const chain = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`M${i}`, { related: [`M${i + 1}`] }]))
    expect(() => new Relations(chain)).toThrow(
      /models\.M0: its relations are 10 levels deep, and at most 8 are allowed/,
    )
    expect(() => new Relations(chain, { maxDepth: 10 })).not.toThrow()
    expect(() => new Relations({ A: { related: ['B', 'C', 'D'] } }, { maxTargets: 3 })).toThrow(/reaches 4 models/)
    const wrong: unknown[] = [
      { A: 1 },
      { A: { relatd: [] } },
      { A: { related: 'B' } },
      { A: { related: [7] } },
      { A: { related: [null] } },
      { A: { related: ['x:y'] } },
    ]
    wrong.push(
      { A: { related: [{ model: 'B', id: 7 }] } },
      { A: { cascade: 'yes' } },
      { A: { invalidateOn: ['insert'] } },
      { 'a:b': {} },
      { A: { related: [{ tag: '' }] } },
    )
    // @ts-expect-error callers without types
    for (const rules of wrong) expect(() => new Relations(rules)).toThrow(/\[millpond\]/)
    for (const limit of [0, -1, 1.5, Number.NaN, 1e9])
      expect(() => new Relations({}, { maxDepth: limit })).toThrow(/whole number/)
  })

  it('reactsTo: only the changes that were declared', () => {
    const relations = new Relations({ User: { invalidateOn: ['delete'] }, Log: { invalidateOn: [] } })
    expect([
      relations.reactsTo('User', 'save'),
      relations.reactsTo('User', 'delete'),
      relations.reactsTo('Log', 'save'),
      relations.reactsTo('Other', 'save'),
    ]).toEqual([false, true, false, true])
    // @ts-expect-error not a kind
    expect(() => relations.reactsTo('User', 'update')).toThrow(/kind/)
  })

  it('property: every plan ends within the budget, is the same each time, and covers what a plain closure over models covers', () => {
    const names = ['A', 'B', 'C', 'D', 'E']
    const related = fc.array(
      fc.record({ to: fc.constantFrom(...names), how: fc.constantFrom('whole', 'same', 'two') }),
      { maxLength: 4 },
    )
    fc.assert(
      fc.property(
        fc.array(related, { minLength: 5, maxLength: 5 }),
        fc.constantFrom(...names),
        fc.integer({ min: 6, max: 20 }),
        (lists, start, maxTargets) => {
          const rules = Object.fromEntries(
            names.map((name, i) => [
              name,
              {
                related: (lists[i] ?? []).map(({ to, how }) =>
                  how === 'whole'
                    ? to
                    : { model: to, id: how === 'same' ? ('same' as const) : (id: string) => [`${id}x`, `${id}y`] },
                ),
              },
            ]),
          )
          const relations = new Relations(rules, { maxTargets })
          const plan = relations.plan(start, 1)
          expect(relations.plan(start, 1)).toEqual(plan)
          expect(plan.steps.length).toBeLessThanOrEqual(maxTargets)
          const reached = new Set([start])
          for (const name of reached) for (const { to } of lists[names.indexOf(name)] ?? []) reached.add(to)
          expect(new Set(plan.steps.map((step) => step.model))).toEqual(reached)
        },
      ),
      { numRuns: 300 },
    )
  })
})
