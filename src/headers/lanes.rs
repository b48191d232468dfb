//! Which requests share a narrower quota.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Discord: the major parameter, which is the channel, the guild, or the webhook with its token; then method and route.
///
/// Interactions are exempt, and have the token of a webhook.
pub(super) fn discord(method: &str, label: &str, segments: &[&str]) -> Option<String> {
    let start = segments.iter().position(|part| matches!(*part, "channels" | "guilds" | "webhooks" | "interactions"));
    let Some(start) = start else { return Some(format!("- {method} {label}")) };
    let mut parts = segments.iter().skip(start);
    let (kind, id, token) = (parts.next()?, parts.next().copied().unwrap_or(""), parts.next());
    match *kind {
        "interactions" => None,
        "webhooks" => {
            // The token is a secret: its hash tells two of them apart just as well.
            let mut hash = DefaultHasher::new();
            token.hash(&mut hash);
            Some(format!("{id}.{:x} {method} {label}", hash.finish()))
        }
        _ => Some(format!("{id} {method} {label}")),
    }
}

/// Discord: the answer to something that a person clicked or typed.
pub(super) fn is_interaction(segments: &[&str]) -> bool {
    match segments {
        ["api", version, rest @ ..] if version.starts_with('v') => rest.first() == Some(&"interactions"),
        ["api", rest @ ..] | rest => rest.first() == Some(&"interactions"),
    }
}

/// Mastodon: uploads and deletions have limits of their own.
pub(super) fn mastodon(method: &str, segments: &[&str]) -> &'static str {
    match (method, segments) {
        ("POST", ["api", "v1" | "v2", "media"]) => "media",
        ("DELETE", ["api", "v1", "statuses", _]) | ("POST", ["api", "v1", "statuses", _, "unreblog"]) => "deletions",
        _ => "all",
    }
}

/// GitHub: the resource, by path until an answer names it.
pub(super) fn github<'a>(segments: &[&'a str]) -> &'a str {
    // A server of one's own has `/api/v3` before its paths, and `/api/graphql`.
    match segments {
        ["api", "v3", "search", "code", ..] | ["search", "code", ..] => "code_search",
        ["api", "v3", "search", ..] | ["search", ..] => "search",
        ["api", "graphql", ..] | ["graphql", ..] => "graphql",
        _ => "core",
    }
}

/// Telegram: the chat that a message goes to; groups have a limit of their own. Ids of groups are negative.
pub(super) fn telegram(segments: &[&str], field: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let method = segments.last()?.to_ascii_lowercase();
    if !["send", "forward", "copy", "edit"].iter().any(|verb| method.starts_with(verb)) {
        return None;
    }
    let chat = field("chat_id").filter(|chat| !chat.is_empty() && chat.len() <= 64)?;
    let is_group = chat.starts_with('-') || chat.starts_with('@');
    Some(format!("{} {chat}", if is_group { "group" } else { "chat" }))
}
