"""The script by which counters in a store are checked and increased, and new ones find room or share.

A script runs alone, so nothing comes between the check of all counters of a request and their increase.

**The bound.** As in memory (``kuadrant.ratelimit.counter_shares``): a part for each limit, what its tenant's
limits have beyond theirs, and what tenants have beyond that of the part for everybody. What is held is not
known exactly, since the store forgets counters by itself. It is known how much was opened in this span of
time and in the one before. Spans are as long as the window at least, so all that lives is among it: never is
less counted than there is. That is two numbers for a limit, and few for each tenant and for all, which the
store forgets, too. Processes have nothing to agree on.

Only a counter that is opened costs more for it: one that is there is found at once.
"""

from __future__ import annotations

from typing import Final

# KEYS are the counters. ARGV has the tenant's name, his reserve, the part for everybody, and a number to know
# the answer by; then for each counter the most, the hits, the window in milliseconds, how much of the key
# names the limit (0 if the limit has only that counter), and what the limit has for itself. Returns the
# position of the first counter that has no room (0 if all have), then hits and milliseconds left of each.
# Then, for each that was opened for a value, its position and how many thousandths its limit uses of what it
# may have; more than 1000 if the value has to share it. Then that number. A counter that would outlive its
# window (the store's clock went back, or somebody took its end away) is over a window from now.
SCRIPT: Final = """
local reserve, common = tonumber(ARGV[2]), tonumber(ARGV[3])
local everybody = 'kuadrant:shares'
local tenant = everybody .. ':' .. ARGV[1]
local now

local function text(number) return string.format('%.0f', number) end

local function number(key) return tonumber(redis.call('GET', key) or 0) end

local function total(key)
  local sum, all = 0, redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local span, at = string.match(all[i], '^(%d+):(%d+)$')
    local here = math.floor(now / tonumber(span))
    if tonumber(at) + 1 < here or tonumber(at) > here then
      redis.call('HDEL', key, all[i])
    else
      sum = sum + tonumber(all[i + 1])
    end
  end
  return sum
end

local function add(key, window, size)
  local span = 1000
  while span < window do span = span * 2 end
  redis.call('HINCRBY', key, text(span) .. ':' .. text(math.floor(now / span)), text(size))
  if redis.call('PTTL', key) < 2 * span then redis.call('PEXPIRE', key, text(2 * span)) end
end

local function take(limit, window, size, guaranteed)
  if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  local at = math.floor(now / window)
  local opened = limit .. '#' .. text(at)
  local held = number(opened) + number(limit .. '#' .. text(at - 1))
  local used = 0
  if held + size > 0.8 * guaranteed then
    local excess, free = total(tenant), common - total(everybody)
    local beyond, borrowed = math.max(0, held - guaranteed), math.max(0, excess - reserve)
    local room = math.max(0, reserve - excess) + math.max(0, math.min(free, 4 * free - borrowed))
    if held + size > guaranteed then
      if size > room or beyond + size > 4 * room then return 2000 end
      add(tenant, window, size)
      local more = math.max(0, excess + size - reserve) - borrowed
      if more > 0 then add(everybody, window, more) end
    end
    local left = math.max(0, guaranteed - held - size, math.min(room, (4 * room - beyond) / 5) - size)
    used = math.floor(1000 * (held + size) / (held + size + left))
  end
  redis.call('INCRBY', opened, text(size))
  redis.call('PEXPIRE', opened, text(2 * window))
  return used
end

local denied = 0
local names, hits, left = {}, {}, {}
for i, key in ipairs(KEYS) do
  local own = tonumber(ARGV[5 * i + 3])
  local found = redis.call('GET', key)
  names[i] = key
  if not found and own > 0 then
    local shared = string.sub(key, 1, own) .. '+'
    found = redis.call('GET', shared)
    if found then names[i] = shared end
  end
  hits[i] = tonumber(found or 0)
  left[i] = found and redis.call('PTTL', names[i]) or 0
  local window = tonumber(ARGV[5 * i + 2])
  if window > 0 and (left[i] > window or left[i] == -1) then
    redis.call('PEXPIRE', names[i], ARGV[5 * i + 2])
    left[i] = window
  end
  if denied == 0 and hits[i] + tonumber(ARGV[5 * i + 1]) > tonumber(ARGV[5 * i]) then denied = i end
end
local answer, opened = {denied}, {}
for i, key in ipairs(KEYS) do
  local more, window, own = tonumber(ARGV[5 * i + 1]), tonumber(ARGV[5 * i + 2]), tonumber(ARGV[5 * i + 3])
  if denied == 0 and more > 0 and window > 0 then
    hits[i] = hits[i] + more
    if left[i] > 0 then
      redis.call('INCRBY', names[i], ARGV[5 * i + 1])
    else
      if own > 0 then
        local limit = string.sub(key, 1, own)
        local used = take(limit, window, 200 + math.floor(1.25 * #key), tonumber(ARGV[5 * i + 4]))
        if used > 1000 then names[i] = limit .. '+' end
        opened[#opened + 1], opened[#opened + 2] = i, used
      end
      redis.call('SET', names[i], ARGV[5 * i + 1], 'PX', ARGV[5 * i + 2])
      hits[i], left[i] = more, window
    end
  end
  if left[i] <= 0 then left[i] = window end
  answer[2 * i], answer[2 * i + 1] = hits[i], left[i]
end
for _, value in ipairs(opened) do answer[#answer + 1] = value end
answer[#answer + 1] = tonumber(ARGV[4])
return answer
"""
