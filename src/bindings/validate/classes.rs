//! The constructors, one class each.

use std::net::IpAddr;

use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};

use super::Validator;
use super::judge::Judge;
use super::record::{Field, Record as Fields};
use crate::bindings::convert::type_name;
use crate::bindings::error::{wrong_type, wrong_value};
use crate::policy;
use crate::validate::form::{self, Form, Length, Newlines, Unit};

/// A class without options.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident = $judge:expr;)*) => {
        $($(#[$doc])*
        #[pyclass(frozen, extends = Validator, module = "botsec.validate")]
        pub(super) struct $name;

        #[pymethods]
        impl $name {
            #[new]
            fn new() -> PyClassInitializer<Self> {
                made(Self, $judge, concat!(stringify!($name), "()").to_owned())
            }
        })*
    };
}

plain! {
    /// Words of `a-z` and `0-9` with single hyphens between them; at most 128 characters.
    Slug = Judge::Form(Form::Slug(form::Slug::Words));
    /// A UUID as text in its canonical form, letters in either case (RFC 9562 §4).
    Uuid = Judge::Form(Form::Uuid);
    /// A Discord id: digits or an `int` within 64 bits whose time stamp is not 0. What comes back is what was given.
    Snowflake = Judge::Snowflake;
    /// A telephone number: `+` and 7 to 15 digits (ITU-T E.164). Whether it exists is not asked.
    E164 = Judge::Form(Form::E164);
    /// A day that exists, `YYYY-MM-DD` (RFC 3339 `full-date`). The text comes back.
    Date = Judge::Form(Form::Date);
    /// A moment with its offset (RFC 3339 `date-time`); a leap second only where UTC can have one. The text comes back.
    DateTime = Judge::Form(Form::DateTime);
    /// A header name that a caller may set: an RFC 9110 token that neither frames the message nor carries a credential.
    HeaderName = Judge::Form(Form::HeaderName);
    /// A header value: visible ASCII, spaces and tabs inside, at most 8 KiB; nothing that ends its line (RFC 9110 §5.5).
    HeaderValue = Judge::Form(Form::HeaderValue);
    /// A key of 1 to 255 visible ASCII characters without quotes, backslash, comma and semicolon.
    IdempotencyKey = Judge::Form(Form::IdempotencyKey);
}

/// Declares classes whose constructors stand below.
macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])*
        #[pyclass(frozen, extends = Validator, module = "botsec.validate")]
        pub(super) struct $name;)*
    };
}

classes! {
    /// An `int` from `lo` to `hi`, both included, within 64 bits. No `bool`, no `float`, no text.
    ///
    /// With `text=True` canonical decimal text is taken as well, as command arguments bring it: `"42"`, `"-7"`, not `"+1"`,
    /// `"007"`, `" 1"` or `"１"`. What comes back is an `int`.
    Int;
    /// A finite `float` from `lo` to `hi`, both included; an `int` that a `float` holds without loss becomes one.
    Float;
    /// A `str` of `min` to `max` units: `"chars"`, `"utf8"` bytes or `"utf16"` code units. No lone surrogates.
    Str;
    /// A `str` that shows what it holds: no controls, direction marks, invisible characters, noncharacters; in NFC.
    ///
    /// `newlines` is `"refuse"`, `"keep"` (LF) or `"normalize"` (CR LF and CR become LF). `tabs` takes tabs, `allow_zwj` takes
    /// joiners and variation selectors behind a visible character (emoji, Indic scripts), `normalize` rewrites to NFC what is not.
    /// With `min` above 0 the text must not look empty.
    Text;
    /// A `str` that a regular expression matches as a whole, in linear time (Rust's `regex` crate).
    ///
    /// `\\d`, `\\w`, `\\s` and `\\b` mean ASCII. `max` bounds the characters, `expected` is what messages say is expected.
    Pattern;
    /// One of these `str` or `int` values; `True` is not `1`.
    OneOf;
    /// A chat of Telegram: a number of at most 52 bits that is not 0, as `int` or text; with `usernames=True` also `@name`.
    TelegramChatId;
    /// A Slack id; `kinds` holds the first letters that are taken, such as `"CG"` for channels.
    SlackId;
    /// A mail address: an ASCII dot-atom, `@` and a host name, at most 254 characters. No quoted part, no address literal.
    ///
    /// `require_tld=False` takes a domain without a dot. With `idna` a domain in its own script is taken and becomes A-labels.
    /// No look-up is made.
    Email;
    /// An https URL that needs no repair: RFC 3986 characters, no credentials, a canonical host. Where it leads is not judged.
    HttpsUrl;
    /// A host name: labels of letters, digits and inner hyphens (RFC 1123), A-labels that IDNA 2008 permits, no trailing dot.
    ///
    /// With `require_tld` a dot is needed. With `idna` a name in its own script is taken and becomes A-labels.
    Hostname;
    /// An IP address as text. `version` is 4 or 6; `is_global=True` takes addresses that are routed everywhere, `False` all others.
    IpAddress;
    /// A `dict` with these fields, each with its validator; a new `dict` comes back. All refusals are collected.
    ///
    /// `optional` holds the fields that may be missing; `unknown="drop"` leaves other keys out instead of refusing them.
    Record;
}

#[pymethods]
impl Int {
    #[new]
    #[pyo3(signature = (lo=None, hi=None, *, text=false))]
    fn new(
        lo: Option<&Bound<'_, PyAny>>,
        hi: Option<&Bound<'_, PyAny>>,
        text: bool,
    ) -> PyResult<PyClassInitializer<Self>> {
        let (low, high) = (whole(lo, "lo")?.unwrap_or(i64::MIN), whole(hi, "hi")?.unwrap_or(i64::MAX));
        ordered(low <= high, "lo", "hi")?;
        let shown = format!("Int({}, {}{})", shown(lo), shown(hi), flag("text", text));
        Ok(made(Self, Judge::Int { low, high, text }, shown))
    }
}

#[pymethods]
impl Float {
    #[new]
    #[pyo3(signature = (lo=None, hi=None))]
    fn new(lo: Option<&Bound<'_, PyAny>>, hi: Option<&Bound<'_, PyAny>>) -> PyResult<PyClassInitializer<Self>> {
        let (low, high) = (real(lo, "lo")?.unwrap_or(f64::MIN), real(hi, "hi")?.unwrap_or(f64::MAX));
        ordered(low <= high, "lo", "hi")?;
        let shown = format!("Float({}, {})", shown(lo), shown(hi));
        Ok(made(Self, Judge::Float { low, high }, shown))
    }
}

#[pymethods]
impl Str {
    #[new]
    #[pyo3(signature = (min=Count(0), max=Count(65536), *, unit="chars"),
        text_signature = "(min=0, max=65536, *, unit='chars')")]
    fn new(min: Count, max: Count, unit: &str) -> PyResult<PyClassInitializer<Self>> {
        let (Count(min), Count(max)) = (min, max);
        let length = length(min, max, unit)?;
        Ok(made(Self, Judge::Form(Form::Str(length)), format!("Str({min}, {max}, unit='{unit}')")))
    }
}

#[pymethods]
impl Text {
    #[new]
    #[pyo3(signature = (min=Count(0), max=Count(65536), *, unit="chars", newlines="refuse", tabs=false, allow_zwj=false,
        normalize=false), text_signature = "(min=0, max=65536, *, unit='chars', newlines='refuse', tabs=False, \
        allow_zwj=False, normalize=False)")]
    fn new(
        min: Count,
        max: Count,
        unit: &str,
        newlines: &str,
        tabs: bool,
        allow_zwj: bool,
        normalize: bool,
    ) -> PyResult<PyClassInitializer<Self>> {
        let (Count(min), Count(max)) = (min, max);
        let policy = match newlines {
            "refuse" => Newlines::Refuse,
            "keep" => Newlines::Keep,
            "normalize" => Newlines::Normalize,
            _ => return Err(wrong_value("`newlines` is \"refuse\", \"keep\" or \"normalize\".")),
        };
        let text =
            form::Text { length: length(min, max, unit)?, newlines: policy, tabs, joiners: allow_zwj, normalize };
        let flags =
            [("tabs", tabs), ("allow_zwj", allow_zwj), ("normalize", normalize)].map(|(name, on)| flag(name, on));
        let shown = format!("Text({min}, {max}, unit='{unit}', newlines='{newlines}'{})", flags.concat());
        Ok(made(Self, Judge::Form(Form::Text(text)), shown))
    }
}

#[pymethods]
impl Pattern {
    #[new]
    #[pyo3(signature = (regex, *, max=Count(1024), expected=None), text_signature = "(regex, *, max=1024, expected=None)")]
    fn new(regex: &str, max: Count, expected: Option<String>) -> PyResult<PyClassInitializer<Self>> {
        let Count(max) = max;
        let pattern = form::Pattern::new(regex, max, expected).map_err(wrong_value)?;
        Ok(made(Self, Judge::Form(Form::Pattern(pattern)), format!("Pattern({regex:?}, max={max})")))
    }
}

#[pymethods]
impl OneOf {
    #[new]
    #[pyo3(signature = (*values))]
    fn new(values: &Bound<'_, PyTuple>) -> PyResult<PyClassInitializer<Self>> {
        let (mut names, mut numbers) = (Vec::new(), Vec::new());
        for value in values {
            if let Ok(name) = value.cast::<PyString>() {
                names.push(name.to_str()?.to_owned());
            } else {
                numbers.extend(whole(Some(&value), "OneOf")?);
            }
        }
        if values.is_empty() {
            return Err(wrong_value("`OneOf` takes at least one value."));
        }
        let shown = format!("OneOf{}", values.repr()?.to_string().replace(",)", ")"));
        Ok(made(Self, Judge::OneOf(Form::OneOf(names), numbers), shown))
    }
}

#[pymethods]
impl TelegramChatId {
    #[new]
    #[pyo3(signature = (*, usernames=false))]
    fn new(usernames: bool) -> PyClassInitializer<Self> {
        let judge = Judge::TelegramChatId(form::TelegramChatId { usernames });
        made(Self, judge, call("TelegramChatId", &[("usernames", usernames)]))
    }
}

#[pymethods]
impl SlackId {
    #[new]
    #[pyo3(signature = (kinds=""))]
    fn new(kinds: &str) -> PyResult<PyClassInitializer<Self>> {
        let id =
            form::SlackId::of(kinds).ok_or_else(|| wrong_value("`kinds` holds capital letters, such as \"CG\"."))?;
        Ok(made(Self, Judge::Form(Form::SlackId(id)), format!("SlackId('{kinds}')")))
    }
}

#[pymethods]
impl Email {
    #[new]
    #[pyo3(signature = (*, require_tld=true, idna=true))]
    fn new(require_tld: bool, idna: bool) -> PyClassInitializer<Self> {
        let judge = Judge::Form(Form::Email(form::Email { tld: require_tld, idna }));
        made(Self, judge, call("Email", &[("require_tld", require_tld), ("idna", idna)]))
    }
}

#[pymethods]
impl HttpsUrl {
    #[new]
    #[pyo3(signature = (*, idna=false))]
    fn new(idna: bool) -> PyClassInitializer<Self> {
        let judge = Judge::Form(Form::HttpsUrl(form::HttpsUrl { idna }));
        made(Self, judge, call("HttpsUrl", &[("idna", idna)]))
    }
}

#[pymethods]
impl Hostname {
    #[new]
    #[pyo3(signature = (*, require_tld=false, idna=false))]
    fn new(require_tld: bool, idna: bool) -> PyClassInitializer<Self> {
        let judge = Judge::Form(Form::Hostname(form::Hostname { dotted: require_tld, idna }));
        made(Self, judge, call("Hostname", &[("require_tld", require_tld), ("idna", idna)]))
    }
}

#[pymethods]
impl IpAddress {
    #[new]
    #[pyo3(signature = (*, version=None, is_global=None))]
    fn new(version: Option<u8>, is_global: Option<bool>) -> PyResult<PyClassInitializer<Self>> {
        if !matches!(version, None | Some(4 | 6)) {
            return Err(wrong_value("`version` is 4, 6 or None."));
        }
        let public = |ip: IpAddr| policy::address::judge(ip).is_ok();
        let ip = form::Ip { version, public: is_global.map(|wanted| (wanted, public as fn(IpAddr) -> bool)) };
        let shown = format!("IpAddress(version={}, is_global={})", option(version), option(is_global.map(title)));
        Ok(made(Self, Judge::Form(Form::Ip(ip)), shown))
    }
}

#[pymethods]
impl Record {
    #[new]
    #[pyo3(signature = (fields, *, optional=None, unknown="refuse"))]
    fn new(
        fields: &Bound<'_, PyDict>,
        optional: Option<&Bound<'_, PyDict>>,
        unknown: &str,
    ) -> PyResult<PyClassInitializer<Self>> {
        let closed = match unknown {
            "refuse" => true,
            "drop" => false,
            _ => return Err(wrong_value("`unknown` is \"refuse\" or \"drop\".")),
        };
        let mut all: Vec<Field> = Vec::new();
        for (given, required) in [(Some(fields), true), (optional, false)] {
            for (key, validator) in given.into_iter().flatten() {
                let field = field(&key, &validator, required)?;
                if all.iter().any(|known| known.name == field.name) {
                    return Err(wrong_value("A field is both required and optional."));
                }
                all.push(field);
            }
        }
        let names: Vec<&str> = all.iter().map(|field| field.name.as_str()).collect();
        let shown = format!("Record({names:?}, unknown='{unknown}')");
        Ok(made(Self, Judge::Record(Fields::new(all, closed)), shown))
    }
}

/// An instance of a class below `Validator`.
fn made<T: PyClass<BaseType = Validator>>(class: T, judge: Judge, shown: String) -> PyClassInitializer<T> {
    PyClassInitializer::from(Validator::new(judge, shown)).add_subclass(class)
}

fn field(key: &Bound<'_, PyAny>, validator: &Bound<'_, PyAny>, required: bool) -> PyResult<Field> {
    let py = key.py();
    let key = key.cast::<PyString>().map_err(|_| wrong_type("The names of a record's fields are str."))?;
    let name = key.to_str()?.to_owned();
    let validator = validator
        .cast::<Validator>()
        .map_err(|_| wrong_type(format!("A field of a record takes a validator, not {}.", type_name(validator))))?;
    Ok(Field { key: PyString::intern(py, &name).unbind(), name, validator: validator.clone().unbind(), required })
}

fn whole(given: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<Option<i64>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
    if !given.is_instance_of::<PyInt>() || given.is_instance_of::<PyBool>() {
        return Err(wrong_type(format!("`{name}` takes an int, not {}.", type_name(given))));
    }
    given.extract().map(Some).map_err(|_| wrong_value(format!("`{name}` is within 64 bits.")))
}

/// How many: a whole number from 0 on.
struct Count(usize);

impl<'a, 'py> FromPyObject<'a, 'py> for Count {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if given.is_none() {
            return Err(wrong_type("A length takes an int, not None."));
        }
        let count = whole(Some(&given), "A length")?.and_then(|count| usize::try_from(count).ok());
        count.map(Self).ok_or_else(|| wrong_value("A length is a whole number from 0 on."))
    }
}

fn real(given: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<Option<f64>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
    let number =
        given.is_instance_of::<PyFloat>() || given.is_instance_of::<PyInt>() && !given.is_instance_of::<PyBool>();
    if !number {
        return Err(wrong_type(format!("`{name}` takes a number, not {}.", type_name(given))));
    }
    let number = given.extract::<f64>().ok().filter(|number| number.is_finite());
    number.map(Some).ok_or_else(|| wrong_value(format!("`{name}` is a finite number.")))
}

fn length(min: usize, max: usize, unit: &str) -> PyResult<Length> {
    ordered(min <= max, "min", "max")?;
    let unit = match unit {
        "chars" => Unit::Chars,
        "utf8" => Unit::Utf8,
        "utf16" => Unit::Utf16,
        _ => return Err(wrong_value("`unit` is \"chars\", \"utf8\" or \"utf16\".")),
    };
    Ok(Length { min, max, unit })
}

fn ordered(fine: bool, low: &str, high: &str) -> PyResult<()> {
    if fine { Ok(()) } else { Err(wrong_value(format!("`{low}` is more than `{high}`."))) }
}

fn shown(given: Option<&Bound<'_, PyAny>>) -> String {
    given.map_or_else(|| "None".to_owned(), ToString::to_string)
}

fn flag(name: &str, on: bool) -> String {
    if on { format!(", {name}=True") } else { String::new() }
}

fn title(on: bool) -> &'static str {
    if on { "True" } else { "False" }
}

fn option(given: Option<impl ToString>) -> String {
    given.map_or_else(|| "None".to_owned(), |given| given.to_string())
}

fn call(name: &str, flags: &[(&str, bool)]) -> String {
    let flags: Vec<String> = flags.iter().map(|(name, on)| format!("{name}={}", title(*on))).collect();
    format!("{name}({})", flags.join(", "))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    macro_rules! add {
        ($($class:ident),*) => { $(module.add_class::<$class>()?;)* };
    }
    add!(Int, Float, Str, Text, Slug, Pattern, OneOf, Uuid, Snowflake, TelegramChatId, SlackId, Email, E164, HttpsUrl);
    add!(Hostname, IpAddress, Date, DateTime, HeaderName, HeaderValue, IdempotencyKey, Record);
    Ok(())
}
