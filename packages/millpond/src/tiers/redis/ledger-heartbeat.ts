// Which processes are alive, reported once a second for all namespaces, and the position of each in those that it uses.
//
// One hash "id <milliseconds>" for the key prefix, and one hash for each process: n the number of the last heartbeat;
// <namespace> "<number> <epoch>". A process touches both every second, so that a server that evicts untouched keys
// keeps them; if either is lost, the process learns so with its next heartbeat and reports everything again. A cluster
// has neither, since no step may touch two slots: there each namespace is reported by itself (`ledger-report.ts`).
import { MILLISECONDS, script } from './script.ts'

/** Far longer than any silence after which a process counts as ended: the remains of an ended fleet expire after it. */
const KEPT_MS = 60_000

/**
 * KEYS: the heartbeats, the process. ARGV: id, after how many milliseconds of silence a process has ended, number of
 * the heartbeat, how many namespaces have moved, name and position of each, then the names of those that it left.
 * Answers 0 if the previous one is not known. A process that joins removes those that have ended.
 */
export const HEARTBEAT = script(`${MILLISECONDS}
local now = milliseconds()
local count = tonumber(redis.call('HGET', KEYS[2], 'n') or '')
local ahead = count and tonumber(ARGV[3]) - count
if ahead and ahead < 0 then return 1 end
local came = redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now))
local moved = tonumber(ARGV[4]) * 2
redis.call('HSET', KEYS[2], 'n', ARGV[3], unpack(ARGV, 5, 4 + moved))
if #ARGV > 4 + moved then redis.call('HDEL', KEYS[2], unpack(ARGV, 5 + moved)) end
redis.call('PEXPIRE', KEYS[1], ${KEPT_MS})
redis.call('PEXPIRE', KEYS[2], ${KEPT_MS})
local all = came == 0 and {} or redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at = tonumber(all[i + 1])
  if not at or now - at > tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], all[i]) end
end
return (came == 0 and ahead and ahead <= 1) and 1 or 0
`)

/** KEYS: the heartbeats. ARGV: as above. Answers id and milliseconds of silence of each living process, in turn. */
export const LIVING = script(`${MILLISECONDS}
local now = milliseconds()
local all = redis.call('HGETALL', KEYS[1])
local out = {}
for i = 1, #all, 2 do
  local age = math.max(0, now - (tonumber(all[i + 1]) or 0))
  if age <= tonumber(ARGV[1]) then
    out[#out + 1] = all[i]
    out[#out + 1] = age
  end
end
return out
`)

/**
 * KEYS: the record, then the processes. ARGV: run id, the namespace. Answers for each process its number in the current
 * epoch, or -1 if it does not use the namespace.
 */
export const POSITIONS = script(`
local r = redis.call('HMGET', KEYS[1], 'e', 'id')
local out = {}
for i = 2, #KEYS do
  local at = r[1] and r[2] == ARGV[1] and redis.call('HGET', KEYS[i], ARGV[2])
  local seq, epoch = string.match(at or '', '^(%d+) (.*)$')
  out[i - 1] = epoch == r[1] and seq or -1
end
return out
`)
