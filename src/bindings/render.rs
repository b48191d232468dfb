//! `botsec.render` in Python: templates of 3.14 and format strings, their values as text, and what is read of them once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyMemoryView, PyString, PyTuple, PyType};

use super::convert::{text, type_name};
use super::error::{raise, wrong_type, wrong_value};
use super::json;
use super::secret::PySecret;
use crate::error::{Code, Error};
use crate::render::{Field, Fields, Flaw, Hole, Plan, Platform, Unfit};

/// Templates that are kept as read, and the longest of them in characters: a few MiB, whatever a program formats.
const KEPT: usize = 256;
const KEPT_LENGTH: usize = 4096;

/// Deepest nesting of templates: more than any page has, less than a stack.
const DEPTH: usize = 32;

/// Text that is safe already, for one platform.
#[pyclass(frozen, module = "botsec.render")]
pub(super) struct Safe {
    platform: Platform,
    text: String,
}

#[pymethods]
impl Safe {
    #[new]
    #[pyo3(signature = (text, platform))]
    fn new(text: &Bound<'_, PyAny>, platform: &str) -> PyResult<Self> {
        let Ok(given) = text.cast::<PyString>() else {
            return Err(wrong_type(format!("Safe takes a str, not {}.", type_name(text))));
        };
        Ok(Self { platform: known(platform)?, text: self::text(given) })
    }

    /// The platform, such as `"html"`.
    #[getter]
    fn platform(&self) -> &'static str {
        self.platform.name()
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("Safe(<{} characters>, {:?})", self.text.chars().count(), self.platform.name())
    }
}

/// A template that was read; `fields` are those of a format string.
#[pyclass(frozen)]
struct Ready {
    plan: Plan,
    fields: Vec<Field>,
}

static READY: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

fn known(platform: &str) -> PyResult<Platform> {
    Platform::parse(platform).ok_or_else(|| {
        let names: Vec<String> = Platform::ALL.iter().map(|platform| format!("{:?}", platform.name())).collect();
        wrong_value(format!("`platform` is one of {}.", names.join(", ")))
    })
}

/// Renders a template for a platform. See `botsec.render`.
#[pyfunction]
pub(super) fn render<'py>(
    platform: &str,
    template: &Bound<'py, PyAny>,
    values: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyString>> {
    let page = Page { py: template.py(), platform: known(platform)? };
    let text = if let Ok(format) = template.cast::<PyString>() {
        page.format(format, values)?
    } else if !is_template(template)? {
        return Err(wrong_type(format!("A template is a t-string or a str, not {}.", type_name(template))));
    } else if values.is_empty() {
        page.template(template, 0)?
    } else {
        return Err(wrong_type("A t-string holds its values; keywords belong to a format string."));
    };
    Ok(PyString::new(template.py(), &text))
}

/// Python 3.14's `Template`, or what looks like it.
fn is_template(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(!value.is_instance_of::<PyType>() && value.hasattr("strings")? && value.hasattr("interpolations")?)
}

/// What is being rendered, and for whom.
#[derive(Clone, Copy)]
struct Page<'py> {
    py: Python<'py>,
    platform: Platform,
}

/// A value with its name and how it becomes text.
struct Given<'py> {
    name: String,
    value: Bound<'py, PyAny>,
    conversion: Option<char>,
    spec: String,
}

impl<'py> Page<'py> {
    /// What was read before, or is read now.
    fn ready(
        self,
        key: Bound<'py, PyAny>,
        length: usize,
        read: impl FnOnce() -> PyResult<Ready>,
    ) -> PyResult<Bound<'py, Ready>> {
        let kept = READY.get_or_init(self.py, || PyDict::new(self.py).unbind()).bind(self.py);
        let key = (self.platform.name(), key).into_pyobject(self.py)?;
        if let Some(found) = kept.get_item(&key)? {
            return Ok(found.cast_into::<Ready>()?);
        }
        let ready = Bound::new(self.py, read()?)?;
        if length <= KEPT_LENGTH {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.set_item(key, &ready)?;
        }
        Ok(ready)
    }

    fn format(self, format: &Bound<'py, PyString>, values: &Bound<'py, PyDict>) -> PyResult<String> {
        // A subclass may say of itself that it equals another.
        let format = if format.is_exact_instance_of::<PyString>() {
            format.clone()
        } else {
            PyString::new(self.py, &text(format))
        };
        let ready = self.ready(format.clone().into_any(), format.len()?, || {
            let Fields { parts, fields } =
                Fields::parse(&text(&format)).map_err(|flaw| flawed(flaw, |_| String::new()))?;
            let plan = Plan::read(self.platform, parts.iter().map(String::as_str));
            let name = |index: usize| fields.get(index).map(|field| field.name.clone()).unwrap_or_default();
            Ok(Ready { plan: plan.map_err(|flaw| flawed(flaw, name))?, fields })
        })?;
        let Ready { plan, fields } = ready.get();
        for key in values.keys() {
            let key = text(&key.cast_into::<PyString>()?);
            if !fields.iter().any(|field| field.name == key) {
                return Err(wrong_type(format!("The template has no field `{key}`.")));
            }
        }
        plan.write(|index, hole, out| {
            let Some(field) = fields.get(index) else { return Ok(()) };
            let Some(value) = values.get_item(&field.name)? else {
                return Err(wrong_type(format!("The template needs a value for `{}`.", field.name)));
            };
            let Field { name, conversion, spec } = field.clone();
            self.fill(hole, Given { name, value, conversion, spec }, 0, out)
        })
    }

    fn template(self, template: &Bound<'py, PyAny>, depth: usize) -> PyResult<String> {
        let strings = template.getattr("strings")?.cast_into::<PyTuple>().map_err(|_| odd_template())?;
        let values = template.getattr("interpolations")?.cast_into::<PyTuple>().map_err(|_| odd_template())?;
        if strings.len() != values.len() + 1 {
            return Err(odd_template());
        }
        let mut parts = Vec::with_capacity(strings.len());
        for part in strings.iter() {
            parts.push(text(&part.cast_into::<PyString>().map_err(|_| odd_template())?));
        }
        let length = parts.iter().map(String::len).sum::<usize>() + parts.len();
        let ready = self.ready(strings.into_any(), length, || {
            let name = |index: usize| {
                let found = values.get_item(index).and_then(|value| value.getattr("expression"));
                found.and_then(|name| name.str()).map(|name| text(&name)).unwrap_or_default()
            };
            let plan = Plan::read(self.platform, parts.iter().map(String::as_str));
            Ok(Ready { plan: plan.map_err(|flaw| flawed(flaw, name))?, fields: Vec::new() })
        })?;
        ready.get().plan.write(|index, hole, out| {
            let item = values.get_item(index)?;
            let conversion = item.getattr("conversion")?;
            let conversion = if conversion.is_none() { None } else { conversion.extract::<char>().ok() };
            let given = Given {
                name: text(&item.getattr("expression")?.str()?),
                value: item.getattr("value")?,
                conversion,
                spec: text(&item.getattr("format_spec")?.str()?),
            };
            self.fill(hole, given, depth, out)
        })
    }

    fn fill(self, hole: &Hole, given: Given<'py>, depth: usize, out: &mut String) -> PyResult<()> {
        let value = &given.value;
        let plain = given.conversion.is_none() && given.spec.is_empty();
        if plain && !hole.takes_json() && value.is_exact_instance_of::<PyString>() {
            let shown = self.shown(&given)?;
            return hole.write(&shown.to_string_lossy(), out).map_err(|unfit| self.unfit(&given.name, unfit));
        }
        let refuse = |what: &str| Err(wrong_type(format!("The value `{}` {what}.", given.name)));
        if value.is_instance_of::<PySecret>() {
            return refuse("is a Secret, which is never shown");
        }
        if value.is_instance_of::<PyBytes>()
            || value.is_instance_of::<PyByteArray>()
            || value.is_instance_of::<PyMemoryView>()
        {
            return refuse("is bytes; decode it first");
        }
        let markup = if let Ok(safe) = value.cast::<Safe>() {
            if safe.get().platform != self.platform {
                return refuse(&format!(
                    "is safe for {}, not for {}",
                    safe.get().platform.name(),
                    self.platform.name()
                ));
            }
            Some(safe.get().text.clone())
        } else if is_template(value)? {
            if depth >= DEPTH {
                return Err(wrong_value("Templates are nested too deeply."));
            }
            if plain && hole.takes_markup() { Some(self.template(value, depth + 1)?) } else { Some(String::new()) }
        } else if plain
            && self.platform == Platform::Html
            && value.hasattr("__html__")?
            && !value.is_instance_of::<PyType>()
        {
            Some(text(&value.call_method0("__html__")?.str()?))
        } else {
            None
        };
        if let Some(markup) = markup {
            if !plain {
                return refuse("is markup, and takes no conversion or format");
            }
            if !hole.takes_markup() {
                return refuse("is markup, and stands where text belongs");
            }
            out.push_str(&markup);
            return Ok(());
        }
        if hole.takes_json() && plain {
            let json = json::encode(value)?;
            if json.is_hidden() {
                return refuse("holds a Secret, which is never shown");
            }
            let bytes = json.reveal().map_err(|error| raise(self.py, &error))?;
            hole.write_json(&String::from_utf8_lossy(&bytes), out);
            return Ok(());
        }
        let shown = self.shown(&given)?;
        if hole.takes_json() {
            let json = json::encode(shown.as_any())?;
            let bytes = json.reveal().map_err(|error| raise(self.py, &error))?;
            hole.write_json(&String::from_utf8_lossy(&bytes), out);
            return Ok(());
        }
        hole.write(&shown.to_string_lossy(), out).map_err(|unfit| self.unfit(&given.name, unfit))
    }

    /// The value as Python's own formatting writes it.
    fn shown(self, given: &Given<'py>) -> PyResult<Bound<'py, PyString>> {
        let Given { name, value, conversion, spec } = given;
        let converted = match conversion {
            Some('r') => value.repr()?,
            Some('s') => value.str()?,
            Some('a') => self.py.import("builtins")?.getattr("ascii")?.call1((value,))?.cast_into::<PyString>()?,
            _ if !spec.is_empty() => return self.formatted(value, spec),
            _ => {
                if let Ok(text) = value.cast::<PyString>() {
                    return Ok(text.clone());
                }
                if !is_plain(value) {
                    return Err(wrong_type(format!(
                        "The value `{name}` is {}, which is no text: write `!s` behind its name if its str() may be shown.",
                        type_name(value)
                    )));
                }
                value.str()?
            }
        };
        if spec.is_empty() { Ok(converted) } else { self.formatted(converted.as_any(), spec) }
    }

    fn formatted(self, value: &Bound<'py, PyAny>, spec: &str) -> PyResult<Bound<'py, PyString>> {
        let format = self.py.import("builtins")?.getattr("format")?;
        Ok(format.call1((value, spec))?.cast_into::<PyString>()?)
    }

    fn unfit(self, name: &str, Unfit(expected): Unfit) -> PyErr {
        let known = name.chars().all(|c| c == '_' || c.is_alphanumeric());
        let subject = if known { format!("`{name}`") } else { "A value".to_owned() };
        let mut error = Error::new(Code::InputField).saying(format!("{subject} must be {expected}."));
        if known {
            error = error.with("field", name);
        }
        raise(self.py, &error.with("expected", expected).with("platform", self.platform.name()))
    }
}

fn odd_template() -> PyErr {
    wrong_type("A template has `strings` and `interpolations`, both tuples.")
}

/// Numbers, and what the standard library writes in one well-known way.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyBool>()
        || matches!(type_name(value).as_str(), "Decimal" | "UUID" | "date" | "datetime" | "time" | "timedelta")
}

/// A programmer's error: what is wrong and where, never what stands there.
fn flawed(flaw: Flaw, name: impl Fn(usize) -> String) -> PyErr {
    wrong_value(match flaw {
        Flaw::At(at, why) => format!("A template holds {why} (behind {at} characters of its literal text)."),
        Flaw::Hole(index, why) => format!("A template takes no value {why}: `{{{}}}`.", name(index)),
    })
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Safe>()?;
    module.add_function(wrap_pyfunction!(render, module)?)
}
