// The step that stores loaded entries, each only if nothing has moved since its load began.
import { step } from './ledger-record.ts'
import { script } from './script.ts'

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

/**
 * KEYS after the record: entry and lease of each item. ARGV after the prelude's, for each item: epoch, number, key
 * target, lease, milliseconds to live, stored form. Answers for each 1 if it was stored, and -1 if there is no record.
 */
export const COMMIT = step(`${MAY_COMMIT}
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
  out[item] = ok and 1 or R and 0 or -1
end
return out
`)

/**
 * COMMIT if the entries are elsewhere: judges only. KEYS after the record: the lease of each item. ARGV for each item:
 * epoch, number, key target, lease.
 */
export const JUDGE = step(`${MAY_COMMIT}
local R = find()
local out = {}
for item = 1, #KEYS - 1 do
  local at = 3 + (item - 1) * 4
  out[item] = mayCommit(R, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], KEYS[item + 1]) and 1 or 0
end
return out
`)

/**
 * KEYS: an entry that is stored apart from the record. ARGV: epoch, number, milliseconds to live, stored form. A write
 * may arrive late: it never replaces an entry of a later number. Numbers of two epochs cannot be compared, and readers
 * trust only one of them. Answers 1 if it was stored.
 */
export const PUT = script(`
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
