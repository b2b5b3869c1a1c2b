// `npm run bench:memory`: the size of all organisations' answers in memory (L1) and in the SQLite file (L2): packed,
// compressed and selected, next to the same without.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sqlite } from 'millpond/tiers/sqlite'
import { openCaches } from './cache/open-caches.ts'
import { openWarming } from './cache/open-warming.ts'
import { prepareData } from './data/prepare.ts'
import { readSettings, type Settings } from './settings.ts'

interface Held {
  readonly answers: number
  /** As memory weighs its entries. */
  readonly memory: number
  /** The rows of the file. */
  readonly file: number
}

const HELP = `usage: npm run bench:memory -- [options]
  How much memory and cache file the answers of all organisations take: packed, compressed and selected, compared with neither. Takes half a
  minute. Exits with 1 if less than 30 % is saved.

  --organizations N    size of the generated data (40)
  --users N            (400)
  --deals N            (10000)
  --json               the figures as JSON`

/** The size when everything that the service warms has been requested once. */
async function holdAll(settings: Settings, folder: string, isCompact: boolean): Promise<Held> {
  const { db, dataset, today } = await prepareData(settings, () => undefined)
  const place = join(folder, isCompact ? 'compact' : 'plain')
  const caches = await openCaches(
    { ...settings.cache, redisUrl: undefined, isCompact },
    place,
    dataset,
    () => undefined,
  )
  const { warming } = openWarming({
    db,
    caches,
    today,
    defaultTtlMs: settings.cache.defaultTtlMs,
    isChoosingTtl: false,
  })
  const { warmed } = await warming.warmAllOrganizations()
  const memory = caches.cache?.info().memory?.bytes ?? 0
  await caches.close()
  await db.close()
  const tier = sqlite({ path: join(place, 'cache.sqlite') })
  const file = (await tier.usage()).bytes
  await tier.close()
  return { answers: warmed, memory, file }
}

async function compare(sizes: readonly string[], isJson: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'deals-memory-'))
  try {
    const settings = readSettings(['--dir', folder, ...sizes], {})
    if (settings === undefined) return
    const plain = await holdAll(settings, folder, false)
    const compact = await holdAll(settings, folder, true)
    if (plain.answers !== compact.answers)
      throw new Error(`${plain.answers} answers and ${compact.answers}: the requests differ`)
    const saved = 1 - (compact.memory + compact.file) / (plain.memory + plain.file)
    if (saved < 0.3) process.exitCode = 1
    if (isJson) {
      console.log(JSON.stringify({ plain, compact }))
      return
    }
    const line = (name: string, { memory, file }: Held) =>
      `${name.padEnd(44)}${[memory, file, memory + file].map((bytes) => (bytes / 1e6).toFixed(2).padStart(10)).join('')}`
    console.log(`${plain.answers} answers (${sizes.join(' ')}), MB${' '.repeat(8)}    memory      file  together`)
    console.log(line('as they are', plain))
    console.log(line('packed, compressed, selected', compact))
    console.log(`${(100 * saved).toFixed(0)} % less; the goal is 30 %`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const text = (fallback: string) => ({ type: 'string', default: fallback }) as const
const { values } = parseArgs({
  options: {
    organizations: text('40'),
    users: text('400'),
    deals: text('10000'),
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})
const { organizations, users, deals, json } = values
if (values.help) console.log(HELP)
else await compare(['--organizations', organizations, '--users', users, '--deals', deals], json)
