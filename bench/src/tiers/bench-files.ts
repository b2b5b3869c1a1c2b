// `npm run bench -- --rows files`: a million keys within 1 GiB, how far the folder ever lies above it, and writes and
// reads of 1 KB beside bare calls on one file.
import { closeSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Tier } from 'millpond/tier'
import { file } from 'millpond/tiers/file'
import { printTable } from '../table.ts'

const GIB = 2 ** 30
const KEYS = 1_000_000
/**
 * With key, head and checksums a million of them take 0.87 of 1 GiB: a tenth is kept free for what others write, and to
 * make room ahead.
 */
const BODY = 850
const BATCH = 100
const ROUNDS = 5
const PER_ROUND = 20_000
const KB = 1024

export async function benchFiles(progress: (line: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  try {
    await fillMillion(join(folder, 'million'), progress)
    await compareRates(folder, progress)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fillMillion(path: string, progress: (line: string) => void): Promise<void> {
  const tier = file({ path, maxBytes: GIB })
  const key = (at: number): string => `shop:default:user:${1_000_000 + at}`
  let most = 0
  const fill = async (count: number): Promise<number> => {
    for (let from = 0; from < count; from += BATCH) {
      await tier.write(itemsOf((at) => key(from + at), BODY))
      if (from % 10_000 === 0) most = Math.max(most, onDisk(path))
      if (from % 250_000 === 0) progress(`${from} of ${count} writes, ${(onDisk(path) / GIB).toFixed(3)} of the bound`)
    }
    let found = 0
    for (let from = 0; from < KEYS; from += BATCH) {
      const keys = Array.from({ length: BATCH }, (_, at) => key(from + at))
      found += (await tier.read(keys)).filter((one) => one !== undefined).length
    }
    return found
  }
  const found = await fill(KEYS)
  // What was overwritten takes its room until its segment leaves, what was read is carried along, and here there is
  // little to spare: the oldest leave.
  const left = await fill(KEYS / 2)
  await tier.close()
  printTable([
    ['within 1 GiB', 'figure', 'must'],
    ['keys written once', String(KEYS), ''],
    ['found afterwards', String(found), String(KEYS)],
    ['found when half of them were written once more', String(left), ''],
    ['most on the disk, of the bound', (most / GIB).toFixed(3), 'below 1.05'],
  ])
}

function itemsOf(key: (at: number) => string, bytes: number, count = BATCH): Parameters<Tier['write']>[0] {
  const expiresAt = Date.now() + 3_600_000
  const body = Buffer.alloc(bytes, 'x')
  return Array.from({ length: count }, (_, at) => ({
    key: key(at),
    body,
    expiresAt,
    asOf: { epoch: 'e0123456789abcdef', seq: 7 },
  }))
}

const onDisk = (path: string): number => readdirSync(path).reduce((sum, name) => sum + blocksOf(join(path, name)), 0)

function blocksOf(path: string): number {
  // A segment may leave between the listing and this.
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512
}

/** Calls a second of CPU, ours and the bare ones in turn, and how much dearer ours are. */
async function compareRates(folder: string, progress: (line: string) => void): Promise<void> {
  const tier = file({ path: join(folder, 'rates'), maxBytes: GIB })
  const fd = openSync(join(folder, 'bare'), 'a+')
  const body = Buffer.alloc(KB, 'x')
  const buffer = Buffer.alloc(KB)
  const key = (at: number): string => `shop:default:user:${1_000_000 + at}`
  const ways: Record<string, (count: number) => Promise<unknown> | unknown> = {
    'writeSync of 1 KB': (count) => {
      for (let at = 0; at < count; at++) writeSync(fd, body)
    },
    'write of one': async (count) => {
      for (let at = 0; at < count; at++) await tier.write(itemsOf(() => key(at), KB, 1))
    },
    'write in batches of 100': async (count) => {
      for (let from = 0; from < count; from += BATCH) await tier.write(itemsOf((at) => key(from + at), KB))
    },
    'readSync of 1 KB': (count) => {
      for (let at = 0; at < count; at++) readSync(fd, buffer, 0, KB, at * KB)
    },
    'read of one': async (count) => {
      for (let at = 0; at < count; at++) await tier.read([key(at)])
    },
    'read in batches of 100': async (count) => {
      for (let from = 0; from < count; from += BATCH)
        await tier.read(Array.from({ length: BATCH }, (_, at) => key(from + at)))
    },
  }
  const spent = new Map<string, number[]>()
  for (let round = 0; round <= ROUNDS; round++) {
    progress(`rates, round ${round} of ${ROUNDS}`)
    for (const [name, way] of Object.entries(ways)) {
      await turn()
      const before = process.cpuUsage()
      await way(PER_ROUND)
      const { user, system } = process.cpuUsage(before)
      // The first warms up.
      if (round > 0) spent.set(name, [...(spent.get(name) ?? []), (user + system) / PER_ROUND])
    }
  }
  closeSync(fd)
  await tier.close()
  const median = (name: string): number => (spent.get(name) ?? []).sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN
  const line = (name: string, bare: string, must: string): string[] => [
    name,
    median(name).toFixed(1),
    Math.round(1e6 / median(name)).toLocaleString('en'),
    must,
    (median(name) / median(bare)).toFixed(2),
  ]
  printTable([
    ['bodies of 1 KB', 'us of CPU', 'a second', 'must', 'beside the bare call'],
    line('writeSync of 1 KB', 'writeSync of 1 KB', ''),
    line('write of one', 'writeSync of 1 KB', '20,000'),
    line('write in batches of 100', 'writeSync of 1 KB', '20,000'),
    line('readSync of 1 KB', 'readSync of 1 KB', ''),
    line('read of one', 'readSync of 1 KB', '50,000'),
    line('read in batches of 100', 'readSync of 1 KB', '50,000'),
  ])
}
