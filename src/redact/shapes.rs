//! What looks like a secret although nobody registered it: tokens by their shape, values by the name beside them.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// Tokens that vendors give out. No word boundary at an end that may be `-`, and none before Telegram's, which stands
/// right after `bot`. Sources: the vendors' documentation of their formats.
const TOKENS: &[&str] = &[
    // Telegram
    r"[0-9]{8,10}(?::|%3[Aa])[A-Za-z0-9_-]{35}",
    // Discord
    r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",
    r"/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,72}",
    // Slack
    r"\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}",
    r"\bxapp-[A-Za-z0-9-]{10,}",
    r"/(?:services|workflows|triggers)/[TE][A-Z0-9]{6,}/[A-Za-z0-9]{6,}/[A-Za-z0-9]{16,}",
    // GitHub, GitLab, npm, PyPI
    r"\bgh[pousr]_[A-Za-z0-9]{36,}",
    r"\bgithub_pat_[A-Za-z0-9_]{22,}",
    r"\bgl[a-z]{2,5}-[A-Za-z0-9_.-]{20,}",
    r"\bnpm_[A-Za-z0-9]{36}",
    r"\bpypi-AgEI[A-Za-z0-9_-]{40,}",
    // OpenAI, Anthropic, Groq, Hugging Face
    r"\bsk-[A-Za-z0-9_-]{20,}",
    r"\bgsk_[A-Za-z0-9]{40,}",
    r"\bhf_[A-Za-z]{34}",
    // Stripe, SendGrid, Twilio
    r"\b[srp]k_(?:live|test|prod)_[A-Za-z0-9]{10,}",
    r"\bwhsec_[A-Za-z0-9+/=]{16,}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"\bSK[0-9a-f]{32}\b",
    // AWS, Google, Vault
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\bya29\.[A-Za-z0-9_-]{20,}",
    r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}",
    // JSON Web Tokens, private keys
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
];

/// Values after a scheme, after a name that ends like a credential's, or before a URL's `@`. The group is the value.
const VALUES: &[&str] = &[
    r"(?i:\b(?:bearer|basic|bot|token|apikey|key))[ \t]{1,4}([A-Za-z0-9+/._~:=-]{12,})",
    concat!(
        r"(?i:key|token|secret|passwd|password|pwd|signature|credentials?|authorization|cookie|session|sig)",
        r#"\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?([A-Za-z0-9+/._~:%$!*-]{8,}={0,2})"#
    ),
    r"\b[A-Za-z][A-Za-z0-9+.-]{0,15}://([A-Za-z0-9._~%!$&'()*+,;=:-]{1,256})@",
];

/// Shortest value that counts as one without a digit in it.
const NO_WORD: usize = 24;

fn compiled(cell: &'static OnceLock<Option<Regex>>, patterns: &[&str]) -> Option<&'static Regex> {
    // ASCII only: what is looked for is, and the tables of Unicode are not compiled in.
    cell.get_or_init(|| RegexBuilder::new(&patterns.join("|")).unicode(false).build().ok()).as_ref()
}

fn tokens() -> Option<&'static Regex> {
    static CELL: OnceLock<Option<Regex>> = OnceLock::new();
    compiled(&CELL, TOKENS)
}

fn values() -> Option<&'static Regex> {
    static CELL: OnceLock<Option<Regex>> = OnceLock::new();
    compiled(&CELL, VALUES)
}

/// Where in `text` something stands that looks like a secret.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<_> =
        tokens().into_iter().flat_map(|regex| regex.find_iter(text)).map(|hit| hit.range()).collect();
    let values = values().into_iter().flat_map(|regex| regex.captures_iter(text));
    found.extend(values.filter_map(|hit| {
        let userinfo = hit.get(VALUES.len());
        let value = hit.iter().skip(1).flatten().next()?;
        let digit = value.as_str().bytes().any(|b| b.is_ascii_digit());
        (digit || value.len() >= NO_WORD && !reads_as_words(value.as_str()) || userinfo.is_some())
            .then(|| value.range())
    }));
    found
}

/// Whether a text that should be a name or a path holds a token: a key pasted into the wrong place.
pub fn looks_like_token(text: &str) -> bool {
    tokens().is_none_or(|regex| regex.is_match(text))
}

/// Whether the text is words and short numbers, such as `gemini-1.5-flash:generateContent`, and not what dice gave.
pub(super) fn reads_as_words(text: &str) -> bool {
    text.split(['-', '_', '.', ':', '~', '@']).all(|run| {
        let word = run.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = run.len() - word.len();
        let upper = word.bytes().filter(u8::is_ascii_uppercase).count();
        let letters = word.bytes().all(|b| b.is_ascii_alphabetic());
        // One capital in three letters at most, or capitals only: in random text half are capital.
        letters && word.len() < 24 && number <= 4 && (upper * 3 <= word.len() + 2 || upper == word.len() && upper <= 12)
    })
}

/// Whether a header's value is left out of reprs.
pub fn is_sensitive_header(name: &str) -> bool {
    const WORDS: [&str; 13] = [
        "auth",
        "cookie",
        "token",
        "secret",
        "key",
        "passw",
        "pwd",
        "credential",
        "signature",
        "session",
        "jwt",
        "otp",
        "assertion",
    ];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}
