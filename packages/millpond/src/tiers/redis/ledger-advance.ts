// The step that moves the ledger: judges writes, ends and begins holds, records targets and the line, prunes, drops and
// writes.
import { CHECK_BASE, CHECK_PRIME } from '../head-check.ts'
import { MAX_PATTERNS } from '../retain.ts'
import { HOLDS, MOVING, step } from './ledger-record.ts'

/**
 * KEYS after the record: the moves, keys to drop, then keys to write. ARGV after the prelude's: window, most targets,
 * channel, mode ('d' or 'x'), line, line with a clear, epoch and number since which a written key must not have moved
 * ('' for any), how many drops, how many targets, how many writes, the stamp that keys get ('' for none), for how long
 * to hold the targets ('' for not at all) and the hold as JSON, the epoch of the holds that end ('' for none), targets,
 * where holds end the number of each target's hold ('' for none), then milliseconds to live ('' for ever, '0' for
 * gone), deadline ('' for none) and body of each write, then how many tags each write has, and the tags; the last is
 * what the push says besides the position. Answers epoch, number, for each drop 1 where it was there, and for each
 * write 1 where it was stored. In a cluster the entries lie elsewhere: there is no key but the record (twice), nothing
 * is dropped or written here, and writes, without their bodies, are only judged.
 */
export const ADVANCE = step(`${MOVING}${HOLDS}
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
local watched = bodies + 3 * (#KEYS - 2 - drops)
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
moveOn(R, ARGV[16] ~= '')

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
for i = 1, drops do dropped[i] = redis.call('UNLINK', KEYS[i + 2]) end
local at = bodies
local position = R.e .. ':' .. num(R.s) .. ':'
local positionCheck = checkOf(position, 0)
for i = drops + 3, #KEYS do
  local ms, deadline = ARGV[at + 1], ARGV[at + 2]
  local stored = position .. num(checkOf(deadline, positionCheck)) .. ':' .. deadline .. '\\n' .. ARGV[at + 3]
  if ms == '0' or allowed[i - drops - 2] == 0 then redis.call('UNLINK', KEYS[i])
  elseif ms == '' then redis.call('SET', KEYS[i], stored)
  else redis.call('SET', KEYS[i], stored, 'PX', ms) end
  at = at + 3
end
if ARGV[6] ~= '' then redis.call('PUBLISH', ARGV[6], R.e .. ' ' .. num(R.s) .. ARGV[#ARGV]) end
return { R.e, num(R.s), dropped, allowed }
`)
