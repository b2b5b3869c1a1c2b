// Reads the ledger's record: the lines since a number, or everything in force.
import { HOLDS, MOVING, step, TARGETS_IN } from './ledger-record.ts'
import { script } from './script.ts'

/**
 * KEYS after the record: the moves. ARGV after the prelude's: epoch and number that are known ('' for none), longest
 * tail, most targets at once. Answers the last move ('' where none are told), how long the first hold lasts (-1: there
 * is none), and a list: kind, epoch, number, floor, commit floor, then lines, or targets as JSON, or nothing when there
 * are too many targets for one step.
 */
export const PULL = step(`${MOVING}${HOLDS}
local R = find()
local from = tonumber(ARGV[5])
if not R or (ARGV[4] == R.e and from > R.s) then R = begin() end
expireHolds(R)
local due = -1
for ends in string.gmatch(R.h, '%d+:(%d+):') do
  local left = math.max(0, tonumber(ends) - milliseconds())
  if due < 0 or left < due then due = left end
end
local stands = standing()
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
  if whole then return { stands, due, out } end
end
if R.nk + R.nt > tonumber(ARGV[7]) then return { stands, due, { 'large', R.e, num(R.s), num(R.f), num(R.c) } } end
return { stands, due, { 'snapshot', R.e, num(R.s), num(R.f), num(R.c), targetsIn(redis.call('HGETALL', L)) } }
`)

/** KEYS: the record. ARGV: cursor, how many fields at a time. Answers the next cursor and the targets among them. */
export const PAGE = script(`${TARGETS_IN}
local step = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
return { step[1], targetsIn(step[2]) }
`)
