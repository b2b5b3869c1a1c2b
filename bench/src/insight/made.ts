// Traffic made up with a seed, which nothing was tuned to: what prefetching must gain on, and what it must not lose on.
import { randomFrom } from '../numbers.ts'
import { parseTraffic, type Traffic } from './traffic.ts'

const READS = 100_000

type Draw = () => number
/** A key, and a session; 0 for none. */
type Asked = readonly [key: string, session: number]

interface Made {
  readonly name: string
  /** Whether entities are read together again and again, as an object-relational mapper does. */
  readonly isOrm?: boolean
  readonly reads: (draw: Draw) => Generator<Asked>
}

const ALL: readonly Made[] = [
  {
    name: 'made: chance',
    *reads(draw) {
      for (;;) yield [word(whole(draw, 20_000)), 0]
    },
  },
  {
    name: 'made: Zipf',
    *reads(draw) {
      const zipf = zipfOf(40_000, 0.9, draw)
      for (;;) yield [word(zipf()), 0]
    },
  },
  {
    name: 'made: recency',
    *reads(draw) {
      for (let newest = 0; ; ) {
        if (draw() < 0.5) yield [word(newest++), 0]
        else yield [word(Math.max(0, newest - 1 - Math.floor(-Math.log(1 - draw()) * 1500))), 0]
      }
    },
  },
  {
    name: 'made: interleaved scans',
    *reads(draw) {
      const at = Array.from({ length: 6 }, (_, scan) => scan * 1e7)
      for (;;) {
        const scan = whole(draw, 6)
        if (draw() < 0.002) at[scan] = scan * 1e7 + whole(draw, 40_000)
        const block = at[scan] as number
        at[scan] = block + 1
        yield [`["block",${block}]`, 0]
      }
    },
  },
  {
    name: 'made: scans beside Zipf',
    *reads(draw) {
      const zipf = zipfOf(20_000, 0.9, draw)
      for (let row = 0; ; ) {
        if (draw() < 0.7) yield [word(zipf()), 0]
        else yield [`["row",${row++}]`, 0]
        if (draw() < 0.0005) row = whole(draw, 100_000)
      }
    },
  },
  {
    name: 'made: scans that stop',
    *reads(draw) {
      for (;;) {
        const from = whole(draw, 1e6) * 100
        const to = from + 2 + whole(draw, 5)
        for (let page = from; page < to; page++) yield [`["page",${page}]`, 0]
        for (let other = 0; other < 6; other++) yield [word(whole(draw, 8000)), 0]
      }
    },
  },
  {
    name: 'made: transactions',
    isOrm: true,
    *reads(draw) {
      const zipf = zipfOf(4000, 0.7, draw)
      for (;;) {
        const kind = zipf()
        for (let step = 0; step < 6; step++) if (draw() < 0.9) yield [word(kind * 6 + step), 0]
        if (draw() < 0.3) yield [word(900_000 + whole(draw, 20_000)), 0]
      }
    },
  },
  {
    name: 'made: transactions of twenty at once',
    isOrm: true,
    *reads(draw) {
      const zipf = zipfOf(4000, 0.7, draw)
      const under = Array.from({ length: 20 }, () => ({ kind: zipf(), step: 0 }))
      for (;;) {
        const who = whole(draw, under.length)
        const one = under[who]
        if (one === undefined) continue
        yield [word(one.kind * 6 + one.step++), who + 1]
        if (one.step === 6) under[who] = { kind: zipf(), step: 0 }
      }
    },
  },
  {
    name: 'made: orders, customers, items',
    isOrm: true,
    *reads(draw) {
      const zipf = zipfOf(8000, 0.8, draw)
      for (;;) {
        const order = zipf()
        yield [`order:${word(order)}`, 0]
        yield [`customer:${word(order % 1500)}`, 0]
        for (let item = 0; item < 1 + (order % 4); item++) yield [`item:${word((order * 7 + item * 13) % 6000)}`, 0]
      }
    },
  },
  { name: 'made: chain, 30 % noise', reads: (draw) => chain(draw, 0.3) },
  { name: 'made: chain, 70 % noise', reads: (draw) => chain(draw, 0.7) },
  {
    name: 'made: phases',
    *reads(draw) {
      const zipf = zipfOf(20_000, 0.9, draw)
      for (let phase = 0; ; phase++)
        for (let read = 0; read < 12_000; read++) {
          if (phase % 4 === 0) yield [word(read % 7000), 0]
          else if (phase % 4 === 1) yield [word(50_000 + whole(draw, 20_000)), 0]
          else if (phase % 4 === 2) yield [`["scan",${phase * 100_000 + read}]`, 0]
          else yield [word(zipf()), 0]
        }
    },
  },
  {
    // What was learnt is of no use: each order of keys comes once, then they come in another.
    name: 'made: traps',
    *reads(draw) {
      for (let set = 0; ; set++) {
        for (let key = 0; key < 20; key++) yield [word(set * 20 + key), 0]
        for (let key = 0; key < 20; key++) yield [word(set * 20 + ((key * 7) % 20)), 0]
        for (let other = 0; other < 30; other++) yield [word(1_000_000 + whole(draw, 9000)), 0]
      }
    },
  },
  {
    name: 'made: order, then chance',
    *reads(draw) {
      for (let block = 0; block < 4000; block++) yield [`["block",${block}]`, 0]
      for (;;) yield [word(whole(draw, 12_000)), 0]
    },
  },
  {
    name: 'made: chance, then a loop',
    *reads(draw) {
      for (let read = 0; read < 20_000; read++) yield [word(whole(draw, 30_000)), 0]
      for (let read = 0; ; read++) yield [word(100_000 + (read % 9000)), 0]
    },
  },
  {
    // A database's buffers: from the root down to a leaf, most of which memory holds anyway, and now and then a range.
    name: 'made: index and ranges',
    *reads(draw) {
      const zipf = zipfOf(30_000, 0.8, draw)
      for (;;) {
        const leaf = (zipf() * 7919) % 30_000
        yield [word(2_000_000), 0]
        yield [word(1_000_000 + Math.floor(leaf / 200)), 0]
        const to = leaf + (draw() < 0.05 ? 1 + whole(draw, 12) : 1)
        for (let at = leaf; at < to; at++) yield [word(at), 0]
      }
    },
  },
  {
    // Each key has one that follows in three of ten cases: just enough to be worth a load, among keys that are not.
    name: 'made: hardly more than chance',
    *reads(draw) {
      const zipf = zipfOf(25_000, 0.7, draw)
      for (let at = 0; ; ) {
        at = draw() < 0.3 ? (at * 31 + 17) % 25_000 : zipf()
        yield [word(at), 0]
      }
    },
  },
  {
    // As long as the gate takes to be sure, and then the opposite.
    name: 'made: order that comes and goes',
    *reads(draw) {
      const zipf = zipfOf(20_000, 0.8, draw)
      for (;;) {
        const from = whole(draw, 8) * 2000
        for (let read = 0; read < 1500; read++) yield [word(100_000 + from + (read % 2000)), 0]
        for (let read = 0; read < 1000 + whole(draw, 2000); read++) yield [word(zipf()), 0]
      }
    },
  },
  {
    // Forty visitors: a list, some of what is on it, the next list, or away.
    name: 'made: visitors of a shop',
    *reads(draw) {
      const zipf = zipfOf(600, 0.9, draw)
      const visitors = Array.from({ length: 40 }, () => ({ list: zipf(), page: 0 }))
      for (;;) {
        const who = whole(draw, visitors.length)
        const one = visitors[who]
        if (one === undefined) continue
        if (draw() < 0.4) yield [`list:${word(one.list * 10 + one.page++)}`, who + 1]
        else yield [`product:${word((one.list * 40 + one.page * 8 + zipf()) % 12_000)}`, who + 1]
        if (one.page > 9 || draw() < 0.1) visitors[who] = { list: zipf(), page: 0 }
      }
    },
  },
]

export const isOrm = (name: string): boolean => ALL.some((made) => made.name === name && made.isOrm === true)

/** `reads`: of each. */
export function madeTraffic(reads = READS): { readonly name: string; readonly read: () => Traffic }[] {
  return ALL.map(({ name, reads: readsOf }, at) => ({
    name,
    read: () => {
      const lines: string[] = []
      const draw = randomFrom((at + 1) * 7919)
      for (let turn = 0; turn < 20; turn++) draw()
      for (const [key, session] of readsOf(draw)) {
        if (lines.length === reads) break
        lines.push(`${lines.length}\t${key}\t1\t${session === 0 ? '-' : session}\tg`)
      }
      return parseTraffic(name, lines.join('\n'), true)
    },
  }))
}

function* chain(draw: Draw, noise: number): Generator<Asked> {
  for (let at = 0; ; ) {
    at = draw() < noise ? whole(draw, 15_000) : (Math.imul(at + 1, 0x9e3779b1) >>> 0) % 15_000
    yield [word(at), 0]
  }
}

const whole = (draw: Draw, below: number): number => Math.floor(draw() * below)

/** Without digits, so that nothing but their order speaks for them. */
const word = (number: number): string => `k:${[...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('')}`

function zipfOf(keys: number, skew: number, draw: Draw): () => number {
  const upTo = new Float64Array(keys)
  let all = 0
  for (let key = 0; key < keys; key++) {
    all += (key + 1) ** -skew
    upTo[key] = all
  }
  return () => {
    const wanted = draw() * all
    let low = 0
    let high = keys - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((upTo[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}
