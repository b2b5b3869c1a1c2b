// Client CPU of reads that memory cannot answer and Redis can, and of sets.
import { surely } from './surely.ts'
import type { TaskParts } from './task-parts.ts'

export interface CpuArgs {
  readonly what: 'get' | 'getMany' | 'setMany'
  /** Distinct keys: far more than memory holds, so that each read goes to the server. */
  readonly keys: number
  readonly reads: number
  /** Reads under way at a time. */
  readonly atOnce: number
}

const BATCH = 100
/** 1.6 KB of JSON: 27 objects and lists, some hundred fields. */
export const VALUE = {
  id: 1,
  name: 'a product',
  tags: ['one', 'two', 'three'],
  lines: Array.from({ length: 24 }, (_, n) => ({
    n,
    text: 'some words of a line',
    price: n * 1.25,
    sold: n % 2 === 0,
  })),
}

/**
 * Answers microseconds of CPU per read (`get`) or per batch of 100 (`getMany`, `setMany`), user and system together.
 */
export async function cpuPerRead({ cache }: TaskParts, { what, keys, reads, atOnce }: CpuArgs): Promise<number> {
  const names = Array.from({ length: keys }, (_, at) => `cpu:${at}`)
  await inLanes(keys, 16, (at) => surely(() => cache.set(names[at] ?? '', { ...VALUE, id: at })))
  let missing = 0
  const one = { get: (at: number) => readOne(names[at % keys] ?? ''), getMany: readMany, setMany: writeMany }[what]
  await inLanes(Math.ceil(reads / 4), atOnce, one)
  const before = process.cpuUsage()
  await inLanes(reads, atOnce, one)
  const { user, system } = process.cpuUsage(before)
  if (missing > reads / 100) throw new Error(`${missing} of ${reads} reads found nothing`)
  return (user + system) / reads

  async function readOne(key: string): Promise<void> {
    if ((await cache.get(key)) === undefined) missing += 1
  }

  async function readMany(at: number): Promise<void> {
    const start = (at * BATCH) % keys
    const values = await cache.getMany(names.slice(start, start + BATCH))
    if (values.length !== BATCH || values.includes(undefined)) missing += 1
  }

  async function writeMany(at: number): Promise<void> {
    const start = (at * BATCH) % keys
    const some = names.slice(start, start + BATCH)
    const items = some.map((key) => [key, { ...VALUE, id: at }] as const)
    await surely(async () => {
      if (cache.setMany === undefined) throw new Error('it has no setMany')
      await cache.setMany(items)
    })
  }
}

async function inLanes(count: number, atOnce: number, work: (at: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}
