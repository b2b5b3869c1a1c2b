// Declared relations between models: what else is invalidated when a row or a model changes. Pure and deterministic.
//
// A related name is invalidated whole, because the ids of its rows are not known; `{ model, id }` narrows it. The walk
// is breadth first, visits each row once (cycles are harmless), and never drops a target silently: if too many rows are
// named (`maxTargets`) or rows lead to rows without end (`maxDepth`), the model with the most rows is invalidated whole
// instead. That is broader, and the plan reports it in `widened`.
import { checkedElsewhere, checkOptions, flag, listOf, oneOf, record, type Shape, whole } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkTags } from '../core/key.ts'
import { changedTags, checkModel, idText, type ModelId } from './model-tags.ts'
import { type CascadeStep, type Met, Walk } from './relations-walk.ts'

export type { CascadeStep } from './relations-walk.ts'

export type ChangeKind = 'save' | 'delete'

/**
 * Rows of a related model. `same`: the row with the same id (a profile stored under its user's id). A function returns
 * ids; `undefined`: unknown, so all rows.
 */
export interface RelatedModel {
  /** The name of the related model. */
  readonly model: string
  /** Which of its rows. Absent: all. */
  readonly id?: 'same' | ((id: string) => ModelId | readonly ModelId[] | undefined)
}

/** A plain related tag. */
export interface RelatedTag {
  /** The tag to invalidate. */
  readonly tag: string
}

export type Related = string | RelatedModel | RelatedTag

export interface ModelRule {
  /** Which changes trigger it. Default: both. */
  readonly invalidateOn?: readonly ChangeKind[] | undefined
  /** The related models: `'profile'` is `{ model: 'profile' }`, all of it. */
  readonly related?: readonly Related[] | undefined
  /**
   * Default: relations are transitive. `false`: only this model's own list. `true`: when this model itself changes, the
   * models that name it as related are invalidated too, since their entries may show it.
   */
  readonly cascade?: boolean | undefined
}

/**
 * `{ User: { invalidateOn: ['save', 'delete'], related: ['profile', 'permissions'] }, Assessment: { cascade: true } }`
 */
export type ModelRules = Readonly<Record<string, ModelRule>>

export interface RelationLimits {
  /** How many relations may be followed one after another. Default 8. */
  readonly maxDepth?: number | undefined
  /** How many rows and models one change may reach before rows are widened to their model. Default 100. */
  readonly maxTargets?: number | undefined
}

/** The effects of a change. A dry run shows them. */
export interface CascadePlan {
  /** The tags to invalidate. */
  readonly tags: readonly string[]
  /** Why: the rows and models that the relations lead to. */
  readonly steps: readonly CascadeStep[]
  /** Models invalidated whole because too many of their rows, or rows without end, were named. */
  readonly widened: readonly string[]
}

/** A relation as the walk uses it. */
export interface Edge {
  readonly model: string
  readonly id: RelatedModel['id']
}

interface Node {
  readonly rule: ModelRule
  readonly edges: readonly Edge[]
  readonly tags: readonly string[]
}

const LIMITS: Shape<RelationLimits> = { maxDepth: whole(1, 10_000), maxTargets: whole(1, 10_000) }
const RULES = record<ModelRules>("rules by model, such as { User: { related: ['profile'] } }")
const RULE: Shape<ModelRule> = {
  invalidateOn: listOf(oneOf('save', 'delete'), "a list of 'save' and 'delete'"),
  related: listOf<Related>(checkedElsewhere, "a list such as ['profile']"),
  cascade: flag,
}
const KINDS = ['save', 'delete']

/** Declared relations between models: what else is invalidated when one changes. */
export class Relations {
  readonly #nodes = new Map<string, Node>()
  readonly #upward = new Map<string, Edge[]>()
  readonly #maxDepth: number
  readonly #maxTargets: number

  /**
   * @throws MillpondError `OPTION_INVALID` for unknown options, malformed names, relations deeper than `maxDepth` or
   * wider than `maxTargets`.
   */
  constructor(rules: ModelRules = {}, limits: RelationLimits = {}) {
    checkOptions<RelationLimits>(limits, LIMITS, 'limits')
    this.#maxDepth = limits.maxDepth ?? 8
    this.#maxTargets = limits.maxTargets ?? 100
    RULES(rules, 'models')
    for (const [model, rule] of Object.entries(rules)) this.#nodes.set(checkModel(model), checkRule(model, rule))
    for (const [model, { edges }] of this.#nodes) {
      for (const edge of edges) {
        const upward = this.#upward.get(edge.model) ?? []
        upward.push({ model, id: edge.id === 'same' ? 'same' : undefined })
        this.#upward.set(edge.model, upward)
      }
    }
    for (const model of this.#nodes.keys()) this.#checkReach(model)
  }

  /** Whether this change of a model triggers its rule. Models without a rule always do. */
  reactsTo(model: string, kind: ChangeKind): boolean {
    if (!KINDS.includes(kind))
      throw new MillpondError('OPTION_INVALID', `kind: ${show(kind)} is not known: use 'save' or 'delete'`)
    return this.#nodes.get(checkModel(model))?.rule.invalidateOn?.includes(kind) ?? true
  }

  /**
   * What is invalidated when this row, or, without an id, this model changes. A model without a rule has no relations.
   */
  plan(model: string, id?: ModelId): CascadePlan {
    return this.planAll([id === undefined ? { model } : { model, id }])
  }

  /** As `plan`, for many changes at once, within one budget. */
  planAll(changes: readonly { readonly model: string; readonly id?: ModelId }[]): CascadePlan {
    const walk = new Walk({ maxDepth: this.#maxDepth, maxTargets: this.#maxTargets })
    for (const { model, id } of changes) {
      walk.reach({ model: checkModel(model), ...(id === undefined ? {} : { id: idText(id) }), depth: 0 }, true)
    }
    for (let met = walk.next(); met !== undefined; met = walk.next()) this.#stepFrom(walk, met)
    const tags = new Set<string>()
    for (const { step, follows } of walk.all()) {
      for (const tag of changedTags(step.model, step.id === undefined ? undefined : unescaped(step.id))) tags.add(tag)
      if (follows) for (const tag of this.#nodes.get(step.model)?.tags ?? []) tags.add(tag)
    }
    return { tags: [...tags], steps: walk.all().map((met) => met.step), widened: walk.widened() }
  }

  #stepFrom(walk: Walk, { step, follows }: Met): void {
    if (!follows) return
    const node = this.#nodes.get(step.model)
    for (const edge of node?.edges ?? []) reachRows(walk, edge, step, node?.rule.cascade !== false)
    // Only from the change itself, and no further: related models did not change, so other entries that show them are
    // still right.
    if (node?.rule.cascade !== true || step.depth > 0) return
    for (const edge of this.#upward.get(step.model) ?? []) reachRows(walk, edge, step, false)
  }

  #checkReach(model: string): void {
    const steps = this.plan(model).steps
    const deepest = Math.max(...steps.map((step) => step.depth))
    if (deepest > this.#maxDepth) {
      throw new MillpondError(
        'OPTION_INVALID',
        `models.${model}: its relations are ${deepest} levels deep, and at most ${this.#maxDepth} are allowed: relate it to the far models directly, or raise maxDepth`,
      )
    }
    if (steps.length > this.#maxTargets) {
      throw new MillpondError(
        'OPTION_INVALID',
        `models.${model}: a change reaches ${steps.length} models, and at most ${this.#maxTargets} are allowed: use a common tag, or raise maxTargets`,
      )
    }
  }
}

function reachRows(walk: Walk, edge: Edge, from: CascadeStep, follows: boolean): void {
  for (const id of rowsOf(edge, from)) {
    walk.reach(
      { model: edge.model, ...(id === undefined ? {} : { id: idText(id) }), by: from.model, depth: from.depth + 1 },
      follows,
    )
    // A million ids add nothing to a whole model.
    if (walk.isWhole(edge.model)) return
  }
}

function rowsOf(edge: Edge, { id }: CascadeStep): readonly (ModelId | undefined)[] {
  if (id === undefined || edge.id === undefined) return [undefined]
  if (edge.id === 'same') return [unescaped(id)]
  const ids = edge.id(unescaped(id)) ?? undefined
  return typeof ids === 'object' ? ids : [ids]
}

const unescaped = (text: string): string => (text.startsWith('\\') ? text.slice(1) : text)

function checkRule(model: string, rule: ModelRule): Node {
  checkOptions<ModelRule>(rule, RULE, `models.${model}`)
  const { related = [] } = rule
  const edges: Edge[] = []
  const tags: string[] = []
  for (const one of related) {
    if (typeof one === 'object' && one !== null && 'tag' in one) tags.push(...checkTags([one.tag]))
    else edges.push(checkEdge(model, one))
  }
  return { rule, edges, tags }
}

function checkEdge(model: string, related: string | RelatedModel): Edge {
  if (typeof related === 'string') return { model: checkModel(related), id: undefined }
  if (typeof related !== 'object' || related === null || Array.isArray(related)) {
    throw new MillpondError(
      'OPTION_INVALID',
      `models.${model}.related: ${show(related)} is not allowed: use a model's name, { model, id } or { tag }`,
    )
  }
  const { id } = related
  if (id !== undefined && id !== 'same' && typeof id !== 'function') {
    throw new MillpondError(
      'OPTION_INVALID',
      `models.${model}.related: id ${show(id)} is not allowed: use 'same', or a function from id to ids`,
    )
  }
  return { model: checkModel(related.model), id }
}
