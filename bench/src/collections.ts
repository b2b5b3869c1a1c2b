// `npm run bench -- --rows collections`: what a collection costs over the verbs of the cache that it is made of, with
// the same keys and the same source.
import { createCache, memory } from 'millpond'
import { type Cost, interleaved } from './interleaved.ts'
import { printTable } from './table.ts'

const CAPACITY = 1_000
const MANY = 100
/** At most this multiple of the cache's own verbs. */
export const COLLECTION_GOAL = 1.25

export interface CollectionFigures {
  readonly row: string
  /** CPU microseconds of one key by the cache's verbs. */
  readonly us: number
  /** The collection over them in the same round. */
  readonly ratio: Cost['ratio']
}

interface Item {
  readonly id: number
}

const source = {
  load: async (id: number): Promise<Item> => ({ id }),
  loadMany: async (ids: readonly number[]): Promise<Item[]> => ids.map((id) => ({ id })),
  store: async (): Promise<void> => undefined,
}

export async function measureCollections(
  rounds: number,
  progress: (line: string) => void,
): Promise<CollectionFigures[]> {
  const cache = createCache({ tiers: [memory({ maxEntries: CAPACITY })] })
  const other = createCache({ tiers: [memory({ maxEntries: CAPACITY })] })
  try {
    const items = cache.collection<number, Item>('item', {
      load: (id) => source.load(id),
      loadMany: (ids) => source.loadMany(ids),
      store: () => source.store(),
      write: 'write-through',
    })
    const key = (id: number) => ['item', id] as const
    const getOne = (id: number) => other.getOrSet(key(id), () => source.load(id))
    const getAll = (ids: readonly number[]) => other.getOrSetMany(ids, { key, load: source.loadMany })
    const setOne = async (id: number): Promise<void> => {
      await other.transaction({ keys: [key(id)] }, async (transaction) => {
        await source.store()
        transaction.set(key(id), { id })
      })
    }
    const held = (turn: number): number => turn % (CAPACITY / 2)
    const heldOf = (turn: number): number[] => Array.from({ length: MANY }, (_, at) => held(turn * MANY + at))
    // In ranges of their own, and never again.
    const newOf = (turn: number, from: number): number[] =>
      Array.from({ length: MANY }, (_, at) => from + turn * MANY + at)
    for (let id = 0; id < CAPACITY / 2; id++) await Promise.all([getOne(id), items.get(id)])
    const rows = [
      ['hit', 1, (turn: number) => getOne(held(turn)), (turn: number) => items.get(held(turn))],
      ['100 hits, a key', MANY, (turn: number) => getAll(heldOf(turn)), (turn: number) => items.getMany(heldOf(turn))],
      ['miss', 1, (turn: number) => getOne(1e6 + turn), (turn: number) => items.get(1e6 + turn)],
      [
        '100 missing, a key',
        MANY,
        (turn: number) => getAll(newOf(turn, 1e8)),
        (turn: number) => items.getMany(newOf(turn, 1e8)),
      ],
      [
        'write-through, over a transaction',
        1,
        (turn: number) => setOne(held(turn)),
        (turn: number) => items.set(held(turn), { id: held(turn) }),
      ],
    ] as const
    const figures: CollectionFigures[] = []
    for (const [row, keys, byHand, ours] of rows) {
      progress(`collections: ${row}`)
      const [hand, collection] = await interleaved(
        [
          { name: 'by hand', run: byHand },
          { name: 'collection', run: ours },
        ],
        rounds,
      )
      if (hand !== undefined && collection !== undefined)
        figures.push({ row, us: hand.us.median / keys, ratio: collection.ratio })
    }
    return figures
  } finally {
    await Promise.all([cache.close(), other.close()])
  }
}

export async function benchCollections(
  rounds: number,
  progress: (line: string) => void,
  isJson: boolean,
): Promise<void> {
  const figures = await measureCollections(rounds, progress)
  if (isJson) {
    console.log(JSON.stringify(figures))
    return
  }
  printTable([
    ['collection over the verbs of a cache', 'by hand, CPU us', 'collection', `goal: at most ${COLLECTION_GOAL}`],
    ...figures.map(({ row, us, ratio }) => [
      row,
      us.toFixed(2),
      `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`,
      ratio.median <= COLLECTION_GOAL ? 'met' : 'missed',
    ]),
  ])
}
