// Before any test: finds or fetches the servers, once, and makes a folder for the tests' files that is removed
// afterwards.
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
  // Every project runs this; the folder is made once.
  const folder = layInMemory()
  return () => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
