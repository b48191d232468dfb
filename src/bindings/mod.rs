//! The Python face of the core: converts, drives, converts back. No decisions.

mod auth;
mod aws;
mod azure;
mod ca;
mod call;
mod client;
mod convert;
mod drive;
mod error;
mod escape;
mod flow;
mod gcp;
mod headers;
mod json;
mod log;
mod message;
mod model;
mod multipart;
mod news;
mod oauth;
mod options;
mod outside;
mod paths;
mod pending;
mod process;
mod provider;
mod proxy;
mod render;
mod response;
mod schema;
mod secret;
mod sign;
mod store;
mod throttle;
mod tls;
mod tstring;
mod validate;
mod vault;

use mimalloc::MiMalloc;
use pyo3::prelude::*;
use zeroizing_alloc::ZeroAlloc;

/// mimalloc, because the system allocator made large downloads 2.6 times dearer; wiped as it is freed, because buffers of TLS,
/// HTTP and JSON hold copies of secrets that nothing else wipes (docs/decisions.md).
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

/// The native half of `botsec`. Private: import `botsec`.
#[pymodule(gil_used = false)]
#[pyo3(name = "_core")]
fn core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // A panic is our own bug: it becomes InternalError, and its payload may hold anything, so it is never printed.
    std::panic::set_hook(Box::new(|_| {}));
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    error::resolve(module.py())?;
    module.add_class::<client::Client>()?;
    module.add_class::<response::Response>()?;
    module.add_class::<headers::Headers>()?;
    module.add_class::<secret::PySecret>()?;
    module.add_class::<secret::PendingLoad>()?;
    module.add_class::<provider::PyProvider>()?;
    module.add_class::<aws::Aws>()?;
    module.add_class::<gcp::Gcp>()?;
    azure::register(module)?;
    module.add_class::<pending::PendingCall>()?;
    module.add_class::<pending::PendingChunk>()?;
    module.add_class::<pending::PendingRoom>()?;
    module.add_class::<pending::PendingQuestion>()?;
    module.add_class::<call::SignRequest>()?;
    module.add_class::<drive::bridge::Bridge>()?;
    module.add_class::<drive::promise::Promise>()?;
    auth::register(module)?;
    sign::register(module)?;
    oauth::register(module)?;
    vault::register(module)?;
    options::register(module)?;
    throttle::register(module)?;
    module.add_class::<store::Redis>()?;
    module.add_class::<tls::Tls>()?;
    module.add_class::<proxy::Proxy>()?;
    escape::register(module)?;
    message::register(module)?;
    render::register(module)?;
    validate::register(module)?;
    module.add_class::<paths::PathTemplates>()?;
    module.add_function(wrap_pyfunction!(error::make_error, module)?)?;
    module.add_function(wrap_pyfunction!(secret::load_secret, module)?)?;
    module.add_function(wrap_pyfunction!(secret::forbid_reveal, module)?)?;
    module.add_function(wrap_pyfunction!(process::forbid_dumps, module)?)?;
    module.add_function(wrap_pyfunction!(process::allows_dumps, module)?)?;
    module.add_function(wrap_pyfunction!(ca::throwaway_ca, module)?)?;
    module.add_function(wrap_pyfunction!(before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_parent, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_child, module)?)?;
    Ok(())
}

/// Called by `os.register_at_fork` before a fork.
#[pyfunction]
fn before_fork() {
    crate::fork::before();
}

/// Called by `os.register_at_fork` in the parent.
#[pyfunction]
fn after_fork_in_parent() {
    crate::fork::after_in_parent();
}

/// Called by `os.register_at_fork` in the child.
#[pyfunction]
fn after_fork_in_child() {
    crate::fork::after_in_child();
}
