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

from kuadrant.api.algorithm import SLICES

# KEYS are the counters. ARGV has the tenant's name, his reserve, the part for everybody, and a number to know
# the answer by; then for each counter the most, the hits, the window in milliseconds, how much of the key
# names the limit (0 if the limit has only that counter), what the limit has for itself, and how it counts: F
# in fixed windows, S in slices, T as a bucket of tokens, N if nothing ever has room; in small letters if it
# is only watched: it denies nothing, and what has no room in it is counted in all others; with a + in itself,
# too. Each bucket has more: its tokens for a window (the rate), and the time in which as many come as it
# holds and as are asked for. A time is whole microseconds and a fraction of one, in parts of the rate, as is
# all that is kept of a bucket: no number is rounded.
#
# Returns the position of the first counter that has no room (0 if all have), then three numbers for each:
# hits and the milliseconds left; in slices hits, the microseconds left, and those until there is room for as
# many hits; of a bucket the time until it is full. What is not said of a kind is 0.
# Then, for each that is only watched, 1 if it had no room and 0 if it had.
# Then, for each that was opened for a value, its position and how many thousandths its limit uses of what it
# may have; more than 1000 if the value has to share it. Then that number. A counter that would outlive its
# window (the store's clock went back, or somebody took its end away) is over a window from now.
#
# A fixed window is a number that the store forgets. The others live on with each hit: they are lists, of the
# span of time in which their memory was accounted for last, and what counts. Slices: the number of the newest
# one and the hits of it and those before it. A bucket: when it is full, and at which rate. `state` is that of
# now, `stale` says that it has to be kept even if nothing is counted.
SCRIPT: Final = (
    f"""
local SLICES = {SLICES}
"""
    """
local reserve, common = tonumber(ARGV[2]), tonumber(ARGV[3])
local everybody = 'kuadrant:shares'
local tenant = everybody .. ':' .. ARGV[1]
local now, micros

local function clock()
  if not micros then
    local time = redis.call('TIME')
    micros = time[1] * 1000000 + time[2]
    now = math.floor(micros / 1000)
  end
  return micros
end

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

local function take(limit, window, size, guaranteed, is_there)
  clock()
  local at = math.floor(now / window)
  local opened = limit .. '#' .. text(at)
  local held = number(opened) + number(limit .. '#' .. text(at - 1))
  local used = 0
  if held + size > 0.8 * guaranteed then
    local excess, free = total(tenant), common - total(everybody)
    local beyond, borrowed = math.max(0, held - guaranteed), math.max(0, excess - reserve)
    local room = math.max(0, reserve - excess) + math.max(0, math.min(free, 4 * free - borrowed))
    if held + size > guaranteed then
      if not is_there and (size > room or beyond + size > 4 * room) then return 2000 end
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

local function slices(found, slice)
  local at = (clock() - clock() % slice) / slice
  local kept = found and {cmsgpack.unpack(found)} or {-1, at}
  local passed = math.max(0, at - kept[2])
  local state, sum = {kept[1], at, 0}, 0
  for age = 0, SLICES do
    local count = age >= passed and kept[3 + age - passed] or 0
    state[3 + age], sum = count, sum + count
  end
  while #state > 3 and state[#state] == 0 do state[#state] = nil end
  local left = sum > 0 and (math.min(kept[2], at) + SLICES + 1) * slice - clock() or 0
  return state, sum, left, at < kept[2]
end

local function room(state, slice, left)
  local age = 0
  while age <= SLICES and left >= (state[3 + age] or 0) do
    left, age = left - (state[3 + age] or 0), age + 1
  end
  return age > SLICES and 0 or (state[2] + SLICES + 1 - age) * slice - clock()
end

local function bucket(found, rate, whole, part)
  local kept = found and {cmsgpack.unpack(found)} or {-1, 0, 0, rate}
  local left, rest = kept[2] - clock(), kept[3]
  if kept[4] ~= rate then left, rest = left + (rest > 0 and 1 or 0), 0 end
  if left < 0 then left, rest = 0, 0 end
  local stale = left > whole or (left == whole and rest > part)
  if stale then left, rest = whole, part end
  return {kept[1], left + clock(), rest, rate}, left, rest, stale
end

local function keep(name, state, left)
  redis.call('SET', name, cmsgpack.pack(unpack(state)), 'PX', text(math.floor(left / 1000) + 1))
end

local denied, bucket_at = 0, 5 + 6 * #KEYS
local names, hits, left, states, stale, is_new, full, verdicts = {}, {}, {}, {}, {}, {}, {}, {}
local buckets, empty = {}, {}
for i, key in ipairs(KEYS) do
  local most, more = tonumber(ARGV[6 * i - 1]), tonumber(ARGV[6 * i])
  local window, own, kind = tonumber(ARGV[6 * i + 1]), tonumber(ARGV[6 * i + 2]), ARGV[6 * i + 4]
  local is_watched, is_soft = string.byte(kind) >= 97, #kind > 1
  kind = string.upper(string.sub(kind, 1, 1))
  local found = redis.call('GET', key)
  names[i] = key
  if not found then
    is_new[i] = true
    if own > 0 then
      local shared = string.sub(key, 1, own) .. '+'
      found = redis.call('GET', shared)
      if found then names[i], is_new[i] = shared, 'shared' end
    end
  end
  local has_room
  if kind == 'N' then
    hits[i], left[i], has_room = 0, 0, more <= most
  elseif kind == 'F' then
    hits[i] = tonumber(found or 0)
    left[i] = found and redis.call('PTTL', names[i]) or 0
    if window > 0 and (left[i] > window or left[i] == -1) then
      redis.call('PEXPIRE', names[i], ARGV[6 * i + 1])
      left[i] = window
    end
    has_room = hits[i] + more <= most
  elseif kind == 'S' then
    states[i], hits[i], left[i], stale[i] = slices(found, window * 1000 / SLICES)
    has_room = hits[i] + more <= most
  else
    local one = {}
    for part = 1, 5 do one[part] = tonumber(ARGV[bucket_at + part - 1]) end
    bucket_at = bucket_at + 5
    states[i], hits[i], left[i], stale[i] = bucket(found, one[1], one[2], one[3])
    local whole, part = hits[i] + one[4], left[i] + one[5]
    if part >= one[1] then whole, part = whole + 1, part - one[1] end
    buckets[i], empty[i] = {whole, part}, {one[2], one[3]}
    has_room = more <= most and (whole < one[2] or (whole == one[2] and part <= one[3]))
  end
  if is_watched then
    full[i] = not has_room and (not is_soft or most <= 0)
    -- A bucket is empty then: no more can be taken from it.
    if kind == 'T' and not has_room then buckets[i] = empty[i] end
    verdicts[#verdicts + 1] = has_room and 0 or 1
  elseif denied == 0 and not has_room then
    denied = i
  end
end
local answer, opened = {denied}, {}
for i, key in ipairs(KEYS) do
  local more, window, own = tonumber(ARGV[6 * i]), tonumber(ARGV[6 * i + 1]), tonumber(ARGV[6 * i + 2])
  local kind, state = string.upper(string.sub(ARGV[6 * i + 4], 1, 1)), states[i]
  local is_counted = denied == 0 and not full[i] and more > 0 and window > 0 and kind ~= 'N'
  if is_counted and kind == 'F' and left[i] > 0 then
    -- What is let through without room is counted up to where numbers are exact.
    if hits[i] + more <= 2^53 then redis.call('INCRBY', names[i], ARGV[6 * i]) end
    hits[i] = hits[i] + more
  elseif is_counted then
    local span = kind == 'S' and window / SLICES * (SLICES + 1) or window
    if own > 0 and (is_new[i] or (state and state[1] ~= math.floor(clock() / 1000 / span))) then
      local limit = string.sub(key, 1, own)
      local size = 200 + math.floor(1.25 * #key) + (kind == 'S' and 150 or kind == 'T' and 50 or 0)
      local used = take(limit, span, size, tonumber(ARGV[6 * i + 3]), not is_new[i])
      if is_new[i] then
        names[i] = used > 1000 and limit .. '+' or key
        if used <= 1000 or is_new[i] ~= 'shared' then
          opened[#opened + 1], opened[#opened + 2] = i, used
        end
      end
    end
    if kind == 'F' then
      hits[i], left[i] = more, window
      redis.call('SET', names[i], ARGV[6 * i], 'PX', ARGV[6 * i + 1])
    else
      state[1] = math.floor(clock() / 1000 / span)
      if kind == 'S' then
        state[3], hits[i] = state[3] + more, hits[i] + more
        left[i] = (state[2] + SLICES + 1) * window * 1000 / SLICES - clock()
        keep(names[i], state, left[i])
      else
        hits[i], left[i] = buckets[i][1], buckets[i][2]
        state[2], state[3] = hits[i] + clock(), left[i]
        keep(names[i], state, hits[i])
      end
    end
  elseif stale[i] then
    keep(names[i], state, kind == 'S' and left[i] or hits[i])
  end
  if kind == 'F' and left[i] <= 0 then left[i] = window end
  answer[3 * i - 1], answer[3 * i] = hits[i], left[i]
  local fits = tonumber(ARGV[6 * i - 1]) - more
  answer[3 * i + 1] = kind == 'S' and fits >= 0 and room(state, window * 1000 / SLICES, fits) or 0
end
for _, value in ipairs(verdicts) do answer[#answer + 1] = value end
for _, value in ipairs(opened) do answer[#answer + 1] = value end
answer[#answer + 1] = tonumber(ARGV[4])
return answer
"""
)
