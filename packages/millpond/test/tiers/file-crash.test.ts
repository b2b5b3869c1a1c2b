// The file tier after kills, cuts, flipped bits, and on a full disk.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { seededRandom } from '../../src/testing/random.ts'
import { item } from '../../src/testing/tier.ts'
import { file } from '../../src/tiers/file/index.ts'
import { packPut, storedIn } from '../../src/tiers/file/record.ts'
import { sized } from '../form.ts'
import { compile } from '../histories/compile.mjs'
import { startWorker, type Worker } from './child.ts'
import { text } from './faults.ts'
import { temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
const CHILD = fileURLToPath(new URL('./file-child.mjs', import.meta.url))
const workers: Worker[] = []
afterEach(async () => {
  for (const worker of workers) worker.kill()
  await Promise.all(workers.splice(0).map((worker) => worker.ended))
})

/** The folder again, with other bytes in its one segment. */
function copyOf(path: string, segment: string, bytes: Uint8Array): string {
  const copy = folder()
  mkdirSync(copy)
  writeFileSync(join(copy, 'folder.millpond'), readFileSync(join(path, 'folder.millpond')))
  writeFileSync(join(copy, segment), bytes)
  return copy
}

const seedOf = (path: string): number => readFileSync(join(path, 'folder.millpond')).readUInt32LE(8)

const segmentsOf = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => /^\d+\.millpond$/.test(name))
    .sort()

/** A folder after six steps on two keys; answers what each key must read as after so many whole steps. */
async function afterSteps(): Promise<{
  path: string
  segment: string
  ends: number[]
  states: (string | undefined)[][]
}> {
  const path = folder()
  const tier = file({ path })
  const ends: number[] = []
  const segment = (): string => segmentsOf(path)[0] ?? expect.fail('there is one')
  const note = (): void => void ends.push(statSync(join(path, segment())).size)
  await tier.read([])
  note()
  for (const step of [
    () => tier.write([item('a', 'one')]),
    () => tier.write([item('b', 'two')]),
    () => tier.write([item('a', 'three')]),
    () => tier.drop(['b']),
    () => tier.clear('a'),
    () => tier.write([item('b', 'six')]),
  ]) {
    await step()
    note()
  }
  await tier.close()
  const none = undefined
  return {
    path,
    segment: segment(),
    ends,
    states: [
      [none, none],
      ['one', none],
      ['one', 'two'],
      ['three', 'two'],
      ['three', none],
      [none, none],
      [none, 'six'],
    ],
  }
}

test('cut anywhere: it reads as after the last whole step, takes new writes, and keeps them', async () => {
  const { path, segment, ends, states } = await afterSteps()
  const bytes = readFileSync(join(path, segment))
  const after = packPut(item('c', 'after'), seedOf(path))
  for (let cut = ends[0] ?? 0; cut <= bytes.length; cut++) {
    const copy = copyOf(path, segment, bytes.subarray(0, cut))
    const whole = ends.findLastIndex((end) => end <= cut)
    // Once in a while the new record begins with just what the torn one lacks.
    const missing = bytes.subarray(cut, ends[whole + 1])
    const isMended = missing.length > 0 && after.subarray(0, missing.length).equals(missing)
    const tier = file({ path: copy })
    expect([await text(tier, 'a'), await text(tier, 'b')], `cut at ${cut}`).toEqual(states[whole])
    await tier.write([item('c', 'after')])
    expect(await text(tier, 'c')).toBe('after')
    await tier.close()
    const again = file({ path: copy })
    expect(
      [await text(again, 'a'), await text(again, 'b'), await text(again, 'c')],
      `cut at ${cut}, opened again`,
    ).toEqual([...(states[isMended ? whole + 1 : whole] ?? []), 'after'])
    await again.close()
  }
})

test('cut a byte or two too early, before a record that begins with just these: it is found', async () => {
  const { path, segment, ends, states } = await afterSteps()
  const bytes = readFileSync(join(path, segment))
  const seed = seedOf(path)
  const beginningWith = (missing: Buffer): string => {
    for (let n = 0; ; n++) {
      const record = packPut(item('c', `${n}`), seed)
      if (record.subarray(0, missing.length).equals(missing)) return `${n}`
    }
  }
  for (const end of ends.slice(1))
    for (const lacking of end === ends[1] ? [1, 2] : [1]) {
      const copy = copyOf(path, segment, bytes.subarray(0, end - lacking))
      const body = beginningWith(bytes.subarray(end - lacking, end))
      const tiers = [file({ path: copy }), file({ path: copy })]
      for (const tier of tiers) await tier.read([])
      await tiers[0]?.write([item('c', body)])
      await tiers[1]?.write([item('d', 'behind it')])
      tiers.push(file({ path: copy }))
      for (const tier of tiers) {
        const read = await Promise.all(['a', 'b', 'c', 'd'].map((key) => text(tier, key)))
        expect(read, `${lacking} bytes before ${end}`).toEqual([
          ...(states[ends.indexOf(end)] ?? []),
          body,
          'behind it',
        ])
      }
      for (const tier of tiers) await tier.close()
    }
})

test('any bit of a record flipped: nothing is answered', () => {
  const record = packPut(item('key', 'a body', Date.now() + 3_600_000, 7), 12_345)
  const now = Date.now()
  expect(storedIn(record, 'key', 12_345, now)?.asOf.seq).toBe(7)
  for (let bit = 0; bit < record.length * 8; bit++) {
    const changed = Buffer.from(record)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(storedIn(changed, 'key', 12_345, now), `bit ${bit}`).toBeUndefined()
  }
  for (let length = 0; length < record.length; length++)
    expect(storedIn(record.subarray(0, length), 'key', 12_345, now)).toBeUndefined()
  expect(storedIn(record, 'other', 12_345, now)).toBeUndefined()
  expect(storedIn(record, 'key', 54_321, now)).toBeUndefined()
})

test('any byte of the log changed: its record reads as absent, and those around it are found', async () => {
  const path = folder()
  const tier = file({ path })
  await tier.write([item('a', 'first'), item('b', 'second', Date.now() + 3_600_000, 7), item('c', 'third')])
  await tier.close()
  const name = segmentsOf(path)[0] ?? ''
  const bytes = readFileSync(join(path, name))
  for (let at = 32; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ (1 << (at & 7))
    const again = file({ path: copyOf(path, name, changed) })
    const read = (await again.read(['a', 'b', 'c'])).map((stored) => stored && Buffer.from(stored.body).toString())
    expect(
      read.filter((one) => one === undefined),
      `byte ${at}`,
    ).toHaveLength(1)
    for (const [n, wanted] of ['first', 'second', 'third'].entries()) expect([wanted, undefined]).toContain(read[n])
    await again.close()
  }
})

test('G26: a value that looks like a record is a value, also where the log is torn in front of it', async () => {
  const path = folder()
  const tier = file({ path })
  await tier.write([item('victim', 'true')])
  const record = readFileSync(join(path, segmentsOf(path)[0] ?? '')).subarray(32)
  const forger = folder()
  const other = file({ path: forger })
  await other.write([item('attack', record)])
  await other.close()
  const name = segmentsOf(forger)[0] ?? ''
  const bytes = readFileSync(join(forger, name))
  // The head of the attack is lost, its body stays.
  bytes.fill(0, 32, 40)
  writeFileSync(join(forger, name), bytes)
  const again = file({ path: forger })
  expect(await again.read(['victim', 'attack'])).toEqual([undefined, undefined])
  await Promise.all([tier.close(), again.close()])
})

test.each([
  ['with room enough', 64 * 1_048_576, true],
  ['while segments come and go', 1_048_576, false],
])(
  'killed at any moment, %s: what was acknowledged is there, or gone for want of room, never older',
  async (_, maxBytes, hasRoom) => {
    const path = folder()
    const random = seededRandom(20_261_126)
    let acknowledged = 0
    for (let round = 0; round < sized(2, 3); round++) {
      const three = ['a', 'b', 'c'].map((name) => startWorker(path, 'churn', `${round}${name}`, maxBytes, CHILD))
      workers.push(...three)
      await Promise.all(three.map((worker) => worker.reach(50 + random.below(250))))
      for (const worker of three) worker.kill()
      expect(await Promise.all(three.map((worker) => worker.ended))).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL'])
      const tier = file({ path, maxBytes })
      for (const { acked } of three) {
        acknowledged += acked.length
        const last = new Map(acked.map((ack) => [ack.key ?? '', ack]))
        const next = (acked.at(-1)?.seq ?? 0) + 1
        for (const [key, { seq, drops = false }] of last) {
          const [stored] = await tier.read([key])
          // The step that was under way may have happened.
          if (stored?.asOf.seq === next && key.endsWith(`k${next % 7}`)) continue
          if (drops) expect(stored, key).toBeUndefined()
          else if (stored !== undefined) expect(stored.asOf.seq).toBe(seq)
          else if (hasRoom)
            expect([key, next % 7, next % 5]).toEqual([expect.stringMatching(new RegExp(`k${next % 7}$`)), next % 7, 4])
        }
      }
      expect(readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).blocks * 512, 0)).toBeLessThan(
        maxBytes * 1.05,
      )
      await tier.close()
    }
    expect(acknowledged).toBeGreaterThan(250)
  },
  120_000,
)

test('a disk that is full: refused, not failed; room is made by the oldest, and what was acknowledged is there', async () => {
  const path = folder()
  // A limit on the size of files stands for a full disk: the write that meets it is cut short.
  const command = `ulimit -f 64; exec "$0" "$@"`
  const run = spawnSync(
    'bash',
    ['-c', command, process.execPath, CHILD, compile(), path, 'fill', 'full', String(64 * 1_048_576)],
    {
      encoding: 'utf8',
    },
  )
  expect(run.stderr).toBe('')
  const { refused } = JSON.parse(run.stdout)
  expect(refused).toBeGreaterThan(0)
  const tier = file({ path })
  await tier.write([item('later')])
  expect(await text(tier, 'later')).toBe('body of later')
  await tier.close()
})
