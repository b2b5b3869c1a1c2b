// The lease of a key: one load over all processes.
import { script } from './script.ts'

/** KEYS: the lease. ARGV: id, milliseconds. Answers -1 when granted, else how long the holder has left. */
export const LEASE = script(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return -1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return -1
end
return math.max(0, redis.call('PTTL', KEYS[1]))
`)

/** KEYS: the lease. ARGV: id. */
export const RELEASE = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0
`)
