// How models and their rows are named as tags.
//
// An entry carries the tags of
//   `modelTags('User', 7)`    model:User:7, model:User:*   where it shows one row
//   `modelTags('User')`       model:User                   where it shows many: a list, a count, a search
// A change invalidates the tags of
//   `changedTags('User', 7)`  model:User:7, model:User     that row, and everything that shows many
//   `changedTags('User')`     model:User, model:User:*     any row may have changed
import { MillpondError, show } from '../core/errors.ts'
import { checkName, MAX_TAG_LENGTH } from '../core/key.ts'

/** A row's id. 7, 7n and '7' are the same row: ids come from URLs and drivers in all three forms. */
export type ModelId = string | number | bigint

/** The tags of an entry that shows this row, or, without an id, many rows of the model. */
export function modelTags(model: string, id?: ModelId): readonly string[] {
  return id === undefined ? [modelTag(model)] : [rowTag(model, id), anyRowTag(model)]
}

/** The tags that a change of this row, or, without an id, of any rows, invalidates. */
export function changedTags(model: string, id?: ModelId): readonly string[] {
  return id === undefined ? [modelTag(model), anyRowTag(model)] : [rowTag(model, id), modelTag(model)]
}

const modelTag = (model: string): string => `model:${checkModel(model)}`
const anyRowTag = (model: string): string => `${modelTag(model)}:*`
const rowTag = (model: string, id: ModelId): string => fit(`${modelTag(model)}:${idText(id)}`)

/**
 * @throws MillpondError `OPTION_INVALID`: with a colon in a model's name, `a:b` without an id could equal `a` with the
 * id `b`.
 */
export function checkModel(model: unknown): string {
  return checkName(model, 'model')
}

/**
 * The canonical text of an id; one that begins with `*` or `\` gets a `\` in front, so that it is not read as "any
 * row".
 */
export function idText(id: unknown): string {
  if (typeof id === 'bigint' || (typeof id === 'number' && Number.isFinite(id)))
    return Object.is(id, -0) ? '0' : String(id)
  if (typeof id !== 'string' || id.length === 0 || !id.isWellFormed()) {
    throw new MillpondError(
      'TAG_INVALID',
      `the id ${show(id)} is not allowed: use a well-formed string, a finite number or a bigint`,
    )
  }
  return id.startsWith('*') || id.startsWith('\\') ? `\\${id}` : id
}

function fit(tag: string): string {
  if (tag.length <= MAX_TAG_LENGTH) return tag
  throw new MillpondError(
    'TAG_INVALID',
    `the tag ${show(tag)} is longer than ${MAX_TAG_LENGTH}: use a shorter id, or a hash of it`,
  )
}
