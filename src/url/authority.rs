//! Whether an authority is written the one way that every parser reads alike.

use std::net::Ipv6Addr;

use super::{Host, refuse};
use crate::error::Error;

/// The written authority must say what the parsed one says.
pub(super) fn judge(authority: &str, host: &Host) -> Result<(), Error> {
    let (written, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']').ok_or_else(|| refuse("brackets that do not match"))?;
            (inside, after.strip_prefix(':').or(after.is_empty().then_some("443")))
        }
        None => match authority.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (authority, Some("443")),
        },
    };
    if !port.is_some_and(is_port) {
        return Err(refuse("a port that is not a number from 1 to 65535"));
    }
    let same = match host {
        Host::V4(ip) => written == ip.to_string(),
        Host::V6(ip) => written.parse::<Ipv6Addr>().is_ok_and(|written| written == *ip),
        Host::Name(name) => {
            let mut labels = written.strip_suffix('.').unwrap_or(written).split('.');
            name.split('.').all(|label| labels.next().is_some_and(|written| spells(written, label)))
                && labels.next().is_none()
        }
    };
    if same { Ok(()) } else { Err(refuse("a host that is not in canonical form")) }
}

fn is_port(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    digits && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether a written label spells the parsed one: the same letters, or an international label whose every character
/// stays visible in its A-label.
fn spells(written: &str, label: &str) -> bool {
    if written.is_ascii() {
        return written.eq_ignore_ascii_case(label);
    }
    label.starts_with("xn--") && written.chars().all(survives)
}

/// Whether IDNA keeps a character. It maps full-width forms, ligatures and ideographic stops to ASCII and drops
/// invisible characters; a name that needs this is written to be read in two ways.
fn survives(c: char) -> bool {
    is_common(c) || is_kept(c)
}

/// The same, asked of IDNA.
fn is_kept(c: char) -> bool {
    let kept = |text: String| url::Host::parse(&text).ok().is_none_or(|host| host.to_string().starts_with("xn--"));
    // Combining marks mean nothing alone, and invisible ones show only behind a letter that stays alone.
    !matches!(c, '\u{200c}' | '\u{200d}') && kept(c.to_string()) && kept(format!("a{c}"))
}

/// ASCII and the letters of most of the world's text, which IDNA maps to their small letters at most: told without asking it.
fn is_common(c: char) -> bool {
    matches!(c,
        '\0'..='\u{7f}' | '\u{c0}'..='\u{131}' | '\u{391}'..='\u{3a1}' | '\u{3a3}'..='\u{3ce}' | '\u{400}'..='\u{482}'
        | '\u{48a}'..='\u{52f}' | '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{64a}' | '\u{904}'..='\u{939}'
        | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{1f300}'..='\u{1faff}')
}

/// The canonical name: valid labels, no trailing dot.
pub(super) fn name_of(name: &str) -> Result<String, Error> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let label_ok = |label: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
            && edge(label.bytes().next())
            && edge(label.bytes().last())
    };
    // A name whose last label is a number would be an IPv4 address to somebody.
    let numeric = name.rsplit('.').next().is_none_or(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if name.len() > 253 || numeric || !name.split('.').all(label_ok) {
        return Err(refuse("a host name that is not valid"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idna_keeps_what_is_taken_for_common() {
        let lost = ('\u{80}'..=char::MAX).filter(|c| is_common(*c)).find(|c| !is_kept(*c));
        assert_eq!(lost, None);
        assert!(!is_kept('\u{ff41}') && !is_common('\u{ff41}') && !is_kept('\u{ad}') && !is_common('\u{ad}'));
    }
}
