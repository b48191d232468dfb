//! The scripts that run inside Redis or Valkey: by the server's clock, atomically, with one hash tag per bucket.
//!
//! A bucket is a hash: `b` is the time until which nothing leaves, every other field the time at which a limit's next request
//! is due (GCRA), by the limit's period; all in microseconds, which stay below 2^53. A sorted set beside it holds the processes
//! that asked within the last minute.

use std::time::Duration;

use redis::{FromRedisValue as _, Script, ScriptInvocation, Value};

use crate::throttle::{Answer, Spare, Want};

/// `KEYS` bucket, processes; `ARGV` process, places, debt, then spacing and period of each limit.
///
/// Places are handed out in the order of the questions, one behind the other: who asks gets the next ones that are free, however
/// far ahead, so that no process starves and all of them do not wake at once.
const RESERVE: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 60000000)
redis.call('PEXPIRE', KEYS[2], 120000)
local seen = redis.call('ZCARD', KEYS[2])
local blocked = tonumber(redis.call('HGET', KEYS[1], 'b') or '0')
if blocked > now then return {0, blocked - now, 0, seen, ''} end
local want, debt = tonumber(ARGV[2]), tonumber(ARGV[3])
local first, widest = now, 0
for i = 4, #ARGV, 2 do
  local spacing, period = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local due = tonumber(redis.call('HGET', KEYS[1], ARGV[i + 1]) or '0')
  due = math.min(math.max(due, now), now + period * (seen + 2)) + math.min(debt * spacing, period)
  first = math.max(first, due)
  widest = math.max(widest, spacing)
end
local farthest, last = now, ''
for i = 4, #ARGV, 2 do
  local due = first + (want - 1) * widest + tonumber(ARGV[i])
  farthest = math.max(farthest, due)
  last = string.format('%.0f', due)
  redis.call('HSET', KEYS[1], ARGV[i + 1], last)
end
redis.call('PEXPIRE', KEYS[1], math.ceil((farthest - now) / 1000) + 1000)
return {want, first - now, widest, seen, last}
";

/// `ARGV` microseconds. A shorter block never shortens a longer one.
const BLOCK: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local until_then = now + tonumber(ARGV[1])
if until_then > tonumber(redis.call('HGET', KEYS[1], 'b') or '0') then
  redis.call('HSET', KEYS[1], 'b', string.format('%.0f', until_then))
  local left = math.ceil(tonumber(ARGV[1]) / 1000) + 1000
  if redis.call('PTTL', KEYS[1]) < left then redis.call('PEXPIRE', KEYS[1], left) end
end
return 1
";

/// `ARGV` end of the lease, places, microseconds between two, then spacing and period of each limit. Only the last lease can be
/// taken back: others stand behind any older one.
const GIVE_BACK: &str = r"
if redis.call('HGET', KEYS[1], ARGV[#ARGV]) ~= ARGV[1] then return 0 end
for i = 4, #ARGV, 2 do
  local due = tonumber(redis.call('HGET', KEYS[1], ARGV[i + 1]) or '0') - tonumber(ARGV[2]) * tonumber(ARGV[3])
  redis.call('HSET', KEYS[1], ARGV[i + 1], string.format('%.0f', due))
end
return 1
";

/// The scripts, hashed once.
pub(super) struct Scripts {
    reserve: Script,
    block: Script,
    give_back: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self { reserve: Script::new(RESERVE), block: Script::new(BLOCK), give_back: Script::new(GIVE_BACK) }
    }

    pub(super) fn reserve(&self, bucket: &str, process: &str, want: &Want) -> ScriptInvocation<'_> {
        let mut call = self.reserve.prepare_invoke();
        call.key(key(bucket)).key(format!("{}:processes", key(bucket)));
        call.arg(process).arg(want.slots).arg(want.debt);
        paces(&mut call, &want.paces);
        call
    }

    pub(super) fn block(&self, bucket: &str, wait: Duration) -> ScriptInvocation<'_> {
        let mut call = self.block.prepare_invoke();
        call.key(key(bucket)).arg(micros(wait));
        call
    }

    pub(super) fn give_back(&self, bucket: &str, spare: &Spare) -> ScriptInvocation<'_> {
        let mut call = self.give_back.prepare_invoke();
        call.key(key(bucket)).arg(&spare.end).arg(spare.slots).arg(spare.spacing_us);
        paces(&mut call, &spare.paces);
        call
    }
}

/// The braces are a hash tag: both keys of a bucket live in one slot of a cluster.
fn key(bucket: &str) -> String {
    format!("botsec:{{{bucket}}}:v1")
}

fn paces(call: &mut ScriptInvocation<'_>, paces: &[(u64, u64)]) {
    for (spacing, period) in paces {
        call.arg(*spacing).arg(*period);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The store's answer; `None` when it is not ours.
pub(super) fn read(value: Value) -> Option<Answer> {
    let (slots, wait, spacing, processes, end) = <(u32, u64, u64, u32, String)>::from_redis_value(value).ok()?;
    // A bucket that is ahead by more than a year is nobody's.
    let wait = Duration::from_micros(wait).min(Duration::from_secs(366 * 86_400));
    if slots == 0 {
        return Some(Answer::Blocked(wait));
    }
    Some(Answer::Lease { slots, wait, spacing: Duration::from_micros(spacing), processes, end })
}
