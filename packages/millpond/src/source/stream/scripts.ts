// The steps of a write log in Redis, as the server runs them. All keys of a log lie in one slot.
//
// KEYS[1] is the log's base; beside it `:numbers` (a counter: of two writes of a key, by whichever process, the higher
// one came later), `:owners` (a hash: who has a stream, '1', or '0' where it has left), and for each owner `:lease:ID`
// (it lives), `:log:ID` (its stream of key, number, body) and `:last:ID` (a hash from a key to the number and the id of
// its entry there: of a key the latest counts, and no other is kept).

/** A process that was taken over, or has left, must not write any more. A lease that has merely expired is renewed. */
const FENCE = `
local base, id, lease = KEYS[1], ARGV[1], ARGV[2]
if redis.call('HGET', base .. ':owners', id) ~= '1' then return redis.error_reply('TAKEN') end
redis.call('SET', base .. ':lease:' .. id, '1', 'PX', lease)
`
const ENTRIES = `
local function numberOf(owner, key)
  local last = redis.call('HGET', base .. ':last:' .. owner, key)
  return last and tonumber(string.match(last, '^%d+'))
end
local function forget(owner, key, upTo)
  local last = redis.call('HGET', base .. ':last:' .. owner, key)
  if last and tonumber(string.match(last, '^%d+')) <= tonumber(upTo) then
    redis.call('XDEL', base .. ':log:' .. owner, string.match(last, ' (.+)$'))
    redis.call('HDEL', base .. ':last:' .. owner, key)
  end
end
local function keep(key, number, body)
  forget(id, key, number)
  local entry = redis.call('XADD', base .. ':log:' .. id, '*', 'k', key, 'n', number, 'b', body)
  redis.call('HSET', base .. ':last:' .. id, key, number .. ' ' .. entry)
end
`

export const SCRIPTS = {
  /** [id, leaseMs]: a stream of one's own. */
  claim: `
redis.call('HSET', KEYS[1] .. ':owners', ARGV[1], '1')
redis.call('SET', KEYS[1] .. ':lease:' .. ARGV[1], '1', 'PX', ARGV[2])
return 1`,
  /**
   * [id, leaseMs]: the heartbeat. Returns the owners whose leases have expired, each with '1', or '0' if it has left by
   * itself.
   */
  beat: `${FENCE}
local dead = {}
for _, owner in ipairs(redis.call('HKEYS', base .. ':owners')) do
  if redis.call('EXISTS', base .. ':lease:' .. owner) == 0 then
    dead[#dead + 1] = owner
    dead[#dead + 1] = redis.call('HGET', base .. ':owners', owner)
  end
end
return dead`,
  /** [id, leaseMs, key, body, ...]: returns the numbers. */
  append: `${FENCE}${ENTRIES}
local numbers = {}
for at = 3, #ARGV, 2 do
  local number = redis.call('INCR', base .. ':numbers')
  keep(ARGV[at], number, ARGV[at + 1])
  numbers[#numbers + 1] = number
end
return numbers`,
  /** [id, leaseMs, key, number, ...]: the source has them. Older writes of the key by others are settled too. */
  settle: `${FENCE}${ENTRIES}
local owners = redis.call('HKEYS', base .. ':owners')
for at = 3, #ARGV, 2 do
  for _, owner in ipairs(owners) do forget(owner, ARGV[at], ARGV[at + 1]) end
end
return 1`,
  /**
   * [id, leaseMs, dead]: up to 100 entries of a dead owner become this owner's, in order. Returns how many are left
   * there, then key, number, body of each.
   */
  adopt: `${FENCE}${ENTRIES}
local dead = ARGV[3]
local taken = { 0 }
if redis.call('EXISTS', base .. ':lease:' .. dead) == 1 then return taken end
for _, entry in ipairs(redis.call('XRANGE', base .. ':log:' .. dead, '-', '+', 'COUNT', 100)) do
  local key, number, body = entry[2][2], tonumber(entry[2][4]), entry[2][6]
  redis.call('XDEL', base .. ':log:' .. dead, entry[1])
  if (numberOf(id, key) or 0) < number then
    keep(key, number, body)
    taken[#taken + 1] = key
    taken[#taken + 1] = number
    taken[#taken + 1] = body
  end
end
taken[1] = redis.call('XLEN', base .. ':log:' .. dead)
if taken[1] == 0 then
  redis.call('HDEL', base .. ':owners', dead)
  redis.call('DEL', base .. ':log:' .. dead, base .. ':last:' .. dead)
end
return taken`,
  /** [id]: it ends. Its leftovers are for others. */
  leave: `
local base, id = KEYS[1], ARGV[1]
redis.call('DEL', base .. ':lease:' .. id)
if redis.call('XLEN', base .. ':log:' .. id) == 0 then
  redis.call('HDEL', base .. ':owners', id)
  redis.call('DEL', base .. ':log:' .. id, base .. ':last:' .. id)
else
  redis.call('HSET', base .. ':owners', id, '0')
end
return 1`,
} as const
