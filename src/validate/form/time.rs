//! Days and moments as RFC 3339 §5.6 writes them.

/// `YYYY-MM-DD`, a day that exists.
pub(super) fn is_date(text: &str) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return false };
    let year = two(*y1, *y2).zip(two(*y3, *y4)).map(|(century, year)| century * 100 + year);
    let (Some(year), Some(month), Some(day)) = (year, two(*m1, *m2), two(*d1, *d2)) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// A day, `T`, a time with any fraction, and an offset. A second 60 stands only where UTC can have one: at 23:59.
pub(super) fn is_date_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else { return false };
    let [b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = rest.as_bytes() else { return false };
    let (Some(hour), Some(minute), Some(second)) = (two(*h1, *h2), two(*m1, *m2), two(*s1, *s2)) else { return false };
    let offset = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            fraction.split_at_checked(digits).filter(|_| (1..=MAX_FRACTION).contains(&digits)).map(|(_, offset)| offset)
        }
        offset => Some(offset),
    };
    let Some(offset) = offset.and_then(minutes) else { return false };
    let utc = (i32::from(hour) * 60 + i32::from(minute) - offset).rem_euclid(24 * 60);
    is_date(date) && hour < 24 && minute < 60 && (second < 60 || second == 60 && utc == 23 * 60 + 59)
}

/// Most digits of a fraction: more name no moment that a clock can tell, and texts need a bound.
const MAX_FRACTION: usize = 32;

/// Minutes east of UTC.
fn minutes(offset: &[u8]) -> Option<i32> {
    match offset {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
            let east = i32::from(hours) * 60 + i32::from(minutes);
            (hours < 24 && minutes < 60).then_some(if *sign == b'+' { east } else { -east })
        }
        _ => None,
    }
}

fn two(tens: u8, ones: u8) -> Option<u16> {
    let digit = |b: u8| b.is_ascii_digit().then(|| u16::from(b - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}
