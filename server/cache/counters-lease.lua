-- Take a slice of a quota for one holder, in one step. A slice counts as used until it is handed back.
-- KEYS epoch, counter, names of the holder, holders
-- ARGV epoch, holder, name, limit, hard (1|0), want, ahead, processes, fresh (1: an absent counter is surely zero), ttl ms, channel
-- Answers {granted, total, cold (1|0)}; granted -1: another epoch; -2: hard and cold, the count must be rebuilt first.
local epoch, holder, name = ARGV[1], ARGV[2], ARGV[3]
if redis.call('GET', KEYS[1]) ~= epoch then return {-1, 0, 0} end
if redis.call('HGET', KEYS[2], 'epoch') ~= epoch then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'total', 0)
  if ARGV[9] ~= '1' then redis.call('HSET', KEYS[2], 'cold', 1) end
end
redis.call('PEXPIRE', KEYS[2], ARGV[10])
local want, ahead, hard = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[5] == '1'
local cold = redis.call('HEXISTS', KEYS[2], 'cold')
if hard and cold == 1 then return {-2, 0, 1} end
local total = tonumber(redis.call('HGET', KEYS[2], 'total'))
local grant = want
if hard then
  local rest = math.max(0, tonumber(ARGV[4]) - total)
  -- What is taken ahead of need shrinks with what is left, and is nothing near the end: there each call takes its own unit.
  local most = math.floor(math.max(0, rest - want) / (16 * math.max(1, tonumber(ARGV[8]))))
  grant = math.min(rest, want + math.min(ahead, most))
end
if grant > 0 then
  local field = 'held:' .. holder
  redis.call('HINCRBY', KEYS[2], field, string.format('%.0f', grant))
  total = redis.call('HINCRBY', KEYS[2], 'total', string.format('%.0f', grant))
  redis.call('SADD', KEYS[3], name)
  redis.call('SADD', KEYS[4], holder)
  -- Others that hold units of this counter learn the new total, so that what they tell callers is never above the truth.
  local shared = false
  for _, key in ipairs(redis.call('HKEYS', KEYS[2])) do
    if key ~= field and string.sub(key, 1, 5) == 'held:' then shared = true end
  end
  if shared then redis.call('PUBLISH', ARGV[11], 'total ' .. string.format('%.0f', total) .. ' ' .. name) end
end
return {string.format('%.0f', grant), string.format('%.0f', total), cold}
