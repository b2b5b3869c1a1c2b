// The order of the suites: the longest begin first, so that none of them runs alone at the end. Vitest orders by
// recorded durations, and in a fresh clone by size, which says little about time.
// @ts-check
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BaseSequencer } from 'vitest/node'
import { root } from './prepare.mjs'

/** The suites of each stage that take ten seconds or more on two cores; in a short stage, three. */
const LONGEST = [
  'packages/millpond/test/engine/erase.test.ts',
  'packages/dashboard/test/drive.test.ts',
  'packages/millpond/test/tiers/postgres.test.ts',
  'packages/millpond/test/tiers/redis-sentinel.test.ts',
  'apps/deals/test/load/run.test.ts',
  'packages/millpond/test/tiers/redis-clients.test.ts',
  'packages/dashboard/test/hostile.test.ts',
  'packages/millpond/test/tiers/sqlite.test.ts',
  'packages/control/test/nodes.test.ts',
  'packages/millpond/test/bundles/bundles.test.ts',
  'packages/millpond/test/docs.test.ts',
  'packages/millpond/test/orm/prisma.test.ts',
  'packages/dashboard/test/keyboard.test.ts',
  'packages/millpond/test/services/services.test.ts',
  'packages/millpond/test/tiers/redis.test.ts',
  'packages/control/test/erasure.test.ts',
  'packages/millpond/test/engine/hidden-names.test.ts',
  'packages/millpond/test/races/exhaustive.test.ts',
  'bench/test/fleet.test.ts',
  'packages/millpond/test/races/defects.test.ts',
  'packages/dashboard/test/regions.test.ts',
  'packages/millpond/test/insight/insight.test.ts',
  'packages/millpond/test/engine/erase-tenant.test.ts',
  'apps/deals/test/start.test.ts',
  'packages/control/test/auto.test.ts',
  'packages/cli/test/commands.test.ts',
  'packages/millpond/test/tiers/redis-cluster.test.ts',
  'packages/millpond/test/engine/erase-writes.test.ts',
  'packages/millpond/test/tiers/outage.test.ts',
  'packages/millpond/test/tiers/redis-moves.test.ts',
  'packages/millpond/test/memory/weigh.test.ts',
  'packages/cli/test/reports.test.ts',
  'packages/millpond/test/tiers/postgres-standing.test.ts',
  'packages/millpond/test/engine/restart.test.ts',
  'scripts/test/start.test.ts',
  'scripts/test/fair-runner.test.ts',
  'apps/deals/test/http/stalls.test.ts',
  'packages/cdn/test/outlet.test.ts',
  'packages/millpond/test/engine/loading.test.ts',
  'packages/millpond/test/memory/long.test.ts',
  'packages/millpond/test/tiers/redis-cluster-faults.alone.test.ts',
  'packages/millpond/test/engine/bursts.alone.test.ts',
  'packages/millpond/test/tiers/edge-regions.alone.test.ts',
  'packages/millpond/test/tiers/edge-three.alone.test.ts',
  'packages/millpond/test/tiers/postgres-faults.alone.test.ts',
  'packages/millpond/test/tiers/memcached-faults.alone.test.ts',
  'packages/millpond/test/tiers/postgres-cache.alone.test.ts',
  'packages/millpond/test/engine/outage.alone.test.ts',
  'packages/millpond/test/histories/redis.processes.test.ts',
  'packages/millpond/test/histories/groups.processes.test.ts',
  'packages/millpond/test/histories/tiers.processes.test.ts',
  'packages/millpond/test/nodes/fleet.processes.test.ts',
  'packages/millpond/test/engine/peers.processes.test.ts',
  'packages/dashboard/test/two-nodes.processes.test.ts',
  'packages/millpond/test/engine/acked.processes.test.ts',
  'packages/millpond/test/engine/exits.processes.test.ts',
  'packages/millpond/test/histories/planted.processes.test.ts',
  'packages/cdn/test/storm.processes.test.ts',
  'packages/millpond/test/source/stream-kills.processes.test.ts',
  'packages/millpond/test/source/kills.processes.test.ts',
]

const gone = LONGEST.filter((path) => !existsSync(join(root, path)))
if (gone.length > 0) throw new Error(`scripts/longest-first.mjs names suites that are not there: ${gone.join(', ')}`)

/** @param {string} path */
const placeOf = (path) => {
  const place = LONGEST.findIndex((name) => path.replaceAll('\\', '/').endsWith(`/${name}`))
  return place < 0 ? LONGEST.length : place
}

/** @param {readonly string[]} paths @returns {number[]} their places in the new order; equals stay as they are */
export const longestFirst = (paths) =>
  paths.map((_, at) => at).sort((a, b) => placeOf(paths[a] ?? '') - placeOf(paths[b] ?? '') || a - b)

export default class extends BaseSequencer {
  /** @override @param {Parameters<BaseSequencer['sort']>[0]} files */
  async sort(files) {
    const sorted = await super.sort(files)
    const ordered = longestFirst(sorted.map(({ moduleId }) => moduleId)).flatMap((at) => sorted[at] ?? [])
    // Suites that share a process must not be separated by one of another project: the process would end, and the
    // library be loaded again.
    const projects = [...new Set(ordered.map(({ project }) => project))].sort(
      (a, b) => Number(b.config.isolate === false) - Number(a.config.isolate === false),
    )
    return projects.flatMap((one) => ordered.filter(({ project }) => project === one))
  }
}
