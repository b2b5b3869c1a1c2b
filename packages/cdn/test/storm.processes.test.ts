// A storm of purges from a real process, in real time: coalesced below the vendor's documented limits, told how long it
// takes, and nothing of it lost over a kill -9.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { isLong } from '../../millpond/test/form.ts'
import { until } from '../../millpond/test/services/index.ts'
import { type CloudflareServer, cloudflareServer } from './vendors/cloudflare.ts'

/** The whole form: 10,000 tags in 10 s, on a plan that takes 25 requests at once, then 5 a second, 100 tags each. */
const TAGS = isLong ? 10_000 : 1000
const SPREAD_MS = isLong ? 10_000 : 1000
const PER_CALL = 5

interface Said {
  readonly tags?: readonly string[]
  readonly leftMs?: number
  readonly storm?: number
  readonly idle?: { readonly coalesced: number }
}

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

function start(
  server: CloudflareServer,
  outbox: string,
  more: object,
): { readonly child: ChildProcess; readonly said: Said[]; readonly at: number[]; readonly over: Promise<unknown> } {
  const settings = { api: `${server.url}/client/v4`, zone: server.zone, token: server.token, outbox, ...more }
  const child = fork(fileURLToPath(new URL('./storm-child.mjs', import.meta.url)), [JSON.stringify(settings)], {
    execArgv: [],
  })
  children.push(child)
  const said: Said[] = []
  const at: number[] = []
  child.on('message', (message: Said) => {
    said.push(message)
    at.push(performance.now())
  })
  return { child, said, at, over: new Promise((resolve) => child.once('exit', resolve)) }
}

const outboxOf = (): string => join(mkdtempSync(join(tmpdir(), 'millpond-storm-')), 'outbox.db')
const STORM = { count: TAGS, everyMs: (SPREAD_MS * PER_CALL) / TAGS, perCall: PER_CALL }

describe('a storm of purges', () => {
  it('stays below the limits of the plan, and takes as long as forecast', { timeout: 120_000 }, async () => {
    const server = await cloudflareServer(() => performance.now(), 'pro')
    const { said, at, over } = start(server, outboxOf(), STORM)
    await over
    expect(new Set(server.purged).size).toBe(TAGS)
    expect(server.haste.refusals, 'in time').toBe(0)
    // Second purges included, which share requests with first ones where these leave room.
    expect(server.asked.length).toBeLessThan(25 + 5 * ((SPREAD_MS + 30_000) / 1000))
    const last = said.findLastIndex(({ leftMs }) => leftMs !== undefined)
    const told = said[last]?.leftMs ?? 0
    const took = (server.firstPurgedAll(TAGS) ?? Number.NaN) - (at[last] ?? 0)
    console.log(
      `storm: ${TAGS} tags in ${Math.round(said.find(({ storm }) => storm !== undefined)?.storm ?? 0)} ms; ${server.asked.length} requests; ${Math.round(told)} ms told, ${Math.round(took)} ms taken`,
    )
    if (isLong) expect(told / took, 'in time').toBeGreaterThan(0.8)
    if (isLong) expect(told / took, 'in time').toBeLessThan(1.2)
  })

  it.each(isLong ? [0.2, 0.5, 0.9] : [0.6])(
    'loses nothing that was promised when the process is killed after %f of it',
    { timeout: 120_000 },
    async (share) => {
      const server = await cloudflareServer(() => performance.now(), 'pro')
      const outbox = outboxOf()
      const { child, said, over } = start(server, outbox, STORM)
      await until(
        'the storm to be under way, here and at the vendor',
        () => said.length >= (TAGS / PER_CALL) * share && server.purged.length > 0,
        60_000,
      )
      child.kill('SIGKILL')
      await over
      const promised = said.flatMap(({ tags = [] }) => tags)
      const before = server.purged.length
      await start(server, outbox, { finish: true }).over
      const purged = new Set(server.purged)
      expect(promised.filter((tag) => !purged.has(`tag ${tag}`))).toEqual([])
      expect(promised.length).toBeGreaterThan(0)
      console.log(
        `storm: killed with ${promised.length} tags promised; purged before: ${before}, after: ${server.purged.length - before}`,
      )
      // The next one knows that the vendor's bucket may be empty.
      expect(server.haste.refusals, 'in time').toBe(0)
      // And nothing is left.
      const asked = server.asked.length
      await start(server, outbox, { finish: true }).over
      expect(server.asked.length).toBe(asked)
    },
  )
})
