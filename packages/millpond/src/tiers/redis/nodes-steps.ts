// The steps of a node channel as Lua, so that each is one step on the server, and timed by it.
//
// KEYS, all in the channel's slot, and all hashes:
//   1 nodes      by id: "<boot> <heard> <late> <forget>", milliseconds
//   2 states     by id: JSON
//   3 inbox      mark, seq, first (the oldest request that is kept); by number: "<until>"
//   4 requests   by number: a JSON array of id, asker, recipients or false, text
//   5 revisions  by name
//   6 settings   by name: JSON
//   7 replies to one request, by node id: "<boot> <JSON>"
// All but the settings expire when the channel is not used.
import { MAX_REQUESTS } from '../../core/nodes.ts'
import { MILLISECONDS, type Script, script } from './script.ts'

const PRELUDE = `${MILLISECONDS}
local nodes, states, inbox, requests, revisions, settings, replies = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local now = milliseconds()
local function num(n) return string.format('%.0f', n) end
local function keep(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, num(ms)) end
end
local function head(text)
  local boot, at, late, forget = string.match(text or '', '^(%S+) (%d+) (%d+) (%d+)$')
  if not boot then return nil end
  return { boot = boot, age = math.max(0, now - tonumber(at)), late = late, isOver = tonumber(at) + tonumber(forget) <= now, forget = forget }
end
local function marks()
  local out = {}
  local all = redis.call('HGETALL', nodes)
  for i = 1, #all, 2 do
    local h = head(all[i + 1])
    if h and not h.isOver then
      for _, one in ipairs({ all[i], h.boot, num(h.age), h.late }) do out[#out + 1] = one end
    end
  end
  return out
end
`

const step = (body: string): Script => script(PRELUDE + body)

/** ARGV: id, boot, late, forget, state, 1 if it joins. */
export const BEAT = step(`
local held = head(redis.call('HGET', nodes, ARGV[1]))
if ARGV[6] == '0' and held and not held.isOver and held.boot ~= ARGV[2] then return 0 end
redis.call('HSET', nodes, ARGV[1], ARGV[2] .. ' ' .. num(now) .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
redis.call('HSET', states, ARGV[1], ARGV[5])
keep(nodes, tonumber(ARGV[4]))
keep(states, tonumber(ARGV[4]))
return 1
`)

/** ARGV: id, boot. */
export const LEAVE = step(`
local held = head(redis.call('HGET', nodes, ARGV[1]))
if held and held.boot == ARGV[2] then
  redis.call('HDEL', nodes, ARGV[1])
  redis.call('HDEL', states, ARGV[1])
end
return 1
`)

/** Answers id, boot, age, late, forget and state of each node, in turn. */
export const LIST = step(`
local out = {}
local all = redis.call('HGETALL', nodes)
for i = 1, #all, 2 do
  local h = head(all[i + 1])
  if not h or h.isOver then
    redis.call('HDEL', nodes, all[i])
    redis.call('HDEL', states, all[i])
  else
    for _, one in ipairs({ all[i], h.boot, num(h.age), h.late, h.forget, redis.call('HGET', states, all[i]) or '' }) do out[#out + 1] = one end
  end
end
return out
`)

/**
 * ARGV: '1' with a cursor, its mark, its number, how many. Answers mark, number, revisions, and number, left and
 * request of each.
 */
export const INBOX = step(`
local known = redis.call('HMGET', inbox, 'mark', 'seq', 'first')
local names = redis.call('HGETALL', revisions)
if not known[1] then return { '', '0', names, {} } end
local seq, after = tonumber(known[2]), tonumber(known[2])
if ARGV[1] == '1' then
  after = tonumber(known[3]) - 1
  if ARGV[2] == known[1] and tonumber(ARGV[3]) <= seq then after = math.max(after, tonumber(ARGV[3])) end
end
local out, last = {}, seq
for i = after + 1, seq do
  local untilMs = tonumber(redis.call('HGET', inbox, num(i)) or '0')
  if untilMs > now then
    if #out >= 2 * tonumber(ARGV[4]) then
      last = i - 1
      break
    end
    out[#out + 1] = num(untilMs - now)
    out[#out + 1] = redis.call('HGET', requests, num(i)) or ''
  end
end
return { known[1], num(last), names, out }
`)

/**
 * ARGV: a mark in case there is none, ttl, request, channel to wake, its message. Answers the known nodes, or nothing
 * if the inbox is full.
 */
export const POST = step(`
local known = redis.call('HMGET', inbox, 'mark', 'seq', 'first')
local seq, first = tonumber(known[2] or '0'), tonumber(known[3] or '1')
if not known[1] then
  redis.call('UNLINK', inbox, requests)
  redis.call('HSET', inbox, 'mark', ARGV[1])
  seq, first = 0, 1
end
while first <= seq do
  local untilMs = tonumber(redis.call('HGET', inbox, num(first)) or '0')
  if untilMs > now then break end
  redis.call('HDEL', inbox, num(first))
  redis.call('HDEL', requests, num(first))
  first = first + 1
end
if seq - first + 1 >= ${MAX_REQUESTS} then
  redis.call('HSET', inbox, 'seq', num(seq), 'first', num(first))
  return false
end
seq = seq + 1
local ttl = tonumber(ARGV[2])
redis.call('HSET', inbox, 'seq', num(seq), 'first', num(first), num(seq), num(now + ttl))
redis.call('HSET', requests, num(seq), ARGV[3])
keep(inbox, ttl + 60000)
keep(requests, ttl + 60000)
redis.call('PUBLISH', ARGV[4], '1')
return marks()
`)

/** ARGV: node id, "<boot> <JSON>", for how long, channel to wake. */
export const REPLY = step(`
redis.call('HSET', replies, ARGV[1], ARGV[2])
keep(replies, tonumber(ARGV[3]))
redis.call('PUBLISH', ARGV[4], '1')
return 1
`)

export const REPLIES = step(`
return { redis.call('HGETALL', replies), marks() }
`)

/** ARGV: name, 1 to compare, the expected revision, revision, JSON, channel to wake. */
export const PUT_SETTINGS = step(`
if ARGV[2] == '1' and (redis.call('HGET', revisions, ARGV[1]) or '') ~= ARGV[3] then return 0 end
redis.call('HSET', revisions, ARGV[1], ARGV[4])
redis.call('HSET', settings, ARGV[1], ARGV[5])
redis.call('PUBLISH', ARGV[6], '1')
return 1
`)

/** ARGV: name. */
export const GET_SETTINGS = step(`
local revision = redis.call('HGET', revisions, ARGV[1])
if not revision then return false end
return { revision, redis.call('HGET', settings, ARGV[1]) or '' }
`)
