// What a CPU profile of V8 says of a part of a program.

/** As `node --cpu-prof` writes it. Times in microseconds. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
    readonly children?: readonly number[]
  }[]
  readonly startTime: number
  readonly endTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const IDLE = new Set(['(idle)', '(program)'])

/**
 * The share of samples under functions whose file `part` names, of all that were work; and how much of the time was
 * work. Of the last `seconds` before the end, without `edge` at both sides. Garbage collections count as work under no
 * function.
 */
export function shareUnder(
  { nodes, samples, timeDeltas, startTime, endTime }: Profile,
  part: RegExp,
  seconds: number,
  edge: number,
): { readonly share: number; readonly busy: number } {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const inside = new Set<number>()
  const mark = (id: number, isInside: boolean): void => {
    const node = byId.get(id)
    if (node === undefined) return
    const isNow = isInside || part.test(node.callFrame.url)
    if (isNow) inside.add(id)
    for (const child of node.children ?? []) mark(child, isNow)
  }
  const [root] = nodes
  if (root !== undefined) mark(root.id, false)
  const [from, to] = [endTime - (seconds - edge) * 1e6, endTime - edge * 1e6]
  let [at, all, worked, own] = [startTime, 0, 0, 0]
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0
    at += delta
    if (at <= from || at > to) continue
    all += delta
    if (IDLE.has(byId.get(id)?.callFrame.functionName ?? '')) continue
    worked += delta
    if (inside.has(id)) own += delta
  }
  return { share: worked === 0 ? 0 : own / worked, busy: all === 0 ? 0 : worked / all }
}
