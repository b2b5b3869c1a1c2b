// The leases of keys: one load over all processes.
import { script } from './script.ts'

/**
 * KEYS: leases, all of one namespace. ARGV: milliseconds, then the requesting id for each. Answers for each -1 if
 * granted, else how long the holder has left.
 */
export const LEASE = script(`
local out = {}
for at, name in ipairs(KEYS) do
  local id = ARGV[at + 1]
  if redis.call('SET', name, id, 'NX', 'PX', ARGV[1]) then out[at] = -1
  elseif redis.call('GET', name) == id then
    redis.call('PEXPIRE', name, ARGV[1])
    out[at] = -1
  else out[at] = math.max(0, redis.call('PTTL', name)) end
end
return out
`)

/** KEYS: leases. ARGV: the id of each one's holder. */
export const RELEASE = script(`
for at, name in ipairs(KEYS) do
  if redis.call('GET', name) == ARGV[at] then redis.call('UNLINK', name) end
end
return 0
`)
