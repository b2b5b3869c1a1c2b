// Before any test: the servers are found or fetched, once, whoever started the tests.
// @ts-check
import { bringServers, missing, wanted } from './servers.mjs'

export default function setup() {
  const found = bringServers({ fetch: process.env.MILLPOND_FETCH !== 'no' })
  for (const [name] of missing(found))
    console.log(`servers: no ${name}: ${wanted[name]?.suites} cannot be tested here. To have it: ${wanted[name]?.install}`)
}
