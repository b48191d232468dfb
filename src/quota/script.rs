//! The scripts that run inside Redis or Valkey: by the server's clock, atomically, with one hash tag per bucket.
//!
//! A bucket is a hash: `b` is the time until which nothing leaves. By each limit's period it has the time at which a bucket
//! without credit would let the next request leave (GCRA); under `m` and the period the most credit that was held of late, and
//! under `u` and the period until when that counts; under `p` and the period by how much the pace was put off of late, and under
//! `v` and the period until when that holds: as `throttle` does it in one process. All in microseconds, which stay below 2^53.
//! A sorted set beside it holds the processes that asked within the last minute, another the lanes that a 429 stopped and until
//! when.

use std::time::Duration;

use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue as _, RedisResult, Script, ScriptInvocation, Value};

use crate::throttle::{Answer, Places, Spare, Want};

/// Before each script: the server's clock, and how limits are told. They are the last of `ARGV`, from `from` on, as
/// [`add_limits`] puts them there; the name of a limit is that of its field.
const PREAMBLE: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local function limits(from)
  local all = {}
  for i = from, #ARGV, 3 do
    local spacing, period, credit = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    all[#all + 1] = {spacing = spacing, period = period, credit = credit, name = ARGV[i + 1]}
  end
  return all
end
";

/// `KEYS` bucket, processes, lanes; `ARGV` process, places, those that are needed, longest wait for them, debt, by how much a
/// request left late, then the limits.
///
/// Places are handed out in the order of the questions, one behind the other: who asks gets the next ones that are free, however
/// far ahead, so that no process starves and all of them do not wake at once. Whoever cannot wait for them takes none: a place
/// that nobody uses is lost to all.
const RESERVE: &str = r"
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 60000000)
redis.call('PEXPIRE', KEYS[2], 120000)
local seen = redis.call('ZCARD', KEYS[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
local stopped = redis.call('ZREVRANGEBYSCORE', KEYS[3], '+inf', now, 'WITHSCORES', 'LIMIT', 0, 64)
for i = 2, #stopped, 2 do stopped[i] = string.format('%.0f', tonumber(stopped[i]) - now) end
local blocked = tonumber(redis.call('HGET', KEYS[1], 'b') or '0')
if blocked > now then return {0, blocked - now, 0, seen, 'blocked', stopped} end
local want, need, longest, debt = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local late, all = tonumber(ARGV[6]), limits(7)
local first = now
for _, limit in ipairs(all) do
  local due = tonumber(redis.call('HGET', KEYS[1], limit.name) or '0')
  if late > 4000 then
    local before = 0
    if tonumber(redis.call('HGET', KEYS[1], 'v' .. limit.name) or '0') > now then
      before = tonumber(redis.call('HGET', KEYS[1], 'p' .. limit.name) or '0')
    end
    limit.put_off = math.max(before, math.min(late, limit.period) - 4000)
    due = due + math.max(limit.put_off - before, 0)
  end
  due = math.min(math.max(due, now), now + limit.period * (seen + 2) + limit.credit)
  limit.due = due + math.min(debt * limit.spacing, limit.period)
  first = math.ceil(math.max(first, limit.due - limit.credit))
end
local needed, last = first, first
for _, limit in ipairs(all) do
  limit.due = math.max(limit.due, first)
  limit.held, limit.counts = 0, tonumber(redis.call('HGET', KEYS[1], 'u' .. limit.name) or '0')
  if limit.counts > now then limit.held = tonumber(redis.call('HGET', KEYS[1], 'm' .. limit.name) or '0') end
  limit.free = limit.credit - (limit.due - first)
  -- What a late question leaves free is no rest: a window counts 4 ms longer than it lasts.
  if limit.free > 4000 then limit.held = math.max(limit.held, limit.free) end
  limit.step = limit.spacing * (1 + limit.held / limit.period)
  needed = math.max(needed, limit.due + (need - 1) * limit.step - limit.credit)
  last = math.max(last, limit.due + (want - 1) * limit.step - limit.credit)
end
if needed - now > longest then return {0, math.ceil(needed - now), 0, seen, 'later', stopped} end
local farthest, ends = now, ''
for _, limit in ipairs(all) do
  local due = math.max(limit.due + want * limit.step, last + limit.step)
  farthest = math.max(farthest, due, limit.counts)
  ends = string.format('%.0f', due)
  redis.call('HSET', KEYS[1], limit.name, ends)
  if limit.put_off then
    redis.call('HSET', KEYS[1], 'p' .. limit.name, string.format('%.0f', limit.put_off))
    redis.call('HSET', KEYS[1], 'v' .. limit.name, string.format('%.0f', now + limit.period))
    farthest = math.max(farthest, now + limit.period)
  end
  local free = math.max(limit.free, limit.credit + limit.step - (due - last))
  if free > 4000 then
    local counts = last + limit.period + 50000
    farthest = math.max(farthest, counts)
    redis.call('HSET', KEYS[1], 'm' .. limit.name, string.format('%.0f', math.max(limit.held, free)))
    redis.call('HSET', KEYS[1], 'u' .. limit.name, string.format('%.0f', counts))
  end
end
redis.call('PEXPIRE', KEYS[1], math.ceil((farthest - now) / 1000) + 1000)
return {want, first - now, math.ceil((last - first) / math.max(want - 1, 1)), seen, ends, stopped}
";

/// `KEYS` lanes; `ARGV` lane, microseconds. A shorter block never shortens a longer one, and there are never more than 4096.
const BLOCK_LANE: &str = r"
local until_then = now + tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if until_then > tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0') then
  redis.call('ZADD', KEYS[1], string.format('%.0f', until_then), ARGV[1])
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -4097)
end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], math.ceil((tonumber(last[2]) - now) / 1000) + 1000)
return 1
";

/// `KEYS` bucket; `ARGV` microseconds. A shorter block never shortens a longer one.
const BLOCK: &str = r"
local until_then = now + tonumber(ARGV[1])
if until_then > tonumber(redis.call('HGET', KEYS[1], 'b') or '0') then
  redis.call('HSET', KEYS[1], 'b', string.format('%.0f', until_then))
  local left = math.ceil(tonumber(ARGV[1]) / 1000) + 1000
  if redis.call('PTTL', KEYS[1]) < left then redis.call('PEXPIRE', KEYS[1], left) end
end
return 1
";

/// `KEYS` bucket; `ARGV` end of the lease, places, then the limits. Only the last lease can be taken back: others stand behind any
/// older one.
const GIVE_BACK: &str = r"
local all = limits(3)
if #all == 0 or redis.call('HGET', KEYS[1], all[#all].name) ~= ARGV[1] then return 0 end
for _, limit in ipairs(all) do
  local due = tonumber(redis.call('HGET', KEYS[1], limit.name) or '0') - tonumber(ARGV[2]) * limit.spacing
  redis.call('HSET', KEYS[1], limit.name, string.format('%.0f', due))
end
return 1
";

/// The scripts, hashed once.
pub(super) struct Scripts {
    texts: [String; 4],
    reserve: Script,
    block: Script,
    block_lane: Script,
    give_back: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let texts = [RESERVE, BLOCK, BLOCK_LANE, GIVE_BACK].map(|body| format!("{PREAMBLE}{body}"));
        let [reserve, block, block_lane, give_back] = texts.each_ref().map(|text| Script::new(text));
        Self { texts, reserve, block, block_lane, give_back }
    }

    /// Has the server know them all, so that no question has to bring one along.
    ///
    /// # Errors
    /// What the server or the connection says.
    pub(super) async fn load(&self, link: &MultiplexedConnection) -> RedisResult<()> {
        let load = |text| {
            let mut link = link.clone();
            async move { redis::cmd("SCRIPT").arg("LOAD").arg(text).query_async::<Value>(&mut link).await }
        };
        try_join_all(self.texts.iter().map(load)).await.map(drop)
    }

    pub(super) fn reserve(&self, bucket: &str, process: &str, want: &Want) -> ScriptInvocation<'_> {
        let mut call = self.reserve.prepare_invoke();
        call.key(key(bucket)).key(format!("{}:processes", key(bucket))).key(lanes(bucket));
        call.arg(process).arg(want.slots).arg(want.need).arg(micros(want.longest)).arg(format!("{:.3}", want.debt));
        call.arg(micros(want.late));
        add_limits(&mut call, &want.paces);
        call
    }

    pub(super) fn block(&self, bucket: &str, wait: Duration) -> ScriptInvocation<'_> {
        let mut call = self.block.prepare_invoke();
        call.key(key(bucket)).arg(micros(wait));
        call
    }

    pub(super) fn block_lane(&self, bucket: &str, lane: &str, wait: Duration) -> ScriptInvocation<'_> {
        let mut call = self.block_lane.prepare_invoke();
        call.key(lanes(bucket)).arg(lane).arg(micros(wait));
        call
    }

    pub(super) fn give_back(&self, bucket: &str, spare: &Spare) -> ScriptInvocation<'_> {
        let mut call = self.give_back.prepare_invoke();
        call.key(key(bucket)).arg(&spare.end).arg(spare.slots);
        add_limits(&mut call, &spare.paces);
        call
    }
}

/// The braces are a hash tag: all keys of a bucket live in one slot of a cluster.
fn key(bucket: &str) -> String {
    format!("botsec:{{{bucket}}}:v1")
}

fn lanes(bucket: &str) -> String {
    format!("{}:lanes", key(bucket))
}

/// The limits as [`PREAMBLE`] reads them.
fn add_limits(call: &mut ScriptInvocation<'_>, paces: &[(u64, u64, u64)]) {
    for (spacing, period, credit) in paces {
        call.arg(*spacing).arg(*period).arg(*credit);
    }
}

/// Longest name of a lane that processes tell each other. It is made of what the caller wrote: a longer one is nobody's.
pub(super) const MAX_LANE: usize = 512;
/// Lanes that one answer tells of, those first that are stopped longest; as in [`RESERVE`].
const MAX_LANES: usize = 64;

/// Microseconds, at most those of a year: numbers in scripts are exact below 2^53.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.min(LONGEST).as_micros()).unwrap_or(u64::MAX)
}

/// A bucket that is ahead by more than a year is nobody's.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// The store's answer; `None` when it is not ours.
pub(super) fn read(value: Value) -> Option<Answer> {
    type Told = (u32, u64, u64, u32, String, Vec<(String, u64)>);
    let (slots, wait, spacing, processes, end, blocked) = Told::from_redis_value(value).ok()?;
    let wait = Duration::from_micros(wait).min(LONGEST);
    let places = match (slots, end.as_str()) {
        (0, "later") => Places::Later(wait),
        (0, _) => Places::Blocked(wait),
        _ => Places::Lease { slots, wait, spacing: Duration::from_micros(spacing), processes, end },
    };
    let blocked = blocked.into_iter().filter(|(lane, _)| lane.len() <= MAX_LANE).take(MAX_LANES);
    let blocked = blocked.map(|(lane, left)| (lane, Duration::from_micros(left).min(LONGEST)));
    Some(Answer { places, blocked: blocked.collect() })
}
