// `npm run bench:consistency`: Millpond compared with bentocache, cacheable and cache-manager, with concurrent loads
// and invalidations, several processes, and faults.
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { contenders } from './consistency/contenders.ts'
import { measureCpu } from './consistency/cpu.ts'
import type { Cell, Field, Measure } from './consistency/field.ts'
import { measureLoads } from './consistency/loads.ts'
import { startMember } from './consistency/member.ts'
import { measureMemory } from './consistency/memory.ts'
import { measureMixed } from './consistency/mixed.ts'
import { measurePropagation } from './consistency/propagation.ts'
import { measureRaces } from './consistency/races.ts'
import { type RedisServer, startRedisServer } from './consistency/redis-server.ts'
import { asJson, comparisonTable, markdown, type Results } from './consistency/table.ts'
import { measureTags } from './consistency/tags.ts'

const PARTS: Readonly<Record<string, Measure>> = {
  races: measureRaces,
  mixed: measureMixed,
  loads: measureLoads,
  propagation: measurePropagation,
  tags: measureTags,
  memory: measureMemory,
  cpu: measureCpu,
}

const HELP = `usage: npm run bench:consistency -- [options]
  --quick         few tries, short loads: to see that it works (under two minutes)
  --brief         fewer tries, shorter loads: figures, in half the time
  --only a,b      these contenders beside ours: millpond, bentocache, cacheable, cache-manager
  --parts a,b     these measurements: races, mixed, loads, propagation, tags, memory, cpu
  --json          print the figures as JSON, nothing else
  --markdown      print the table with date, machine and setups, nothing else`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    brief: { type: 'boolean', default: false },
    only: { type: 'string' },
    parts: { type: 'string' },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (values.help) {
  console.log(HELP)
} else {
  // An exit by a signal would leave the server behind.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => process.exit(code))
  const redis = await startRedisServer()
  try {
    const results = await compare({
      redis,
      start: startMember,
      extent: values.quick ? 'quick' : values.brief ? 'brief' : 'full',
    })
    console.log(values.json ? asJson(results) : values.markdown ? markdown(results) : comparisonTable(results))
  } finally {
    await redis.close()
  }
  // A library may leave a timer behind.
  process.exit()
}

/**
 * One part after the other; within a part the contenders take turns, so that other work of the machine affects all of
 * them equally.
 */
async function compare(field: Field): Promise<Results> {
  const takers = contenders.filter((one) => one.name === 'millpond' || picked(values.only, one.name))
  const cells = new Map<string, Cell[]>(takers.map((one) => [one.name, []]))
  for (const [part, measure] of Object.entries(PARTS)) {
    if (!picked(values.parts, part)) continue
    for (const contender of takers) {
      try {
        const found = await measure(field, contender)
        cells.get(contender.name)?.push(...found)
        for (const { row, text } of found) console.error(`${part}: ${contender.name}: ${row}: ${text}`)
      } catch (error) {
        // A contender that fails leaves its cells empty; the others go on.
        console.error(`${part}: ${contender.name}:`, error)
        process.exitCode = 1
      }
    }
  }
  const versions = new Map(takers.map((one) => [one.name, `${versionOf(one.name)}: ${one.setup}`]))
  return {
    about: {
      date: new Date().toISOString().slice(0, 10),
      machine: machine(field.redis),
      versions,
      extent: field.extent,
    },
    cells,
  }
}

function picked(list: string | undefined, name: string): boolean {
  return list === undefined || list.split(',').includes(name)
}

function machine(redis: RedisServer): string {
  const cores = availableParallelism()
  return `${cores} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), Node ${process.versions.node}, Redis ${redis.version}`
}

/** From the package itself, so that it is the installed version. */
function versionOf(name: string): string {
  let folder = new URL('.', import.meta.resolve(name))
  for (let up = 0; up < 5; up++, folder = new URL('..', folder)) {
    try {
      const manifest: { name?: string; version?: string } = JSON.parse(
        readFileSync(fileURLToPath(new URL('package.json', folder)), 'utf8'),
      )
      if (manifest.name === name && manifest.version !== undefined) return manifest.version
    } catch {
      // Not this folder.
    }
  }
  return 'unknown'
}
