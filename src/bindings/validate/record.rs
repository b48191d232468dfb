//! `Record`: named fields, judged in place, every refusal collected.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::Validator;
use super::issue::Issue;
use super::judge::Judge;

/// The fields of a mapping.
pub(super) struct Record {
    pub(super) fields: Vec<Field>,
    /// Whether keys that are no field are refused; otherwise they are left out.
    pub(super) closed: bool,
    /// Whether no field is a record itself. Looking up a stranger's keys may run their code, which could change the
    /// dictionary that is being walked; judging anything else runs none.
    flat: bool,
}

/// One field.
pub(super) struct Field {
    /// Interned, so that looking it up compares pointers.
    pub(super) key: Py<PyString>,
    pub(super) name: String,
    pub(super) validator: Py<Validator>,
    pub(super) required: bool,
}

impl Field {
    /// Whether a key is this field's: the very object, or an equal `str`, as parsers make them. A subclass may think
    /// otherwise of equality, so it is looked up.
    fn is_named(&self, key: &Bound<'_, PyAny>) -> bool {
        key.is(&self.key)
            || key.cast_exact::<PyString>().is_ok_and(|key| key.to_str().is_ok_and(|key| key == self.name))
    }
}

impl Record {
    pub(super) fn new(fields: Vec<Field>, closed: bool) -> Self {
        let flat = fields.iter().all(|field| !matches!(field.validator.get().judge, Judge::Record(_)));
        Self { fields, closed, flat }
    }

    pub(super) fn expected(&self) -> String {
        let names: Vec<String> = self.fields.iter().map(|field| format!("`{}`", field.name)).collect();
        format!("a mapping with the fields {}", names.join(", "))
    }

    pub(super) fn fits(&self, value: &Bound<'_, PyAny>) -> bool {
        let Ok(dict) = value.cast_exact::<PyDict>().or_else(|_| value.cast::<PyDict>()) else { return false };
        let py = value.py();
        let mut found = 0;
        for field in &self.fields {
            match dict.get_item(field.key.bind(py)) {
                Ok(Some(item)) if field.validator.get().judge.fits(&item) => found += 1,
                Ok(None) if !field.required => {}
                _ => return false,
            }
        }
        !self.closed || found == dict.len()
    }

    /// A new dictionary of the fields, in their order.
    pub(super) fn read<'py>(&self, value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let dict = value.cast::<PyDict>().ok()?;
        if self.flat
            && dict.is_exact_instance_of::<PyDict>()
            && let Some(out) = self.read_in_order(dict)
        {
            return out;
        }
        let py = value.py();
        let out = PyDict::new(py);
        for field in &self.fields {
            let key = field.key.bind(py);
            match dict.get_item(key).ok()? {
                Some(item) => out.set_item(key, field.validator.get().judge.read(&item)?).ok()?,
                None if field.required => return None,
                None => {}
            }
        }
        (!self.closed || out.len() == dict.len()).then(|| out.into_any())
    }

    /// One walk over a dictionary whose keys come as the fields were declared; nothing for any other. What changes is put
    /// into a copy, which nobody else holds.
    fn read_in_order<'py>(&self, dict: &Bound<'py, PyDict>) -> Option<Option<Bound<'py, PyAny>>> {
        let out = dict.copy().ok()?;
        let mut fields = self.fields.iter();
        for (key, item) in &out {
            let field = fields.next().filter(|field| field.is_named(&key))?;
            let Some(read) = field.validator.get().judge.read(&item) else { return Some(None) };
            if !read.is(&item) {
                // The key is there, so no place in the dictionary moves.
                out.set_item(key, read).ok()?;
            }
        }
        fields.all(|field| !field.required).then(|| Some(out.into_any()))
    }

    pub(super) fn explain(
        &self,
        value: &Bound<'_, PyAny>,
        path: Option<&str>,
        expected: &str,
        issues: &mut Vec<Issue>,
    ) {
        let Ok(dict) = value.cast::<PyDict>() else {
            return issues.push(Issue::new(path, expected.to_owned()));
        };
        let py = value.py();
        let mut found = 0;
        for field in &self.fields {
            let place = path.map_or_else(|| field.name.clone(), |path| format!("{path}.{}", field.name));
            let validator = field.validator.get();
            match dict.get_item(field.key.bind(py)) {
                Ok(Some(item)) => {
                    found += 1;
                    if !validator.judge.fits(&item) {
                        validator.explain(&item, Some(&place), issues);
                    }
                }
                Ok(None) if !field.required => {}
                _ => issues.push(Issue::new(Some(&place), format!("given: {}", validator.expected))),
            }
        }
        // The stranger chose those keys: none is named. A mapping that changed meanwhile is refused as a whole.
        if self.closed && found != dict.len() || issues.is_empty() {
            issues.push(Issue::new(path, format!("{expected} and nothing else")));
        }
    }
}
