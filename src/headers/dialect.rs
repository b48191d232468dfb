//! How each API tells its quota: a profile per vendor, bound to its hosts, and a reader for all others.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::told::{Reach, Told};
use super::{body, lanes, vendor};

/// How an API tells its quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// By the fields and bodies that many APIs share.
    #[default]
    Generic,
    /// Refusals with status 400, waits in milliseconds.
    Aws,
    /// Claude's API: a quota each for requests and tokens, resets as dates.
    Anthropic,
    /// The old IETF names, resets in seconds.
    Buildkite,
    /// Buckets that are learned from answers, one per route and major parameter.
    Discord,
    /// Quotas by resource; 403 for a quota that is used up.
    GitHub,
    /// Resets as JavaScript prints a date.
    Lemlist,
    /// Limits by kind of request, resets as dates.
    Mastodon,
    /// Limits by kind of request; the wait stands in the body, in milliseconds.
    Matrix,
    /// A 429 for those who are refused, a 529 for all when the service is short.
    Notion,
    /// A quota each for requests and tokens, resets as durations. Azure's variant too.
    OpenAi,
    /// Resets in seconds, and a sentence in the body.
    Reddit,
    /// A leaky bucket, told as `used/limit` or as GraphQL cost.
    Shopify,
    /// Limits by method.
    Slack,
    /// Its own word on repeats.
    Stripe,
    /// Limits by chat; the wait stands in the body.
    Telegram,
    /// The old IETF names with dates as resets.
    Twitch,
    /// Limits by route, dates as resets.
    X,
}

/// Name, hosts and dialect. A host that begins with a dot stands for its subdomains.
const PROFILES: &[(&str, &[&str], Dialect)] = &[
    ("generic", &[], Dialect::Generic),
    ("anthropic", &["api.anthropic.com"], Dialect::Anthropic),
    ("aws", &[".amazonaws.com", ".amazonaws.com.cn", ".api.aws"], Dialect::Aws),
    ("buildkite", &["api.buildkite.com", "graphql.buildkite.com"], Dialect::Buildkite),
    ("discord", &["discord.com", ".discord.com", "discordapp.com"], Dialect::Discord),
    ("github", &["api.github.com", "uploads.github.com", ".ghe.com"], Dialect::GitHub),
    ("lemlist", &["api.lemlist.com"], Dialect::Lemlist),
    ("mastodon", &["mastodon.social", "mastodon.online"], Dialect::Mastodon),
    ("matrix", &["matrix.org", "matrix-client.matrix.org"], Dialect::Matrix),
    ("notion", &["api.notion.com"], Dialect::Notion),
    ("openai", &["api.openai.com", ".openai.azure.com", ".cognitiveservices.azure.com"], Dialect::OpenAi),
    ("reddit", &["oauth.reddit.com", "www.reddit.com"], Dialect::Reddit),
    ("shopify", &[".myshopify.com"], Dialect::Shopify),
    ("slack", &["slack.com", ".slack.com"], Dialect::Slack),
    ("stripe", &["api.stripe.com", "files.stripe.com"], Dialect::Stripe),
    ("telegram", &["api.telegram.org"], Dialect::Telegram),
    ("twitch", &["api.twitch.tv"], Dialect::Twitch),
    ("x", &["api.x.com", "api.twitter.com"], Dialect::X),
];

/// What GitHub asks for where a secondary limit names no time.
const SECONDARY: Duration = Duration::from_secs(60);

impl Dialect {
    /// The dialect of a host, in canonical form.
    pub fn of(host: &str) -> Self {
        let is = |known: &str| match known.strip_prefix('.') {
            Some(_) => host.len() > known.len() && host.ends_with(known),
            None => host == known,
        };
        PROFILES.iter().find(|(_, hosts, _)| hosts.iter().any(|known| is(known))).map_or(Self::Generic, |found| found.2)
    }

    /// The dialect of this name.
    pub fn named(name: &str) -> Option<Self> {
        PROFILES.iter().find(|found| found.0 == name).map(|found| found.2)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PROFILES.iter().map(|found| found.0)
    }

    /// What an answer's head says. Malformed fields are ignored; nothing is believed of quotas from a cache.
    ///
    /// [`Dialect::conclude`] completes it, with the body where there is one.
    pub fn read(self, status: u16, headers: &HeaderMap, now: SystemTime) -> Told {
        // Most answers say nothing, at the cost of a look at each name.
        if !matches!(status, 403 | 429 | 529) && !headers.keys().any(|name| vendor::is_spoken(name.as_str())) {
            return Told::default();
        }
        let mut told = Told {
            quotas: vendor::quotas(self, headers, now),
            retry_after: vendor::retry_after(headers, now),
            refused: status == 429,
            retry: vendor::verdict(self, headers),
            crowded: vendor::is_crowded(headers),
            ..Told::default()
        };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        match self {
            Self::Aws => {
                told.refused |= status == 400 && text("x-amzn-errortype").is_some_and(vendor::is_throttling);
            }
            Self::Discord => {
                told.bucket = text("x-ratelimit-bucket").filter(|name| name.len() <= 128).map(str::to_owned);
                told.of_others = text("x-ratelimit-scope") == Some("shared");
                // Without a bucket it is the limit of the whole bot, or of the address at the network's edge.
                let edge = told.refused && told.bucket.is_none() && !told.of_others;
                if text("x-ratelimit-global").is_some() || text("x-ratelimit-scope") == Some("global") || edge {
                    told.reach = Reach::Whole;
                }
            }
            Self::GitHub => {
                let resource = text("x-ratelimit-resource").filter(|name| !name.is_empty() && name.len() <= 64);
                told.bucket = resource.map(str::to_owned);
                let spent = told.quotas.iter().any(|quota| quota.remaining == 0);
                told.refused |= status == 403 && (spent || told.retry_after.is_some());
                if told.refused && !spent {
                    told.reach = Reach::Whole;
                }
            }
            Self::Anthropic | Self::Notion => told.refused |= status == 529,
            _ => {}
        }
        told
    }

    /// Adds what the body says, where the API speaks there, and what follows from both.
    pub fn conclude(self, told: &mut Told, status: u16, body: Option<&[u8]>) {
        if let Some(body) = body {
            body::read(self, told, status, body);
        }
        if !told.refused || told.retry_after.is_some() {
            return;
        }
        let spent = told.quotas.iter().filter(|quota| quota.remaining == 0).filter_map(|quota| quota.reset).max();
        told.retry_after = match self {
            // The reset is in whole seconds, rounded down.
            Self::GitHub if spent.is_some() => spent.map(|reset| reset + Duration::from_secs(1)),
            Self::GitHub => {
                told.guessed = true;
                Some(SECONDARY)
            }
            _ => spent,
        };
    }

    /// Whether some requests count against narrower buckets too.
    pub fn has_lanes(self) -> bool {
        use Dialect::{Discord, GitHub, Mastodon, Matrix, Slack, Telegram, X};
        matches!(self, Discord | GitHub | Mastodon | Matrix | Slack | Telegram | X)
    }

    /// Whether an answer's quota is that of its lane.
    pub fn lanes_tell(self) -> bool {
        matches!(self, Self::Discord | Self::GitHub | Self::Mastodon | Self::X)
    }

    /// Whether nothing is known of a lane before its first answer, so that the first request goes alone.
    pub fn is_learned(self) -> bool {
        self == Self::Discord
    }

    /// The narrower bucket of a request: its template's `label`, the `segments` of its path, and a way to its top-level
    /// parameters. The name holds no secret.
    pub fn lane(
        self,
        method: &str,
        label: &str,
        segments: &[&str],
        field: &dyn Fn(&str) -> Option<String>,
    ) -> Option<String> {
        match self {
            Self::Discord => lanes::discord(method, label, segments),
            Self::GitHub => Some(lanes::github(segments).to_owned()),
            Self::Slack => segments.last().map(|method| (*method).to_owned()),
            Self::Telegram => lanes::telegram(segments, field),
            Self::Mastodon => Some(lanes::mastodon(method, segments).to_owned()),
            Self::Matrix | Self::X => Some(format!("{method} {label}")),
            _ => None,
        }
    }

    /// The bucket of a lane whose answer names one: Discord's names stand for a route, and each major parameter has its own.
    pub fn bucket(self, lane: &str, named: &str) -> String {
        match self {
            Self::Discord => format!("{} {named}", lane.split(' ').next().unwrap_or("-")),
            _ => named.to_owned(),
        }
    }

    /// Whether no limit for all requests holds for this one: Discord leaves out the answers to what people click.
    pub fn exempts(self, segments: &[&str]) -> bool {
        self == Self::Discord && lanes::is_interaction(segments)
    }

    /// Whether the API bans whoever sends too many requests that it answers so.
    pub fn counts_as_invalid(self, status: u16, told: &Told) -> bool {
        self == Self::Discord && matches!(status, 401 | 403 | 429) && !told.of_others
    }

    /// Whether [`Dialect::exempts`] may say yes.
    pub fn has_exempt(self) -> bool {
        self == Self::Discord
    }

    /// Whether the API bans whoever sends too many that it refuses.
    pub fn bans(self) -> bool {
        self == Self::Discord
    }

    /// Whether some refusals name no time, so that it is ours to guess.
    pub fn guesses(self) -> bool {
        self == Self::GitHub
    }

    /// Whether refusals of two lanes at once mean that the limit is that of all: no answer tells whose it is.
    pub fn hides_reach(self) -> bool {
        self == Self::Telegram
    }

    /// Limits that the vendor documents and no answer tells: for all requests, or for lanes whose name begins so.
    pub fn documented(self) -> &'static [(Option<&'static str>, &'static str)] {
        match self {
            Self::Discord => &[(None, "50/s")],
            Self::Telegram => &[(None, "30/s"), (Some("chat "), "1/s"), (Some("group "), "20/m")],
            _ => &[],
        }
    }
}

#[cfg(test)]
#[path = "dialect_tests.rs"]
mod tests;
