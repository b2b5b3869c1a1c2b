// The steps of the Redis job table, each one Lua script: atomic, and timed by the server.
//
// KEYS[1] is the namespace of the queue, hash-tagged so that all of it lies in one slot; the scripts build the other
// keys from it:
//
//   :job:<id>    hash: kind, payload, state, due, created, attempts, ready, lease, error
//   :due:<kind>  sorted set of ids by when they may be claimed (waiting and running)
//   :all         sorted set of ids by their due time (all but done)
const PRELUDE = `
local base = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function num(n) return string.format('%.0f', n) end
local function show(id)
  local h = redis.call('HMGET', base .. ':job:' .. id, 'kind', 'payload', 'state', 'due', 'created', 'attempts', 'ready', 'error')
  if not h[1] then return nil end
  return {id, h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8] or ''}
end
local function leased(id, lease)
  local h = redis.call('HMGET', base .. ':job:' .. id, 'state', 'lease', 'kind')
  if h[1] == 'running' and h[2] == lease then return h[3] end
  return nil
end
`

export const SCRIPTS = {
  /** id, kind, payload, 'in' or 'at', milliseconds */
  add: `${PRELUDE}
local id, kind = ARGV[1], ARGV[2]
local job = base .. ':job:' .. id
if redis.call('EXISTS', job) == 1 then return 0 end
local due = tonumber(ARGV[5])
if ARGV[4] == 'in' then due = now + due end
redis.call('HSET', job, 'kind', kind, 'payload', ARGV[3], 'state', 'waiting', 'due', num(due), 'created', num(now), 'attempts', '0', 'ready', num(due))
redis.call('ZADD', base .. ':due:' .. kind, num(due), id)
redis.call('ZADD', base .. ':all', num(due), id)
return 1`,
  /** id */
  get: `${PRELUDE}
return show(ARGV[1])`,
  /** from, count: a page of all; ids whose job has expired are swept out and come as bare texts. */
  page: `${PRELUDE}
local ids = redis.call('ZRANGE', base .. ':all', ARGV[1], ARGV[2])
local out = {}
for i, id in ipairs(ids) do
  local job = show(id)
  if job then out[#out + 1] = job else redis.call('ZREM', base .. ':all', id); out[#out + 1] = id end
end
return out`,
  /** id */
  cancel: `${PRELUDE}
local id = ARGV[1]
local job = base .. ':job:' .. id
local h = redis.call('HMGET', job, 'state', 'kind')
if h[1] ~= 'waiting' and h[1] ~= 'failed' then return 0 end
redis.call('DEL', job)
redis.call('ZREM', base .. ':due:' .. h[2], id)
redis.call('ZREM', base .. ':all', id)
return 1`,
  /** limit, lease, lease ms, kinds... */
  claim: `${PRELUDE}
local limit, found = tonumber(ARGV[1]), {}
for i = 4, #ARGV do
  local due = redis.call('ZRANGEBYSCORE', base .. ':due:' .. ARGV[i], '-inf', num(now), 'WITHSCORES', 'LIMIT', 0, limit)
  for j = 1, #due, 2 do found[#found + 1] = {tonumber(due[j + 1]), due[j], ARGV[i]} end
end
table.sort(found, function(a, b) if a[1] ~= b[1] then return a[1] < b[1] end return a[2] < b[2] end)
local ready, out = num(now + tonumber(ARGV[3])), {}
for i = 1, math.min(limit, #found) do
  local id, due = found[i][2], base .. ':due:' .. found[i][3]
  local job = base .. ':job:' .. id
  if redis.call('EXISTS', job) == 1 then
    redis.call('HINCRBY', job, 'attempts', 1)
    redis.call('HSET', job, 'state', 'running', 'lease', ARGV[2], 'ready', ready)
    redis.call('ZADD', due, ready, id)
    out[#out + 1] = show(id)
  else
    redis.call('ZREM', due, id)
  end
end
local left = false
for i = 4, #ARGV do
  local first = redis.call('ZRANGE', base .. ':due:' .. ARGV[i], 0, 0, 'WITHSCORES')
  if first[2] then
    local ms = math.max(0, tonumber(first[2]) - now)
    if not left or ms < left then left = ms end
  end
end
return {left and num(left) or '', out}`,
  /** id, lease, lease ms */
  renew: `${PRELUDE}
local id = ARGV[1]
local kind = leased(id, ARGV[2])
if not kind then return 0 end
local ready = num(now + tonumber(ARGV[3]))
redis.call('HSET', base .. ':job:' .. id, 'ready', ready)
redis.call('ZADD', base .. ':due:' .. kind, ready, id)
return 1`,
  /** id, lease, keep ms */
  complete: `${PRELUDE}
local id = ARGV[1]
local kind = leased(id, ARGV[2])
if not kind then return 0 end
local job = base .. ':job:' .. id
redis.call('ZREM', base .. ':due:' .. kind, id)
redis.call('ZREM', base .. ':all', id)
redis.call('HSET', job, 'state', 'done')
redis.call('HDEL', job, 'lease')
redis.call('PEXPIRE', job, ARGV[3])
return 1`,
  /** id, lease, error, retry ms or '', keep ms */
  fail: `${PRELUDE}
local id = ARGV[1]
local kind = leased(id, ARGV[2])
if not kind then return 0 end
local job = base .. ':job:' .. id
redis.call('HDEL', job, 'lease')
redis.call('HSET', job, 'error', ARGV[3])
if ARGV[4] == '' then
  redis.call('HSET', job, 'state', 'failed')
  redis.call('ZREM', base .. ':due:' .. kind, id)
  redis.call('PEXPIRE', job, ARGV[5])
else
  local ready = num(now + tonumber(ARGV[4]))
  redis.call('HSET', job, 'state', 'waiting', 'ready', ready)
  redis.call('ZADD', base .. ':due:' .. kind, ready, id)
end
return 1`,
  /** id, lease, payload, 'in' or 'at', milliseconds */
  again: `${PRELUDE}
local id = ARGV[1]
local kind = leased(id, ARGV[2])
if not kind then return 0 end
local job = base .. ':job:' .. id
local due = tonumber(ARGV[5])
if ARGV[4] == 'in' then due = now + due end
redis.call('HDEL', job, 'lease', 'error')
redis.call('HSET', job, 'state', 'waiting', 'payload', ARGV[3], 'due', num(due), 'ready', num(due), 'attempts', '0')
redis.call('ZADD', base .. ':due:' .. kind, num(due), id)
redis.call('ZADD', base .. ':all', num(due), id)
return 1`,
} as const
