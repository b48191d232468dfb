//! Numbers in their one spelling.

/// Canonical decimal: no plus, no leading zero, no minus zero, ASCII digits only, within 64 bits.
pub fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = !digits.is_empty()
        && digits.len() <= 19
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (!digits.starts_with('0') || text == "0");
    if canonical { text.parse().ok() } else { None }
}

/// What a message says of whole numbers between bounds.
pub fn whole(low: i64, high: i64) -> String {
    match (low, high) {
        (i64::MIN, i64::MAX) => "a whole number".to_owned(),
        (low, i64::MAX) => format!("a whole number of at least {low}"),
        (i64::MIN, high) => format!("a whole number of at most {high}"),
        (low, high) => format!("a whole number from {low} to {high}"),
    }
}

/// What a message says of numbers between bounds.
pub fn real(low: f64, high: f64) -> String {
    match (low, high) {
        (f64::MIN, f64::MAX) => "a finite number".to_owned(),
        (low, f64::MAX) => format!("a number of at least {low}"),
        (f64::MIN, high) => format!("a number of at most {high}"),
        (low, high) => format!("a number from {low} to {high}"),
    }
}
