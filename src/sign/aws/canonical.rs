//! The one spelling of a request that both ends of a Signature Version 4 hash.

use std::borrow::Cow;

use http::HeaderMap;

use crate::error::{Code, Error};

/// How a service wants the path spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathRule {
    /// Whether what is encoded on the wire is encoded once more.
    pub double: bool,
    /// Whether dot segments and repeated slashes are removed first.
    pub normalize: bool,
}

impl PathRule {
    /// The rule of S3, which takes every path as it is, or the one of all other services.
    pub fn of(service: &str) -> Self {
        let is_s3 = service == "s3" || service.starts_with("s3-") || service.starts_with("s3express");
        Self { double: !is_s3, normalize: !is_s3 }
    }
}

/// The canonical request, and the names of the fields that it signs.
///
/// `target` is path and query as sent. `added` are the fields that the signer sends besides `headers`, in lower case.
///
/// # Errors
/// `InputError` for a field that is not ASCII.
pub fn request(
    method: &str,
    target: &str,
    headers: &HeaderMap,
    added: &[(&str, &str)],
    body_sha256: &str,
    rule: PathRule,
) -> Result<(String, String), Error> {
    let (target_path, query) = target.split_once('?').unwrap_or((target, ""));
    let fields = fields(headers, added)?;
    let names = fields.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(";");
    let mut out = format!("{method}\n{}\n{}\n", path(target_path, rule), self::query(query));
    for (name, value) in &fields {
        out.push_str(name);
        out.push(':');
        out.push_str(value);
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&names);
    out.push('\n');
    out.push_str(body_sha256);
    Ok((out, names))
}

/// The path, by the rule of its service.
pub fn path(path: &str, rule: PathRule) -> String {
    let path = if rule.normalize { normalize(path) } else { Cow::Borrowed(path) };
    let mut out = String::with_capacity(path.len() + 16);
    if !path.starts_with('/') {
        out.push('/');
    }
    let again = |byte| rule.double && byte == b'%';
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'/' => out.push('/'),
            b'%' if !again(byte) => match escaped(rest) {
                Some((byte, after)) => {
                    rest = after;
                    encode(&mut out, byte);
                }
                None => encode(&mut out, byte),
            },
            _ => encode(&mut out, byte),
        }
    }
    out
}

/// The query: keys and values in one spelling, in the order of their bytes.
pub fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (spell(key), spell(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

/// Every field but those that proxies change or drop, in the order of their names.
fn fields<'a>(headers: &'a HeaderMap, added: &[(&'a str, &'a str)]) -> Result<Vec<(&'a str, String)>, Error> {
    let mut fields = Vec::with_capacity(headers.keys_len() + added.len());
    for name in headers.keys().map(http::HeaderName::as_str) {
        if is_unsigned(name) || added.iter().any(|(own, _)| *own == name) {
            continue;
        }
        let values = headers.get_all(name).iter().map(|value| value.to_str().map(collapse));
        let values = values.collect::<Result<Vec<_>, _>>();
        let values = values.map_err(|_| Error::new(Code::InputHeader).with("reason", "a header is not ASCII"))?;
        fields.push((name, values.join(",")));
    }
    fields.extend(added.iter().map(|(name, value)| (*name, collapse(value))));
    fields.sort();
    Ok(fields)
}

/// Fields that do not reach the service as they were sent: those of a connection, and those that CDNs and proxies rewrite.
fn is_unsigned(name: &str) -> bool {
    const NAMES: [&str; 17] = [
        "accept",
        "accept-encoding",
        "authorization",
        "cache-control",
        "connection",
        "expect",
        "from",
        "keep-alive",
        "max-forwards",
        "pragma",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    ];
    NAMES.contains(&name)
}

/// A value without spaces around it and with single ones inside.
fn collapse(value: &str) -> String {
    value.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Removes dot segments and repeated slashes (RFC 3986 §5.2.4); a slash at the end stays.
fn normalize(path: &str) -> Cow<'_, str> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    if !inner.split('/').any(|segment| matches!(segment, "." | ".." | "")) {
        return path.into();
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let open = path.ends_with(['/', '.']) && matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    let end = if open && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/")).into()
}

/// Decodes what is encoded and encodes it again, in AWS's way.
fn spell(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    percent_encoding::percent_decode_str(text).for_each(|byte| encode(&mut out, byte));
    out
}

/// The byte of a percent escape whose `%` was read, and what follows.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = text.split_first_chunk()?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    Some((byte, rest))
}

fn encode(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0'));
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        out.push(char::from(byte));
    } else {
        out.extend(['%', digit(byte >> 4), digit(byte)]);
    }
}
