// Which nodes hold a key: weighted rendezvous hashing.
//
// Each node draws a number for the key; those with the highest hold it. If weights differ, a draw u from 0 to 1 counts
// as -weight / ln u, which makes a node's probability its share of the weights (Thaler and Ravishankar, "Using
// name-based mappings to increase hit rates", 1998; weights: Schindelhauer and Schomaker, "Weighted distributed hash
// tables", 2005). A node that joins takes only the keys it wins, one that leaves gives away only those it had, and no
// other keys move.
import { hashOf, mixed } from '../../core/key-hash.ts'

/** What placement depends on. */
export interface Placed {
  readonly name: string
  /** Its share, relative to the weights of the others. */
  readonly weight: number
}

/** The nodes that hold a key, best first. */
export type Owners<N> = (key: string) => readonly N[]

const KEY_SEED = 0
const NODE_SEED = 0x6e6f6465
const RANGE = 2 ** 32

/** Nodes of one weight: among them the draw itself decides, without a logarithm. */
interface Peers<N> {
  readonly nodes: readonly N[]
  readonly seeds: Int32Array
  readonly weight: number
}

/** @param copies how many nodes hold each key, at most as many as there are. The order of the list does not matter. */
export function rendezvous<N extends Placed>(nodes: readonly N[], copies: number): Owners<N> {
  const groups = peersOf(nodes)
  const wanted = Math.min(copies, nodes.length)
  return (key) => {
    const hash = hashOf(key, KEY_SEED)
    const best: N[] = []
    const scores: number[] = []
    for (const group of groups) addBest(group, hash, wanted, groups.length > 1, best, scores)
    return best
  }
}

function peersOf<N extends Placed>(nodes: readonly N[]): readonly Peers<N>[] {
  // In an order that all processes share: it breaks ties between equal draws.
  const sorted = [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1))
  const groups = new Map<number, N[]>()
  for (const node of sorted) {
    const group = groups.get(node.weight)
    if (group === undefined) groups.set(node.weight, [node])
    else group.push(node)
  }
  return [...groups].map(([weight, members]) => ({
    nodes: members,
    seeds: Int32Array.from(members, ({ name }) => hashOf(name, NODE_SEED)),
    weight,
  }))
}

/** Merges the group's best into the overall best; both lists stay sorted and no longer than `wanted`. */
function addBest<N>(
  { nodes, seeds, weight }: Peers<N>,
  hash: number,
  wanted: number,
  weighs: boolean,
  best: N[],
  scores: number[],
): void {
  // A lower draw of this group is not among the best, whatever the logarithm says.
  let least = -1
  for (let at = 0; at < seeds.length; at++) {
    const draw = mixed(hash ^ (seeds[at] ?? 0))
    if (draw <= least) continue
    const score = weighs ? weight / -Math.log((draw + 0.5) / RANGE) : draw
    let place = scores.length
    while (place > 0 && (scores[place - 1] ?? 0) < score) place--
    const node = nodes[at]
    if (place >= wanted || node === undefined) {
      least = draw
      continue
    }
    const last = Math.min(scores.length, wanted - 1)
    for (let to = last; to > place; to--) {
      scores[to] = scores[to - 1] ?? 0
      best[to] = best[to - 1] ?? node
    }
    scores[place] = score
    best[place] = node
    if (!weighs && last === wanted - 1) least = scores[last] ?? least
  }
}
