// `npm run bench -- --rows journal`: the journal by itself, without its queue: appends per second of one core, and
// synced appends compared with the bare system calls in the same folder.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { printTable } from './table.ts'

const VALUE = new Uint8Array(200).fill(120)
/** In each round. */
const APPENDS = 40_000
/** Requested in one turn of the event loop, as by a busy service. */
const TOGETHER = 500
const SYNCS = 200
const ROUNDS = 5
const GOALS = { perCore: 100_000, share: 0.5 }

/** The used part of the journal. It is not public, so it is imported from the library's build output. */
interface OpenJournal {
  append(entries: readonly { readonly key: string; readonly body: Uint8Array }[]): Promise<readonly number[]>
  settle(key: string, number: number): void
  close(): Promise<void>
}
interface JournalModule {
  readonly Journal: new (options: { readonly path: string; readonly sync: boolean }) => OpenJournal
}

export async function benchJournal(progress: (line: string) => void): Promise<void> {
  const { Journal }: JournalModule = await import(
    new URL('./source/journal/journal.js', import.meta.resolve('millpond')).href
  )
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'))
  let made = 0
  const open = (sync: boolean): OpenJournal => new Journal({ path: join(folder, `journal-${made++}`), sync })
  try {
    const rows: string[][] = []
    for (const sync of [false, true]) {
      progress(`journal: ${ROUNDS} times ${APPENDS} appends${sync ? ', synced' : ''}`)
      const rounds: Rate[] = []
      for (let round = 0; round <= ROUNDS; round++) rounds.push(await appends(open(sync), APPENDS))
      // The first warms up.
      const of = (name: keyof Rate): number => median(rounds.slice(1).map((rate) => rate[name]))
      const [perSecond, perCore] = [of('perSecond'), of('perCore')]
      const goal = sync
        ? ''
        : told(perCore >= GOALS.perCore, `${GOALS.perCore.toLocaleString('en')} a second of one core`)
      rows.push([
        sync ? 'synced, all of a turn together' : 'not synced',
        perSecond.toFixed(0),
        perCore.toFixed(0),
        goal,
      ])
    }
    printTable([
      [`appends of 200 bytes, median of ${ROUNDS} rounds`, 'a second', 'a second of one core', 'goal'],
      ...rows,
    ])
    console.log()
    const [bare, ours] = await besideBare(folder, open(true), progress)
    const share = ours / bare
    printTable([
      [
        `one after another, each synced, median of ${ROUNDS} rounds in turn`,
        'a second',
        'share of the bare one',
        'goal',
      ],
      ['bare write and fdatasync', bare.toFixed(0), '1', ''],
      ['journal', ours.toFixed(0), share.toFixed(2), told(share >= GOALS.share, `${GOALS.share} of the bare one`)],
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const told = (isKept: boolean, goal: string): string => `${goal}: ${isKept ? 'kept' : 'missed'}`

interface Rate {
  readonly perSecond: number
  /** By the process's own CPU time. */
  readonly perCore: number
}

/** Each to a key of its own that is settled soon, as with a source that keeps up. */
async function appends(journal: OpenJournal, count: number): Promise<Rate> {
  try {
    const began = performance.now()
    const cpu = process.cpuUsage()
    for (let at = 0; at < count; at += TOGETHER) {
      const keys = Array.from({ length: TOGETHER }, (_, index) => `item:${at + index}`)
      const numbers = await Promise.all(keys.map((key) => journal.append([{ key, body: VALUE }])))
      for (const [index, [number = 0]] of numbers.entries()) journal.settle(keys[index] ?? '', number)
    }
    const { user, system } = process.cpuUsage(cpu)
    return { perSecond: count / ((performance.now() - began) / 1000), perCore: count / ((user + system) / 1e6) }
  } finally {
    await journal.close()
  }
}

/** No two share a sync. They take turns, since a disk's speed varies from one second to the next. */
async function besideBare(
  folder: string,
  journal: OpenJournal,
  progress: (line: string) => void,
): Promise<readonly [number, number]> {
  const file = openSync(join(folder, 'bare'), 'ax')
  const rates: { readonly bare: number[]; readonly ours: number[] } = { bare: [], ours: [] }
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`journal: beside bare fdatasync, round ${round} of ${ROUNDS}`)
      let began = performance.now()
      for (let at = 0; at < SYNCS; at++) {
        writeSync(file, VALUE)
        fdatasyncSync(file)
      }
      rates.bare.push(SYNCS / ((performance.now() - began) / 1000))
      began = performance.now()
      for (let at = 0; at < SYNCS; at++) await journal.append([{ key: `item:${at}`, body: VALUE }])
      rates.ours.push(SYNCS / ((performance.now() - began) / 1000))
    }
    return [median(rates.bare), median(rates.ours)]
  } finally {
    closeSync(file)
    await journal.close()
  }
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
