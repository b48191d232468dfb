//! Python values as the core's forms see them. Types are exact: `True` is no number, `"1"` is none either.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use super::record::Record;
use crate::validate::form::{Form, TelegramChatId, one_of, snowflake};
use crate::validate::number::{integer, real, whole};

/// What a validator judges.
pub(super) enum Judge {
    /// Whole numbers within bounds; as canonical text too.
    Int { low: i64, high: i64, text: bool },
    /// Finite numbers within bounds.
    Float { low: f64, high: f64 },
    /// Text of a form.
    Form(Form),
    /// Discord's ids, as text or number.
    Snowflake,
    /// Telegram's chats, as text or number.
    TelegramChatId(TelegramChatId),
    /// One of these texts or numbers.
    OneOf(Form, Vec<i64>),
    /// Named fields.
    Record(Record),
}

/// Discord's ids carry their time above 22 bits, and it is never 0.
const FIRST_SNOWFLAKE: u64 = 1 << 22;

impl Judge {
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Int { low, high, .. } => whole(*low, *high),
            Self::Float { low, high } => real(*low, *high),
            Self::Form(form) => form.expected(),
            Self::Snowflake => "a numeric id".to_owned(),
            Self::TelegramChatId(_) => "a Telegram chat id".to_owned(),
            Self::OneOf(Form::OneOf(names), numbers) => {
                let names = names.iter().map(|name| format!("`{name}`"));
                one_of(names.chain(numbers.iter().map(i64::to_string)))
            }
            Self::OneOf(form, _) => form.expected(),
            Self::Record(record) => record.expected(),
        }
    }

    /// Whether the value fits. What most fields of a record are is judged on the spot.
    #[inline]
    pub(super) fn fits(&self, value: &Bound<'_, PyAny>) -> bool {
        match self {
            Self::Int { low, high, .. } if value.is_exact_instance_of::<PyInt>() => {
                value.extract::<i64>().is_ok_and(|n| (*low..=*high).contains(&n))
            }
            Self::Form(Form::Str(length)) if value.is_exact_instance_of::<PyString>() => {
                text(value).is_some_and(|text| length.fits(text))
            }
            _ => self.fits_otherwise(value),
        }
    }

    #[inline(never)]
    fn fits_otherwise(&self, value: &Bound<'_, PyAny>) -> bool {
        match self {
            Self::Int { low, high, text } => {
                number(value).or_else(|| digits(value, *text)).is_some_and(|n| (*low..=*high).contains(&n))
            }
            Self::Float { low, high } => float(value).is_some_and(|n| (*low..=*high).contains(&n)),
            Self::Form(form) => text(value).is_some_and(|text| form.fits(text)),
            Self::Snowflake => match text(value) {
                Some(text) => snowflake(text, FIRST_SNOWFLAKE),
                None => unsigned(value).is_some_and(|number| number >= FIRST_SNOWFLAKE),
            },
            Self::TelegramChatId(chat) => match text(value) {
                Some(text) => chat.fits(text),
                None => number(value).is_some_and(TelegramChatId::holds),
            },
            Self::OneOf(form, numbers) => match text(value) {
                Some(text) => form.fits(text),
                None => number(value).is_some_and(|number| numbers.contains(&number)),
            },
            Self::Record(record) => record.fits(value),
        }
    }

    /// The value in its plain type, or nothing when it does not fit.
    pub(super) fn read<'py>(&self, value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        match self {
            Self::Int { low, high, text } => {
                let number = number(value).or_else(|| digits(value, *text)).filter(|n| (*low..=*high).contains(n))?;
                Some(if value.is_exact_instance_of::<PyInt>() { value.clone() } else { whole_number(value, number) })
            }
            Self::Float { low, high } => {
                let number = float(value).filter(|n| (*low..=*high).contains(n))?;
                let plain = value.is_exact_instance_of::<PyFloat>();
                Some(if plain { value.clone() } else { PyFloat::new(value.py(), number).into_any() })
            }
            Self::Form(form) => {
                let given = text(value)?;
                match form.read(given)? {
                    Cow::Borrowed(_) => Some(plain_text(value, given)),
                    Cow::Owned(text) => Some(PyString::new(value.py(), &text).into_any()),
                }
            }
            Self::Record(record) => record.read(value),
            _ if !self.fits(value) => None,
            _ => Some(plain(value)),
        }
    }
}

/// An `int` within 64 bits. A `bool` is none.
fn number(value: &Bound<'_, PyAny>) -> Option<i64> {
    is_whole(value).then(|| value.extract::<i64>().ok()).flatten()
}

fn unsigned(value: &Bound<'_, PyAny>) -> Option<u64> {
    is_whole(value).then(|| value.extract::<u64>().ok()).flatten()
}

fn is_whole(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyInt>() || value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>()
}

fn digits(value: &Bound<'_, PyAny>, wanted: bool) -> Option<i64> {
    if wanted { text(value).and_then(integer) } else { None }
}

/// A finite `float`, or an `int` that a float holds without loss.
fn float(value: &Bound<'_, PyAny>) -> Option<f64> {
    if let Ok(number) = value.cast::<PyFloat>() {
        return Some(number.value()).filter(|number| number.is_finite());
    }
    let whole = number(value)?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the next line asks whether it was lossless"
    )]
    let (float, back) = { (whole as f64, whole as f64 as i128) };
    (back == i128::from(whole)).then_some(float)
}

/// A `str` as text; none for lone surrogates, which no place can carry.
#[inline]
fn text<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    // The exact type is one comparison, which spares most values the question for their type's flags.
    let text = value.cast_exact::<PyString>().or_else(|_| value.cast::<PyString>());
    text.ok()?.to_str().ok()
}

/// The value itself, or a plain copy of an instance of some subclass, whose methods could say something else later.
fn plain<'py>(value: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    if let Some(given) = text(value) {
        return plain_text(value, given);
    }
    match (value.is_exact_instance_of::<PyInt>(), value.extract::<i128>()) {
        (false, Ok(number)) => number.into_pyobject(value.py()).map_or_else(|_| value.clone(), Bound::into_any),
        _ => value.clone(),
    }
}

fn plain_text<'py>(value: &Bound<'py, PyAny>, text: &str) -> Bound<'py, PyAny> {
    if value.is_exact_instance_of::<PyString>() { value.clone() } else { PyString::new(value.py(), text).into_any() }
}

fn whole_number<'py>(value: &Bound<'py, PyAny>, number: i64) -> Bound<'py, PyAny> {
    PyInt::new(value.py(), number).into_any()
}
