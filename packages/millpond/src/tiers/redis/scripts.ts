// The ledger's steps as Lua, so that each is one step on the server.
//
// The record of a namespace is one hash, so that it is lost as a whole or not at all:
//   e epoch   s number   f floor   c commit floor   id run id of the server that wrote it   x 1: other tiers hold copies too
//   o oldest line   nk key targets   nt tags and patterns   np patterns   p the last pattern's number, if any   w where the sweep of old targets stands, '' when it rests
//   l:<number>                 "<milliseconds> <line as JSON>"
//   t<d|x><k|t|p|a><name>      "<number>", of keys that were written sealed "<number> <stamp>": a target in force; d deleted, x expired
//   hs standing holds, "<number>:<milliseconds until>:<how many targets> " each   h:<number> its receipt and targets as JSON
//   hh<k|t><name>              ",<number>,<number>,": the holds that stand on a target
// Every step names the run id that the connection was greeted with: a record that another server wrote (a promoted replica, a restart with an
// old dump) is void, and a new epoch begins. All arguments are opaque text here but for the lines, whose keys `prune` reads.
import { createHash } from 'node:crypto'
import { CHECK_BASE, CHECK_PRIME } from '../head-check.ts'
import { MAX_EXPIRED, MAX_PATTERNS } from '../retain.ts'

export interface Script {
  readonly text: string
  readonly sha: string
}

function script(body: string): Script {
  const text = PRELUDE + body
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** As one JSON text, which costs a tenth of as many replies. */
const TARGETS_IN = `
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

export const MILLISECONDS = `
local function milliseconds()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`

/** KEYS[1] the record; ARGV: run id, an epoch in case a new one begins, 1 when other tiers hold copies. */
const PRELUDE = `
local L = KEYS[1]
local function num(n) return string.format('%.0f', n) end
local function begin()
  redis.call('UNLINK', L)
  redis.call('HSET', L, 'e', ARGV[2], 's', 0, 'f', 0, 'c', 0, 'id', ARGV[1], 'x', ARGV[3], 'o', 1, 'nk', 0, 'nt', 0, 'np', 0, 'w', '')
  return { e = ARGV[2], s = 0, f = 0, c = 0, x = ARGV[3], o = 1, nk = 0, nt = 0, np = 0, w = '', h = '' }
end
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

/** Needs the prelude. The record's own fields are saved by `expireHolds`, where it has moved; `hs` by everybody who changes it. */
const HOLDS = `
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
  R.s = R.s + 1
  for _, target in ipairs(targets) do
    if redis.call('HSET', L, 'td' .. target, num(R.s)) == 1 then countTarget(R, target, 1) end
  end
  local line = cjson.encode({ t = targets, m = 'd', r = 'data_changed', i = 'hold ' .. table.concat(receipts, ' ') })
  redis.call('HSET', L, 'l:' .. num(R.s), num(now) .. ' ' .. line, 's', num(R.s), 'nk', num(R.nk), 'nt', num(R.nt))
end
`

/**
 * ARGV after the prelude's: epoch and number that are known ('' for none), longest tail, most targets at once.
 * Answers kind, epoch, number, floor, commit floor, then lines, or targets as JSON, or nothing when there are too many targets for one step.
 */
export const PULL = script(`${HOLDS}
local R = find()
local from = tonumber(ARGV[5])
if not R or (ARGV[4] == R.e and from > R.s) then R = begin() end
expireHolds(R)
if ARGV[4] == R.e and from >= R.o - 1 and R.s - from <= tonumber(ARGV[6]) then
  local out = { 'tail', R.e, num(R.s), num(R.f), num(R.c) }
  local whole = true
  for first = from + 1, R.s, 1000 do
    local fields = {}
    for seq = first, math.min(first + 999, R.s) do fields[#fields + 1] = 'l:' .. num(seq) end
    for _, line in ipairs(redis.call('HMGET', L, unpack(fields))) do
      if not line then whole = false break end
      out[#out + 1] = line
    end
  end
  if whole then return out end
end
if R.nk + R.nt > tonumber(ARGV[7]) then return { 'large', R.e, num(R.s), num(R.f), num(R.c) } end
return { 'snapshot', R.e, num(R.s), num(R.f), num(R.c), targetsIn(redis.call('HGETALL', L)) }
`)

/** KEYS: the record. ARGV: cursor, how many fields at a time. Answers the next cursor and the targets among them. */
export const PAGE = plain(`${TARGETS_IN}
local step = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
return { step[1], targetsIn(step[2]) }
`)

/**
 * KEYS after the record: keys to drop, then keys to write. ARGV after the prelude's: window, most targets, channel, mode ('d' or 'x'), line, line with a clear,
 * epoch and number since which a written key must not have moved ('' for any), how many drops, how many targets, how many writes, the stamp that keys get ('' for none),
 * for how long to hold the targets ('' for not at all) and the hold as JSON, the epoch of the holds that end ('' for none), targets, where holds end the number
 * of each target's hold ('' for none), then milliseconds to live ('' for ever, '0' for gone) and body of each write, then how many tags each write has, and the tags. Answers epoch, number, for each drop 1 where it was there, and for each write 1 where it was stored.
 * In a cluster the entries lie elsewhere: there is no key but the record, nothing is dropped or written here, and writes, without their bodies, are only judged.
 */
export const ADVANCE = script(`${HOLDS}
local R = find() or begin()
expireHolds(R)
local window, most, mode, line = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[7], ARGV[8]
local since, drops, count = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local now = milliseconds()

-- Judged before this step records its own numbers.
local ends = ARGV[18]
local bodies = 18 + count + (ends ~= '' and count or 0)
local function endsOf(i) return ends ~= '' and i <= count and ARGV[18 + count + i] or '' end
local lowest
local function isKnown(epoch, seq)
  if epoch ~= R.e or seq > R.s or seq < R.f or seq < R.c then return false end
  if not lowest then
    local at = redis.call('HMGET', L, 'tda', 'txa', 'p')
    lowest = math.max(seqOf(at[1]), seqOf(at[2]), seqOf(at[3]))
  end
  return lowest <= seq
end
local function lastOf(name)
  local at = redis.call('HMGET', L, 'td' .. name, 'tx' .. name)
  return math.max(seqOf(at[1]), seqOf(at[2]))
end
local tagMoves = {}
local function tagMove(tag)
  tagMoves[tag] = tagMoves[tag] or lastOf('t' .. tag)
  return tagMoves[tag]
end
local function isHeld(target, but)
  if R.h == '' then return false end
  local on = redis.call('HGET', L, 'hh' .. target)
  return on and not (ends == R.e and on == ',' .. but .. ',')
end
local watched = bodies + 2 * (#KEYS - 1 - drops)
local function mayWrite(i, target, tags)
  if string.sub(target, 1, 1) ~= 'k' then return true end
  local own = endsOf(i)
  if isHeld(target, own) then return false end
  local epoch, seq = ARGV[10], since
  if own ~= '' then epoch, seq = ends, tonumber(own) end
  if epoch == '' then return true end
  if not isKnown(epoch, seq) or lastOf(target) > seq then return false end
  for at = watched + 2, watched + 1 + tags do
    if tagMove(ARGV[at]) > seq then return false end
  end
  return true
end
local allowed = {}
for i = 1, tonumber(ARGV[14]) do
  local tags = tonumber(ARGV[watched + 1] or '0')
  allowed[i] = mayWrite(i, i <= count and ARGV[18 + i] or '', tags) and 1 or 0
  watched = watched + 1 + tags
end

if ends == R.e and R.h ~= '' then
  local ended = {}
  for i = 1, count do
    local seq = endsOf(i)
    if seq ~= '' and endHold(ARGV[18 + i], seq) then ended[seq] = (ended[seq] or 0) + 1 end
  end
  R.h = string.gsub(R.h, '(%d+):(%d+):(%d+) ', function(seq, stands, left)
    if not ended[seq] then return nil end
    left = tonumber(left) - ended[seq]
    if left > 0 then return seq .. ':' .. stands .. ':' .. num(left) .. ' ' end
    redis.call('HDEL', L, 'h:' .. seq)
    return ''
  end)
  saveHolds(R)
end
R.s = R.s + 1

local targets, cleared, patterns = {}, false, 0
for i = 1, count do
  local target = ARGV[18 + i]
  targets[i] = target
  local kind = string.sub(target, 1, 1)
  if kind == 'a' then cleared = true end
  if kind == 'p' and redis.call('HEXISTS', L, 't' .. mode .. target) == 0 then patterns = patterns + 1 end
end
if patterns > 0 and R.np + patterns > ${MAX_PATTERNS} then
  mode, line, cleared = 'd', ARGV[9], true
  targets[#targets + 1] = 'a'
end
if cleared and mode == 'd' then
  local keep = R
  local holds = { 'hs', keep.h }
  for seq in string.gmatch(keep.h, '(%d+):%d+:%d+ ') do
    local hold = redis.call('HGET', L, 'h:' .. seq) or '[""]'
    holds[#holds + 1] = 'h:' .. seq
    holds[#holds + 1] = hold
    local held = cjson.decode(hold)
    for i = 2, #held do
      local on = redis.call('HGET', L, 'hh' .. held[i])
      if on then
        holds[#holds + 1] = 'hh' .. held[i]
        holds[#holds + 1] = on
      end
    end
  end
  redis.call('UNLINK', L)
  R = { e = keep.e, s = keep.s, f = keep.s, c = keep.c, x = keep.x, o = keep.s, nk = 0, nt = 0, np = 0, w = '', h = keep.h }
  redis.call('HSET', L, 'e', R.e, 'id', ARGV[1], 'x', R.x)
  if R.h ~= '' then for at = 1, #holds, 2 do redis.call('HSET', L, holds[at], holds[at + 1]) end end
end
local value = num(R.s)
local stamped = ARGV[15] == '' and value or value .. ' ' .. ARGV[15]
for _, target in ipairs(targets) do
  local kind = string.sub(target, 1, 1)
  if redis.call('HSET', L, 't' .. mode .. target, kind == 'k' and stamped or value) == 1 then
    countTarget(R, target, 1)
    if kind == 'p' then R.np = R.np + 1 end
  end
  if kind == 'p' then redis.call('HSET', L, 'p', value) end
end
redis.call('HSET', L, 'l:' .. num(R.s), num(now) .. ' ' .. line)

if ARGV[16] ~= '' then
  local held = 0
  for i = 1, count do
    local target = ARGV[18 + i]
    local kind = string.sub(target, 1, 1)
    if kind == 'k' or kind == 't' then
      local field = 'hh' .. target
      local on = redis.call('HGET', L, field) or ','
      if not string.find(on, ',' .. value .. ',', 1, true) then
        redis.call('HSET', L, field, on .. value .. ',')
        held = held + 1
      end
    end
  end
  if held > 0 then
    R.h = R.h .. value .. ':' .. num(now + tonumber(ARGV[16])) .. ':' .. num(held) .. ' '
    redis.call('HSET', L, 'h:' .. value, ARGV[17])
    saveHolds(R)
  end
end

local function forget(field)
  if redis.call('HDEL', L, field) == 0 then return end
  local kind = string.sub(field, 3, 3)
  countTarget(R, kind, -1)
  if kind == 'p' then R.np = R.np - 1 end
end
for _ = 1, 4 do
  if R.o >= R.s then break end
  local field = 'l:' .. num(R.o)
  local old = redis.call('HGET', L, field)
  if old then
    if tonumber(string.match(old, '^%d+')) > now - window and R.o > R.s - most then break end
    redis.call('HDEL', L, field)
    if R.x == '0' then
      local ok, content = pcall(cjson.decode, string.match(old, '^%d+ (.*)$'))
      if ok and type(content) == 'table' and type(content.t) == 'table' then
        for _, target in ipairs(content.t) do
          if type(target) == 'string' and string.sub(target, 1, 1) == 'k' then
            for _, its in ipairs({ 'td' .. target, 'tx' .. target }) do
              if seqOf(redis.call('HGET', L, its)) == R.o then forget(its) end
            end
          end
        end
      end
      R.c = R.o
    end
  end
  R.o = R.o + 1
end

local function raised(low) return math.min(R.s, low + math.max(1, math.ceil((R.s - low) / 8))) end
if R.w == '' and (R.nk > most or R.nt > most) then
  if R.nk > most then R.c = raised(math.max(R.c, R.f)) end
  if R.nt > most then R.f = raised(R.f) end
  R.w = '0'
end
if R.w ~= '' then
  local step = redis.call('HSCAN', L, R.w, 'COUNT', 100)
  R.w = step[1] == '0' and '' or step[1]
  for i = 1, #step[2], 2 do
    local field = step[2][i]
    if string.sub(field, 1, 1) == 't' then
      local seq = seqOf(step[2][i + 1])
      if seq <= R.f or (seq <= R.c and string.sub(field, 3, 3) == 'k') then forget(field) end
    end
  end
end
redis.call('HSET', L, 's', num(R.s), 'f', num(R.f), 'c', num(R.c), 'o', num(R.o), 'nk', num(R.nk), 'nt', num(R.nt), 'np', num(R.np), 'w', R.w)

local function checkOf(text, before)
  local check = before
  for i = 1, #text do check = (check * ${CHECK_BASE} + string.byte(text, i)) % ${CHECK_PRIME} end
  return check
end
local dropped = {}
for i = 1, drops do dropped[i] = redis.call('UNLINK', KEYS[i + 1]) end
local at = bodies
local position = R.e .. ':' .. num(R.s) .. ':'
local positionCheck = checkOf(position, 0)
for i = drops + 2, #KEYS do
  local ms, tail = ARGV[at + 1], ARGV[at + 2]
  local stored = position .. num(checkOf(string.match(tail, '^%d*'), positionCheck)) .. ':' .. tail
  if ms == '0' or allowed[i - drops - 1] == 0 then redis.call('UNLINK', KEYS[i])
  elseif ms == '' then redis.call('SET', KEYS[i], stored)
  else redis.call('SET', KEYS[i], stored, 'PX', ms) end
  at = at + 2
end
if ARGV[6] ~= '' then redis.call('PUBLISH', ARGV[6], num(R.s)) end
return { R.e, num(R.s), dropped, allowed }
`)

/** Whether an item of COMMIT may be stored: its epoch, number, key target and lease, and the lease's key. */
const MAY_COMMIT = `
local function mayCommit(R, epoch, number, name, lease, leaseKey)
  local seq = tonumber(number)
  if not R or epoch ~= R.e or seq > R.s or seq < R.f or seq < R.c then return false end
  for _, value in ipairs({ redis.call('HGET', L, 'tdk' .. name), redis.call('HGET', L, 'txk' .. name), redis.call('HGET', L, 'tda'), redis.call('HGET', L, 'txa') }) do
    if seqOf(value) > seq then return false end
  end
  if R.h ~= '' and redis.call('HEXISTS', L, 'hhk' .. name) == 1 then return false end
  return lease == '' or redis.call('GET', leaseKey) == lease
end
`

/** KEYS after the record: entry and lease of each item. ARGV after the prelude's, for each item: epoch, number, key target, lease, milliseconds to live, stored form. */
export const COMMIT = script(`${MAY_COMMIT}
local R = find()
local out = {}
for item = 1, (#KEYS - 1) / 2 do
  local at = 3 + (item - 1) * 6
  local ok = mayCommit(R, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], KEYS[item * 2 + 1])
  if ok then
    local ms = ARGV[at + 5]
    if ms == '' then redis.call('SET', KEYS[item * 2], ARGV[at + 6])
    elseif ms == '0' then redis.call('UNLINK', KEYS[item * 2])
    else redis.call('SET', KEYS[item * 2], ARGV[at + 6], 'PX', ms) end
  end
  out[item] = ok and 1 or 0
end
return out
`)

/** COMMIT where the entries lie elsewhere: judges only. KEYS after the record: the lease of each item. ARGV for each item: epoch, number, key target, lease. */
export const JUDGE = script(`${MAY_COMMIT}
local R = find()
local out = {}
for item = 1, #KEYS - 1 do
  local at = 3 + (item - 1) * 4
  out[item] = mayCommit(R, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], KEYS[item + 1]) and 1 or 0
end
return out
`)

/**
 * KEYS: an entry that lies apart from the record. ARGV: epoch, number, milliseconds to live, stored form. A write may arrive late: it never lies over
 * an entry of a later number. Numbers of two epochs cannot be compared, and readers believe only one of them. Answers 1 where it was stored.
 */
export const PUT: Script = plain(`
local old = redis.pcall('GETRANGE', KEYS[1], 0, 99)
if type(old) == 'string' then
  local epoch, seq = string.match(old, '^([%w_-]+):(%d+):')
  if epoch == ARGV[1] and tonumber(seq) > tonumber(ARGV[2]) then return 0 end
end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[4])
elseif ARGV[3] == '0' then redis.call('UNLINK', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[3]) end
return 1
`)

/** KEYS: the lease. ARGV: id, milliseconds. Answers -1 when granted, else how long the holder has left. */
export const LEASE: Script = plain(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return -1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return -1
end
return math.max(0, redis.call('PTTL', KEYS[1]))
`)

/** KEYS: the lease. ARGV: id. */
export const RELEASE: Script = plain(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0
`)

/**
 * KEYS: the nodes, a hash of "<number> <milliseconds> <epoch>" by id. ARGV: id, epoch, number, after how many milliseconds of silence a node is gone.
 * A node that comes clears away those that are gone: so the hash holds what was live when the last one came, and itself goes when all are silent.
 */
export const REPORT: Script = plain(`${MILLISECONDS}
local now = milliseconds()
local came = redis.call('HSET', KEYS[1], ARGV[1], string.format('%s %.0f %s', ARGV[3], now, ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if came == 0 then return 0 end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at = tonumber(string.match(all[i + 1], '^%d+ (%d+)'))
  if not at or now - at > tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], all[i]) end
end
return 1
`)

/** KEYS: the record, the nodes. ARGV: run id, as in REPORT. Answers id, number and milliseconds of silence of each node of the current epoch, in turn. */
export const NODES: Script = plain(`${MILLISECONDS}
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

export function plain(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
