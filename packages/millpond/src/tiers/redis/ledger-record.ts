// The ledger's record as Lua sees it, and what every step begins with: each is one step on the server.
//
// The record of a namespace is one hash, so that it is lost as a whole or not at all: e epoch s number f floor c commit
// floor id run id of the server that wrote it x 1: other tiers hold copies too o oldest line nk key targets nt tags and
// patterns np patterns p the last pattern's number, if any w where the sweep of old targets stands, '' when it rests
// l:<number> "<milliseconds> <line as JSON>" t<d|x><k|t|p|a><name> "<number>", of keys that were written sealed
// "<number> <stamp>": a target in force; d deleted, x expired hs standing holds, "<number>:<milliseconds until>:<how
// many targets> " each h:<number> its receipt and targets as JSON hh<k|t><name> ",<number>,<number>,": the holds that
// stand on a target Every step names the run id that the connection was greeted with: a record that another server
// wrote (a promoted replica, a restart with an old dump) is invalid, and a new epoch begins. All arguments are opaque
// text here but for the lines, whose keys the pruning of an advance reads.
import { MAX_EXPIRED } from '../retain.ts'
import { TELL } from './ledger-moves.ts'
import { MILLISECONDS, type Script, script } from './script.ts'

/** A step on the record. */
export const step = (body: string): Script => script(PRELUDE + body)

/** As one JSON text, which costs a tenth of as many replies. */
export const TARGETS_IN = `
local function targetsIn(fields)
  local found = {}
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 1) == 't' then
      found[#found + 1] = fields[i]
      found[#found + 1] = fields[i + 1]
    end
  end
  return #found == 0 and '[]' or cjson.encode(found)
end
`

/** KEYS[1] the record; ARGV: run id, an epoch in case a new one begins, 1 when other tiers hold copies. */
const PRELUDE = `
local L = KEYS[1]
local function num(n) return string.format('%.0f', n) end
local function find()
  local r = redis.call('HMGET', L, 'e', 's', 'f', 'c', 'id', 'x', 'o', 'nk', 'nt', 'np', 'w', 'hs')
  if not r[1] or r[5] ~= ARGV[1] then return nil end
  local R = { e = r[1], s = tonumber(r[2]), f = tonumber(r[3]), c = tonumber(r[4]), x = r[6], o = tonumber(r[7]),
    nk = tonumber(r[8]), nt = tonumber(r[9]), np = tonumber(r[10]), w = r[11], h = r[12] or '' }
  if R.x == '0' and ARGV[3] == '1' then
    R.x = '1'
    redis.call('HSET', L, 'x', '1')
  end
  return R
end
local function seqOf(value) return value and tonumber(string.match(value, '^%d+')) or 0 end
${MILLISECONDS}${TARGETS_IN}`

/** Needs the prelude. The only ways by which a record's position changes, each of which is told. */
export const MOVING = `${TELL}
local function begin()
  tell(' ' .. ARGV[2] .. ' 0')
  redis.call('UNLINK', L)
  redis.call('HSET', L, 'e', ARGV[2], 's', 0, 'f', 0, 'c', 0, 'id', ARGV[1], 'x', ARGV[3], 'o', 1, 'nk', 0, 'nt', 0, 'np', 0, 'w', '')
  return { e = ARGV[2], s = 0, f = 0, c = 0, x = ARGV[3], o = 1, nk = 0, nt = 0, np = 0, w = '', h = '' }
end
-- Where holds stand, or one begins, all have to pull: only so do they know when it runs out.
local function moveOn(R, holds)
  R.s = R.s + 1
  tell((holds or R.h ~= '') and '' or ' ' .. R.e .. ' ' .. num(R.s))
end
`

/**
 * Needs the prelude and MOVING. The record's own fields are saved by `expireHolds`, where it has moved; `hs` by
 * everybody who changes it.
 */
export const HOLDS = `
local function countTarget(R, target, by)
  if string.sub(target, 1, 1) == 'k' then R.nk = R.nk + by else R.nt = R.nt + by end
end
local function saveHolds(R)
  if R.h == '' then redis.call('HDEL', L, 'hs') else redis.call('HSET', L, 'hs', R.h) end
end
-- Whether the hold stood on the target.
local function endHold(target, seq)
  local field = 'hh' .. target
  local on = redis.call('HGET', L, field)
  if not on or not string.find(on, ',' .. seq .. ',', 1, true) then return false end
  on = string.gsub(on, ',' .. seq .. ',', ',', 1)
  if on == ',' then redis.call('HDEL', L, field) else redis.call('HSET', L, field, on) end
  return true
end
local function expireHolds(R)
  if R.h == '' then return end
  local now, kept, over = milliseconds(), {}, {}
  for seq, ends, left in string.gmatch(R.h, '(%d+):(%d+):(%d+) ') do
    if #over < ${MAX_EXPIRED} and tonumber(ends) <= now then over[#over + 1] = seq
    else kept[#kept + 1] = seq .. ':' .. ends .. ':' .. left .. ' ' end
  end
  if #over == 0 then return end
  local targets, named, receipts = {}, {}, {}
  for _, seq in ipairs(over) do
    local held = cjson.decode(redis.call('HGET', L, 'h:' .. seq) or '[""]')
    receipts[#receipts + 1] = held[1]
    for i = 2, #held do
      if endHold(held[i], seq) and not named[held[i]] then
        named[held[i]] = true
        targets[#targets + 1] = held[i]
      end
    end
    redis.call('HDEL', L, 'h:' .. seq)
  end
  R.h = table.concat(kept)
  saveHolds(R)
  if #targets == 0 then return end
  moveOn(R)
  for _, target in ipairs(targets) do
    if redis.call('HSET', L, 'td' .. target, num(R.s)) == 1 then countTarget(R, target, 1) end
  end
  local line = cjson.encode({ t = targets, m = 'd', r = 'data_changed', i = 'hold ' .. table.concat(receipts, ' ') })
  redis.call('HSET', L, 'l:' .. num(R.s), num(now) .. ' ' .. line, 's', num(R.s), 'nk', num(R.nk), 'nt', num(R.nt))
end
`
