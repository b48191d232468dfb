//! Objects that other libraries make models of, taken apart for JSON. None of those libraries is imported here: what an
//! object is made by has been imported already.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use pyo3::exceptions::{PyAttributeError, PyException, PyRecursionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyString, PyTuple, PyType};

use super::convert::{self, type_name};
use super::error::{wrong_type, wrong_value};
use super::json::too_deep;
use crate::fork::Lock;

/// How an object becomes JSON.
#[derive(Clone)]
pub(super) enum Shape<'py> {
    /// Attribute by attribute, each under its own name.
    Fields(Rc<[Bound<'py, PyString>]>),
    /// As the value that is built of it.
    Built(How),
    /// Not at all.
    Unknown,
}

/// What builds a value of an object.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// `model_dump`, which a model may have overridden.
    ModelDump,
    /// pydantic's serialiser of a dataclass.
    Serializer,
    /// `msgspec.to_builtins`.
    Msgspec,
    /// An enum member's value.
    Value,
    /// `isoformat` of a datetime, date or time.
    Iso,
    /// `uuid.UUID`'s text.
    Uuid,
    /// `decimal.Decimal`'s text.
    Decimal,
}

/// The types of one body's objects, and the objects that a library's serialiser met and did not know.
#[derive(Default)]
pub(super) struct Models<'py> {
    shapes: HashMap<usize, (Bound<'py, PyType>, Shape<'py>)>,
    strange: Option<(Arc<Strange>, Bound<'py, PyAny>)>,
}

/// A serialiser of another library must not see a secret, so what it does not know goes past it: it gets a text that
/// nobody can guess, and the writer puts the object back where the text comes out.
struct Strange {
    mark: String,
    met: Lock<Met>,
}

#[derive(Default)]
struct Met {
    /// Each with whether it came back.
    objects: Vec<(Py<PyAny>, bool)>,
    /// Where in `objects` the object of an address is.
    places: HashMap<usize, usize>,
}

impl<'py> Models<'py> {
    /// How `value` becomes JSON; found once per type.
    pub(super) fn shape(&mut self, value: &Bound<'py, PyAny>) -> PyResult<Shape<'py>> {
        let kind = value.get_type();
        let key = kind.as_ptr() as usize;
        if let Some((_, shape)) = self.shapes.get(&key) {
            return Ok(shape.clone());
        }
        let shape = shape(value, &kind)?;
        self.shapes.insert(key, (kind, shape.clone()));
        Ok(shape)
    }

    /// An attribute of a dataclass or attrs object.
    pub(super) fn field(value: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        value.getattr(name).map_err(|raised| {
            let field = format!("`{}.{}`", type_name(value), convert::text(name));
            match kind_of(value.py(), &raised) {
                None => raised,
                Some(_) if raised.is_instance_of::<PyAttributeError>(value.py()) => {
                    wrong_type(format!("`json`: {field} has no value."))
                }
                Some(kind) => wrong_type(format!("`json`: reading {field} raised {kind}.")),
            }
        })
    }

    /// The value that stands for `value`.
    pub(super) fn build(&mut self, value: &Bound<'py, PyAny>, how: How) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        let built = match how {
            How::ModelDump => self.model_dump(value),
            How::Serializer => {
                let serializer = value.get_type().getattr("__pydantic_serializer__")?;
                serializer.call_method("to_python", (value,), Some(&self.options(py)?))
            }
            How::Msgspec => {
                let options = PyDict::new(py);
                options.set_item("enc_hook", self.hook(py)?)?;
                options.set_item("str_keys", true)?;
                py.import("msgspec")?.call_method("to_builtins", (value,), Some(&options))
            }
            How::Value => value.getattr("value"),
            How::Iso => iso(value),
            How::Uuid => py.import("uuid")?.getattr("UUID")?.call_method1("__str__", (value,)),
            How::Decimal => return decimal(value),
        };
        built.map_err(|raised| {
            let Some(kind) = kind_of(py, &raised) else { return raised };
            // What a serialiser says quotes values. pydantic's word for a cycle does not.
            let circular = || raised.value(py).str().is_ok_and(|text| text.to_string_lossy().starts_with("Circular"));
            let name = type_name(value);
            if raised.is_instance_of::<PyRecursionError>(py) || raised.is_instance_of::<PyValueError>(py) && circular()
            {
                too_deep()
            } else if raised.is_instance_of::<PyValueError>(py) {
                wrong_value(format!("`json`: the {name} cannot be written as JSON ({kind})."))
            } else {
                wrong_type(format!("`json`: the {name} cannot be written as JSON ({kind})."))
            }
        })
    }

    fn model_dump(&mut self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        let dump = value.get_type().getattr("model_dump")?;
        let options = self.options(py)?;
        dump.call((value,), Some(&options)).or_else(|raised| {
            if !raised.is_instance_of::<PyTypeError>(py) {
                return Err(raised);
            }
            // An older pydantic, or an override, that does not know these two.
            options.del_item("fallback")?;
            options.del_item("warnings")?;
            dump.call((value,), Some(&options))
        })
    }

    /// pydantic's options for what an API reads: JSON types, under the names of the API. Its warnings quote values.
    fn options(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let options = PyDict::new(py);
        options.set_item("mode", "json")?;
        options.set_item("by_alias", true)?;
        options.set_item("warnings", false)?;
        options.set_item("fallback", self.hook(py)?)?;
        Ok(options)
    }

    fn hook(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some((_, hook)) = &self.strange {
            return Ok(hook.clone());
        }
        let strange = Arc::new(Strange { mark: format!("botsec:{}:", convert::unique_key()?), met: Lock::default() });
        let met = strange.clone();
        let stand_in = move |given: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<String> {
            Ok(met.admit(given.get_item(0)?))
        };
        let hook = PyCFunction::new_closure(py, None, None, stand_in)?.into_any();
        self.strange = Some((strange, hook.clone()));
        Ok(hook)
    }

    /// The object that `text` stands for.
    pub(super) fn stood_in(&self, text: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
        let (strange, hook) = self.strange.as_ref()?;
        let text = text.to_string_lossy();
        let index: usize = text.strip_prefix(strange.mark.as_str())?.parse().ok()?;
        let mut met = strange.met.lock();
        let (object, back) = met.objects.get_mut(index)?;
        *back = true;
        Some(object.bind(hook.py()).clone())
    }

    /// Whether an object that a serialiser did not know never came back.
    pub(super) fn lost_any(&self) -> bool {
        let lost = |strange: &Strange| strange.met.lock().objects.iter().any(|(_, back)| !back);
        self.strange.as_ref().is_some_and(|(strange, _)| lost(strange))
    }
}

impl Strange {
    fn admit(&self, object: Bound<'_, PyAny>) -> String {
        let mut met = self.met.lock();
        let next = met.objects.len();
        // Kept below, so that its address stays its own.
        let place = *met.places.entry(object.as_ptr() as usize).or_insert(next);
        if place == next {
            met.objects.push((object.unbind(), false));
        }
        format!("{}{place}", self.mark)
    }
}

/// The name of an exception's class; `None` for one that is no `Exception` and goes on its way.
fn kind_of(py: Python<'_>, raised: &PyErr) -> Option<String> {
    let told = raised.is_instance_of::<PyException>(py);
    told.then(|| raised.get_type(py).name().map_or_else(|_| "Exception".to_owned(), |name| name.to_string()))
}

/// The type decides, never the instance: an instance may have an attribute of any name.
fn shape<'py>(value: &Bound<'py, PyAny>, kind: &Bound<'py, PyType>) -> PyResult<Shape<'py>> {
    let py = value.py();
    let has = |name: &str| kind.getattr(name).is_ok_and(|found| !found.is_none());
    if has("__pydantic_serializer__") && has("model_dump") {
        return Ok(Shape::Built(How::ModelDump));
    }
    // pydantic's `SecretStr` has a serialiser too, which writes asterisks.
    if has("__pydantic_serializer__") && has("__dataclass_fields__") {
        return Ok(Shape::Built(How::Serializer));
    }
    if made_by(value, "msgspec", "Struct")? {
        return Ok(Shape::Built(How::Msgspec));
    }
    if let Ok(fields) = kind.getattr("__attrs_attrs__") {
        return Ok(names(&fields).unwrap_or(Shape::Unknown));
    }
    if has("__dataclass_fields__") {
        // Without `ClassVar` and `InitVar`, which `__dataclass_fields__` holds as well.
        let fields = py.import("dataclasses")?.call_method1("fields", (kind,));
        return Ok(fields.and_then(|fields| names(&fields)).unwrap_or(Shape::Unknown));
    }
    let known = [
        ("enum", "Enum", How::Value),
        ("datetime", "date", How::Iso),
        ("datetime", "time", How::Iso),
        ("uuid", "UUID", How::Uuid),
        ("decimal", "Decimal", How::Decimal),
    ];
    for (module, name, how) in known {
        if made_by(value, module, name)? {
            return Ok(Shape::Built(how));
        }
    }
    Ok(Shape::Unknown)
}

/// Whether `value` is an instance of a class of a module that has been imported.
fn made_by(value: &Bound<'_, PyAny>, module: &str, name: &str) -> PyResult<bool> {
    let modules = value.py().import("sys")?.getattr("modules")?;
    let Ok(module) = modules.get_item(module) else { return Ok(false) };
    let Ok(class) = module.getattr(name).and_then(|class| Ok(class.cast_into::<PyType>()?)) else { return Ok(false) };
    // By its own type: `__class__` may say anything.
    value.get_type().is_subclass(&class)
}

fn names<'py>(fields: &Bound<'py, PyAny>) -> PyResult<Shape<'py>> {
    let name = |field: PyResult<Bound<'py, PyAny>>| Ok(field?.getattr("name")?.cast_into::<PyString>()?);
    let names: PyResult<Vec<_>> = fields.try_iter()?.map(name).collect();
    Ok(Shape::Fields(names?.into()))
}

/// RFC 3339 as far as the value goes: UTC is `Z`, and a time without an offset stays one.
fn iso<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let text = value.call_method0("isoformat")?;
    let text = text.cast::<PyString>()?.to_string_lossy().into_owned();
    let text = text.strip_suffix("+00:00").map_or_else(|| text.clone(), |local| format!("{local}Z"));
    Ok(PyString::new(value.py(), &text).into_any())
}

/// As text: a float would not hold its digits.
fn decimal<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let class = value.py().import("decimal")?.getattr("Decimal")?;
    if !class.call_method1("is_finite", (value,))?.is_truthy()? {
        return Err(wrong_value("`json` cannot hold NaN or infinity (RFC 8259 §6)."));
    }
    class.call_method1("__str__", (value,))
}
