//! The query of a request: the URL's own part, the parameters, and what proofs add.

use std::time::Instant;

use super::route::Pair;
use crate::error::Error;
use crate::secret::Text;

/// Writes the parts of a query, each behind its mark.
pub(super) fn write_query<'a>(
    target: &mut Vec<u8>,
    own: Option<&str>,
    params: Option<&Text>,
    added: impl Iterator<Item = (&'a str, Text)>,
    now: Instant,
) -> Result<(), Error> {
    let mut mark = b'?';
    let mut write = |key: Option<&str>, value: &[u8]| {
        target.push(std::mem::replace(&mut mark, b'&'));
        if let Some(key) = key {
            target.extend_from_slice(crate::encode::url_query(key).as_bytes());
            target.push(b'=');
        }
        target.extend_from_slice(value);
    };
    if let Some(own) = own {
        write(None, own.as_bytes());
    }
    if let Some(params) = params {
        write(None, &params.reveal_at(now)?);
    }
    for (key, value) in added {
        write(Some(key), &value.reveal_at(now)?);
    }
    Ok(())
}

pub(super) fn query_pairs(query: &str) -> Vec<Pair<'_>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (super::percent_decode(key), Some(super::percent_decode(value)))
        })
        .collect()
}
