// A process that invalidates tags and may be killed at any moment: `{ api, zone, token, outbox, from, count, everyMs,
// perCall }`, or `{ …, finish: true }`, which only does what is left.
import { cloudflare, createCdn } from '@millpond/cdn'
import { createCache } from 'millpond'
import { sqliteOutbox } from 'millpond/tiers/sqlite'

const {
  api,
  zone,
  token,
  outbox,
  from = 0,
  count = 0,
  everyMs = 0,
  perCall = 1,
  finish = false,
} = JSON.parse(process.argv[2] ?? '{}')
const cdn = createCdn({ edges: [cloudflare({ api, zone, token, plan: 'pro' })] })
const outlet = cdn.outlet({ again: finish ? '10ms' : '1s' })
const cache = createCache({ outlets: [outlet], outbox: sqliteOutbox({ path: outbox }) })
const say = (message) => process.send?.(message)
await cache.get('opens')

if (!finish) {
  const began = performance.now()
  for (let at = from; at < from + count; at += perCall) {
    const tags = Array.from({ length: Math.min(perCall, from + count - at) }, (_, part) => `tag-${at + part}`)
    const { outlets } = await cache.invalidateTags(tags)
    say({ tags, leftMs: outlets[0]?.leftMs })
    const ahead = ((at - from) / perCall + 1) * everyMs - (performance.now() - began)
    // Also where it is late: a process that never lets its timers have a turn purges nothing.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, ahead)))
  }
  say({ storm: performance.now() - began })
}
// Until nothing waits for its first purge, and what is to be purged again has been.
const hold = setInterval(() => {}, 1000)
await outlet.idle()
clearInterval(hold)
say({ idle: outlet.state() })
await cache.close()
cdn.close()
process.disconnect?.()
