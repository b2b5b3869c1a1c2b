// Before any test: the servers are found or fetched, and files of tests have a place that is gone afterwards, once,
// however the tests were started.
// @ts-check
import { rmSync } from 'node:fs'
import { layInMemory } from './quick-disk.mjs'
import { bringServers, missing, wanted } from './servers.mjs'

export default function setup() {
  const found = bringServers({ fetch: process.env.MILLPOND_FETCH !== 'no' })
  for (const [name] of missing(found))
    console.log(
      `servers: no ${name}: ${wanted[name]?.suites} cannot be tested here. To have it: ${wanted[name]?.install}`,
    )
  // Each project asks, and one is given it.
  const folder = layInMemory()
  return () => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
