-- Batches of this holder are stored: their units pass from what the holder holds to what the store holds. Twice is once, by the batch's number.
-- KEYS epoch, counters   ARGV epoch, holder, then for each counter: number of the batch, units
-- While a counter is cold its total is the sum of what is held, and the store's share is added when it is warmed.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local holder = ARGV[2]
local function move(key, number, units)
  local epoch, moved, held, cold, stored =
    unpack(redis.call('HMGET', key, 'epoch', 'moved:' .. holder, 'held:' .. holder, 'cold', 'stored:' .. holder))
  if epoch ~= ARGV[1] or tonumber(moved or '-1') >= number then return end
  local from = math.min(tonumber(held or '0'), units)
  if from > 0 then redis.call('HINCRBY', key, 'held:' .. holder, string.format('%.0f', -from)) end
  redis.call('HSET', key, 'moved:' .. holder, number)
  local change = units - from
  if cold then
    redis.call('HSET', key, 'passed:' .. holder, number)
    change = -from
  elseif number <= tonumber(stored or '-1') then
    change = -from
  end
  if change ~= 0 then redis.call('HINCRBY', key, 'total', string.format('%.0f', change)) end
end
for i = 2, #KEYS do move(KEYS[i], tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])) end
return 1
