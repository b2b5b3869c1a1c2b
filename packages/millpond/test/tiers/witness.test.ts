// The witness of a tier (Z3): what it returned is what was stored, or the logs say what was not.
import { generateKeyPairSync } from 'node:crypto'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { type Checkpoint, verifyWitness, type WitnessOptions, witnessed } from 'millpond/tiers/witness'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'millpond-witness-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

function fresh() {
  const path = join(folder, `${count++}`)
  const logs = join(path, 'logs')
  const file = join(folder, `${count++}.db`)
  const start = (more: Partial<WitnessOptions> = {}) =>
    createCache({ tiers: [witnessed(sqlite({ path: file }), { path: logs, ...more })] })
  const logFiles = () => readdirSync(logs).map((name) => join(logs, name))
  return { logs, file, start, logFiles }
}

/** Everything that goes through a tier: sets, loads, bursts, reads, deletes. */
async function work(cache: ReturnType<typeof createCache>): Promise<void> {
  await cache.set('k', 1)
  await cache.set('k', 2)
  await cache.setMany(Array.from({ length: 50 }, (_, at): [string, number] => [`many${at}`, at]))
  await cache.getOrSet('loaded', () => 'v')
  await cache.flush()
  await cache.getMany(Array.from({ length: 50 }, (_, at) => `many${at}`))
  await cache.get('k')
  await cache.delete('k')
  await cache.get('loaded')
}

describe('a witnessed tier', () => {
  test('proves that what two processes were given is what was stored', async () => {
    const { logs, start } = fresh()
    const [a, b] = [start(), start({ checkpointEvery: 20 })]
    await work(a)
    await work(b)
    expect([await a.get('loaded'), await b.get('many7')]).toEqual(['v', 7])
    await Promise.all([a.close(), b.close()])
    const report = await verifyWitness(logs)
    expect(report).toMatchObject({ isIntact: true, isProven: true, suspicious: 0, suspicions: [], missing: [] })
    expect([report.stored >= 2 * 53, report.returned > 100, report.logs.length]).toEqual([true, true, 2])
    expect(report.logs.map(({ fault, isTorn, tier }) => ({ fault, isTorn, tier }))).toEqual([
      { fault: undefined, isTorn: false, tier: 'sqlite' },
      { fault: undefined, isTorn: false, tier: 'sqlite' },
    ])
    // No key and no value is shown.
    expect(readFileSync(join(logs, readdirSync(logs)[0] ?? ''), 'utf8')).not.toMatch(/loaded|many/)
  })

  test('reports bytes that were never stored, and older ones that were put back', async () => {
    const { logs, file, start } = fresh()
    const cache = start()
    await cache.set('k', 'first')
    await cache.set('l', 'other')
    const tier = sqlite({ path: file })
    const key = (await cache.explain('k')).storageKey
    const [first] = await tier.read([key])
    const [other] = await tier.read([(await cache.explain('l')).storageKey])
    if (first === undefined || other === undefined) throw new Error('nothing was stored')
    await cache.set('k', 'second')
    await tier.write([{ ...first, key }])
    await cache.get('k')
    await tier.write([{ ...other, key }])
    await cache.get('k')
    await tier.close()
    await cache.close()
    const report = await verifyWitness(logs)
    expect([report.isIntact, report.isProven, report.suspicious]).toEqual([true, false, 2])
    expect(report.suspicions.map(({ what }) => what)).toEqual(['older', 'unknown'])
  })

  test.each<[string, (file: string) => void, RegExp]>([
    [
      'changed',
      (file) => {
        const lines = readFileSync(file, 'utf8').split('\n')
        lines[3] = (lines[3] ?? '').replace('"t":"stored"', '"t":"storeD"')
        writeFileSync(file, lines.join('\n'))
      },
      /line 3 was changed/,
    ],
    [
      'taken out',
      (file) =>
        writeFileSync(
          file,
          readFileSync(file, 'utf8')
            .split('\n')
            .filter((_, at) => at !== 3)
            .join('\n'),
        ),
      /line 3 has the number 4/,
    ],
    [
      'made to nonsense',
      (file) => writeFileSync(file, readFileSync(file, 'utf8').replace(/\n.*\n/, '\nnonsense\n')),
      /is not valid/,
    ],
  ])('a line that was %s is found', async (_what, harm, fault) => {
    const { logs, start, logFiles } = fresh()
    const cache = start()
    await work(cache)
    await cache.close()
    harm(logFiles()[0] ?? '')
    const report = await verifyWitness(logs)
    expect(report.isIntact).toBe(false)
    expect(report.logs[0]?.fault).toMatch(fault)
  })

  test('a log that was cut, or written anew, is found by a checkpoint that was kept elsewhere', async () => {
    const { logs, start, logFiles } = fresh()
    const checkpoints: Checkpoint[] = []
    const cache = start({ checkpointEvery: 10, onCheckpoint: (one) => checkpoints.push(one) })
    await work(cache)
    await cache.close()
    expect(await verifyWitness(logs, { checkpoints })).toMatchObject({ isIntact: true })
    const [file = ''] = logFiles()
    const whole = readFileSync(file, 'utf8')
    writeFileSync(file, whole.split('\n').slice(0, 8).join('\n'))
    expect(await verifyWitness(logs)).toMatchObject({ isIntact: true })
    const cut = await verifyWitness(logs, { checkpoints })
    expect([cut.isIntact, cut.missing.length]).toEqual([false, checkpoints.length])
    writeFileSync(file, whole)
    const [point] = checkpoints
    if (point === undefined) throw new Error('there was no checkpoint')
    const other = await verifyWitness(logs, { checkpoints: [{ ...point, hash: 'another' }] })
    expect(other.logs[0]?.fault).toMatch(/differs from the checkpoint/)
  })

  test('signed checkpoints cannot be made by who only writes the log', async () => {
    const { logs, start } = fresh()
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const cache = start({ signingKey: privateKey, checkpointEvery: 10 })
    await work(cache)
    await cache.close()
    expect(await verifyWitness(logs, { publicKey })).toMatchObject({ isIntact: true })
    const stranger = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string
    expect((await verifyWitness(logs, { publicKey: stranger })).logs[0]?.fault).toMatch(/not signed by this key/)
  })

  test('a torn end, as a kill leaves it, says nothing and is no fault', async () => {
    const { logs, start, logFiles } = fresh()
    const cache = start()
    await work(cache)
    await cache.close()
    const [file = ''] = logFiles()
    appendFileSync(file, '{"n":999,"t":"sto')
    expect(await verifyWitness(logs)).toMatchObject({ isIntact: true, logs: [{ isTorn: true, fault: undefined }] })
    truncateSync(file, readFileSync(file).length - 40)
    expect(await verifyWitness(logs)).toMatchObject({ isIntact: true })
  })

  test('goes on where the log cannot be written, and says so; what cannot be begun is refused', async () => {
    const { file, logs } = fresh()
    expect(() => witnessed(sqlite({ path: file }), { path: file })).toThrow(/cannot be started/)
    expect(() => witnessed(memory() as never, { path: logs })).toThrow(/is not a tier/)
    expect(() => witnessed(sqlite({ path: ':memory:' }), { path: logs, signingKey: 'nonsense' })).toThrow(
      /signingKey: it is not an Ed25519 private key/,
    )
    await expect(verifyWitness(join(logs, 'none'))).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
