// The differences between two values, by path: what two processes hold under one key.
import { isObject } from '../connection/files.ts'
import { type Safe, shownJson, styled, text } from '../terminal/text.ts'

export interface Difference {
  readonly path: string
  /** Absent: there is nothing at that path. */
  readonly left?: unknown
  readonly right?: unknown
}

const MOST = 1000

/** The first thousand. */
export function differences(left: unknown, right: unknown): readonly Difference[] {
  const found: Difference[] = []
  walk(left, right, '$', found)
  return found
}

function walk(left: unknown, right: unknown, path: string, found: Difference[]): void {
  if (found.length >= MOST || Object.is(left, right)) return
  const isList = Array.isArray(left) && Array.isArray(right)
  if (!isList && !(isObject(left) && isObject(right))) return void found.push({ path, left, right })
  const [a, b]: [Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>] = [{ ...left }, { ...right }]
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const at = isList
      ? `${path}[${name}]`
      : /^[A-Za-z_]\w*$/.test(name)
        ? `${path}.${name}`
        : `${path}[${JSON.stringify(name)}]`
    if (!Object.hasOwn(a, name)) found.push({ path: at, right: b[name] })
    else if (!Object.hasOwn(b, name)) found.push({ path: at, left: a[name] })
    else walk(a[name], b[name], at, found)
  }
}

const one = (value: unknown): string => shownJson(value).slice(0, 200)

export function differenceLines({ path, ...sides }: Difference): readonly Safe[] {
  return [
    ...('left' in sides ? [styled('red', text`  - ${path} ${one(sides.left)}`)] : []),
    ...('right' in sides ? [styled('green', text`  + ${path} ${one(sides.right)}`)] : []),
  ]
}
