// The moves of all ledgers under one key prefix of a server, in order: they answer one question for all namespaces.
//
// One hash, so that it is lost as a whole or not at all: v "<move> <run id>": the last move, and the server that wrote
// it; a move is "<number>.<stamp>" <number % MOVES> "<move> <namespace> <epoch> <number of the record>": one of the
// last moves. No epoch: where the record stands only `pull` can tell A step tells its move before its record's number
// moves: one that fails between has told too much. A stamp is random, so that two histories which have come to the same
// number are not taken for one. A cluster has none, since no script may touch two slots: the record's own name stands
// in its place.

/**
 * How many moves are remembered. A process that asks ten times a second and misses more has to ask about every
 * namespace.
 */
export const MOVES = 256

/**
 * Needs `num` and the record's name L. KEYS[2]: the moves; ARGV[1]: run id; ARGV[2]: the stamp. Read before anything is
 * changed, so that a foreign key fails the step as a whole.
 */
export const TELL = `
local M = KEYS[2]
local last = M ~= L and redis.call('HGET', M, 'v')
if last and string.match(last, ' (.*)$') ~= ARGV[1] then last = false end
local function tell(position)
  if M == L then return end
  local number = 1
  if last then number = tonumber(string.match(last, '^%d+')) + 1 else redis.call('UNLINK', M) end
  local move = num(number) .. '.' .. ARGV[2]
  last = move .. ' ' .. ARGV[1]
  redis.call('HSET', M, 'v', last, num(number % ${MOVES}), move .. ' ' .. redis.sha1hex(L) .. position)
end
-- The last move; '' where none are told.
local function standing()
  if M ~= L and not last then tell('') end
  return last or ''
end
`
