// The ledger's steps as Lua, so that each is one step on the server.
//
// The record of a namespace is one hash, so that it is lost as a whole or not at all:
//   e epoch   s number   f floor   c commit floor   id run id of the server that wrote it   x 1: other tiers hold copies too
//   o oldest line   nk key targets   nt tags and patterns   np patterns   p the last pattern's number, if any   w where the sweep of old targets stands, '' when it rests
//   l:<number>                 "<milliseconds> <line as JSON>"
//   t<d|x><k|t|p|a><name>      "<number>", of keys that were written sealed "<number> <stamp>": a target in force; d deleted, x expired
// Every step names the run id that the connection was greeted with: a record that another server wrote (a promoted replica, a restart with an
// old dump) is void, and a new epoch begins. All arguments are opaque text here but for the lines, whose keys `prune` reads.
import { createHash } from 'node:crypto'
import { CHECK_BASE, CHECK_PRIME } from '../head-check.ts'
import { MAX_PATTERNS } from '../retain.ts'

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
  return { e = ARGV[2], s = 0, f = 0, c = 0, x = ARGV[3], o = 1, nk = 0, nt = 0, np = 0, w = '' }
end
local function find()
  local r = redis.call('HMGET', L, 'e', 's', 'f', 'c', 'id', 'x', 'o', 'nk', 'nt', 'np', 'w')
  if not r[1] or r[5] ~= ARGV[1] then return nil end
  local R = { e = r[1], s = tonumber(r[2]), f = tonumber(r[3]), c = tonumber(r[4]), x = r[6], o = tonumber(r[7]),
    nk = tonumber(r[8]), nt = tonumber(r[9]), np = tonumber(r[10]), w = r[11] }
  if R.x == '0' and ARGV[3] == '1' then
    R.x = '1'
    redis.call('HSET', L, 'x', '1')
  end
  return R
end
local function seqOf(value) return value and tonumber(string.match(value, '^%d+')) or 0 end
${MILLISECONDS}${TARGETS_IN}`

/**
 * ARGV after the prelude's: epoch and number that are known ('' for none), longest tail, most targets at once.
 * Answers kind, epoch, number, floor, commit floor, then lines, or targets as JSON, or nothing when there are too many targets for one step.
 */
export const PULL = script(`
local R = find()
local from = tonumber(ARGV[5])
if not R or (ARGV[4] == R.e and from > R.s) then R = begin() end
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
 * epoch and number since which a written key must not have moved ('' for any), how many drops, how many targets, how many writes, the stamp that keys
 * get ('' for none), targets,
 * then milliseconds to live ('' for ever, '0' for gone) and body of each write, then how many tags each write has, and the tags. Answers epoch, number, for each drop 1 where it was there, and for each write 1 where it was stored.
 * In a cluster the entries lie elsewhere: there is no key but the record, nothing is dropped or written here, and writes, without their bodies, are only judged.
 */
export const ADVANCE = script(`
local R = find() or begin()
local window, most, mode, line = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[7], ARGV[8]
local since, drops, count = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local now = milliseconds()

-- Judged before this step records its own numbers.
local allowed = {}
local known = ARGV[10] == R.e and since <= R.s and since >= R.f and since >= R.c
  and seqOf(redis.call('HGET', L, 'tda')) <= since and seqOf(redis.call('HGET', L, 'txa')) <= since
  and seqOf(redis.call('HGET', L, 'p')) <= since
local movedTags = {}
local function hasMoved(tag)
  if movedTags[tag] == nil then
    local at = redis.call('HMGET', L, 'tdt' .. tag, 'txt' .. tag)
    movedTags[tag] = seqOf(at[1]) > since or seqOf(at[2]) > since
  end
  return movedTags[tag]
end
local watched = 15 + count + 2 * (#KEYS - 1 - drops)
for i = 1, tonumber(ARGV[14]) do
  local target = i <= count and ARGV[15 + i] or ''
  if ARGV[10] == '' or string.sub(target, 1, 1) ~= 'k' then allowed[i] = 1
  elseif not known then allowed[i] = 0
  else
    local moved = redis.call('HMGET', L, 'td' .. target, 'tx' .. target)
    allowed[i] = seqOf(moved[1]) <= since and seqOf(moved[2]) <= since and 1 or 0
  end
  local tags = tonumber(ARGV[watched + 1] or '0')
  for at = watched + 2, watched + 1 + tags do
    if allowed[i] == 1 and ARGV[10] ~= '' and string.sub(target, 1, 1) == 'k' and hasMoved(ARGV[at]) then allowed[i] = 0 end
  end
  watched = watched + 1 + tags
end
R.s = R.s + 1

local targets, cleared, patterns = {}, false, 0
for i = 1, count do
  local target = ARGV[15 + i]
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
  redis.call('UNLINK', L)
  R = { e = keep.e, s = keep.s, f = keep.s, c = keep.c, x = keep.x, o = keep.s, nk = 0, nt = 0, np = 0, w = '' }
  redis.call('HSET', L, 'e', R.e, 'id', ARGV[1], 'x', R.x)
end
local value = num(R.s)
local stamped = ARGV[15] == '' and value or value .. ' ' .. ARGV[15]
for _, target in ipairs(targets) do
  local kind = string.sub(target, 1, 1)
  if redis.call('HSET', L, 't' .. mode .. target, kind == 'k' and stamped or value) == 1 then
    if kind == 'k' then R.nk = R.nk + 1 else R.nt = R.nt + 1 end
    if kind == 'p' then R.np = R.np + 1 end
  end
  if kind == 'p' then redis.call('HSET', L, 'p', value) end
end
redis.call('HSET', L, 'l:' .. num(R.s), num(now) .. ' ' .. line)

local function forget(field)
  if redis.call('HDEL', L, field) == 0 then return end
  local kind = string.sub(field, 3, 3)
  if kind == 'k' then R.nk = R.nk - 1 else R.nt = R.nt - 1 end
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
local at = 15 + count
local position = R.e .. ':' .. num(R.s) .. ':'
local positionCheck = checkOf(position, 0)
for i = drops + 2, #KEYS do
  local ms, tail = ARGV[at + 1], ARGV[at + 2]
  local body = position .. num(checkOf(string.match(tail, '^%d*'), positionCheck)) .. ':' .. tail
  if ms == '0' or allowed[i - drops - 1] == 0 then redis.call('UNLINK', KEYS[i])
  elseif ms == '' then redis.call('SET', KEYS[i], body)
  else redis.call('SET', KEYS[i], body, 'PX', ms) end
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
