// Which processes use a ledger in a cluster, and up to which number each has applied its lines.
import { MILLISECONDS, script } from './script.ts'

/**
 * KEYS: the nodes of a namespace, a hash of "<number> <milliseconds> <epoch>" by id. ARGV: id, after how many
 * milliseconds of silence a node is gone, epoch, number. A node that joins removes those that are gone: so the hash
 * holds those that were alive when the last one joined, and expires when all are silent.
 */
export const REPORT = script(`${MILLISECONDS}
local now = milliseconds()
local came = redis.call('HSET', KEYS[1], ARGV[1], string.format('%s %.0f %s', ARGV[4], now, ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if came == 0 then return 1 end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at = tonumber(string.match(all[i + 1], '^%d+ (%d+)'))
  if not at or now - at > tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], all[i]) end
end
return 1
`)

/** KEYS: the nodes. ARGV: id. */
export const LEAVE = script("return redis.call('HDEL', KEYS[1], ARGV[1])")

/**
 * KEYS: the record, the nodes. ARGV: run id, as in REPORT. Answers id, number and milliseconds of silence of each node
 * of the current epoch, in turn.
 */
export const NODES = script(`${MILLISECONDS}
local r = redis.call('HMGET', KEYS[1], 'e', 'id')
local out = {}
if not r[1] or r[2] ~= ARGV[1] then return out end
local now = milliseconds()
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local seq, at, epoch = string.match(all[i + 1], '^(%d+) (%d+) (.*)$')
  local age = at and math.max(0, now - tonumber(at))
  if age and age <= tonumber(ARGV[2]) and epoch == r[1] then
    out[#out + 1] = all[i]
    out[#out + 1] = seq
    out[#out + 1] = age
  end
end
return out
`)
