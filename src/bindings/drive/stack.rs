//! Sync calls: a client keeps a last-in-first-out stack of drivers, each a current-thread runtime with its own pool.
//!
//! A call pops one, leaves the interpreter, drives it on the calling thread and pushes it back. Python code (signals,
//! body iterators, signers) runs after the runtime was left, so it may call botsec itself.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep};

use super::super::call::{Prepared, Question, SignRequest};
use super::super::client::Core;
use super::super::convert;
use super::super::error::{Raise, wrong_type};
use super::super::outside;
use super::Sketch;
use super::pump::Pump;
use crate::clock;
use crate::error::{Code, Error};
use crate::fork::{Lock, epoch};
use crate::observe::Event;
use crate::pipeline::Outcome;
use crate::transport::{Crew, Limits, Settings, Stream, Transport};
use crate::validate::Room;

/// How often a waiting call looks for signals.
const TICK: Duration = Duration::from_millis(50);
/// Drivers kept between calls; more threads than this at once reconnect.
const MAX_IDLE_DRIVERS: usize = 64;
/// After this long a server may have closed a kept connection or said something unasked on it, which the runtime learns only
/// when it runs; shorter than a round trip, nothing can tell it from what crosses a request on its way.
const STALE_AFTER: Duration = Duration::from_millis(1);
/// A body whose connection takes every chunk at once never waits, and only a runtime that waits looks at timers and sockets:
/// without this, no deadline would end it and no early answer be seen.
const LOOK: Duration = Duration::from_millis(5);

/// A runtime and its connections.
pub(in super::super) struct Driver {
    runtime: Option<Runtime>,
    transport: Option<Transport>,
    crew: Option<Crew>,
    /// Rings while a call waits, so that signals are looked for. Armed across calls: most end long before it rings.
    tick: Option<Pin<Box<Sleep>>>,
    epoch: u64,
    used: Instant,
}

/// The drivers of one client.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "a driver is taken out by each call and put back: in its box it stays where it is")]
pub(in super::super) struct Stack(Lock<Vec<Box<Driver>>>);

impl Driver {
    fn new(settings: &Settings) -> Result<Box<Self>, Error> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|e| Error::new(Code::TransportConnect).with("reason", e.kind().to_string()))?;
        let crew = Crew::default();
        Ok(Box::new(Self {
            runtime: Some(runtime),
            transport: Some(Transport::new(settings, Some(&crew))?),
            crew: Some(crew),
            tick: None,
            epoch: epoch(),
            used: clock::now(),
        }))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let (runtime, transport) = (self.runtime.take(), (self.transport.take(), self.crew.take(), self.tick.take()));
        if self.epoch != epoch() {
            // The child of a fork: closing would end the parent's connections and wait for threads that do not exist.
            mem::forget((runtime, transport));
            return;
        }
        if let Some(runtime) = runtime {
            let guard = runtime.enter();
            drop(transport);
            drop(guard);
            runtime.shutdown_background();
        }
    }
}

impl Stack {
    /// The driver used last, or a new one.
    pub(in super::super) fn pop(&self, settings: &Settings) -> Result<Box<Driver>, Error> {
        loop {
            let popped = self.0.lock().pop();
            match popped {
                Some(driver) if driver.epoch == epoch() => return Ok(driver),
                Some(stale) => drop(stale),
                None => return Driver::new(settings),
            }
        }
    }

    /// Takes a driver back.
    pub(in super::super) fn push(&self, mut driver: Box<Driver>) {
        driver.used = clock::now();
        let surplus = {
            let mut drivers = self.0.lock();
            if drivers.len() < MAX_IDLE_DRIVERS {
                drivers.push(driver);
                None
            } else {
                Some(driver)
            }
        };
        drop(surplus);
    }

    /// Closes every idle driver.
    pub(in super::super) fn clear(&self) {
        let drivers = mem::take(&mut *self.0.lock());
        drop(drivers);
    }
}

/// Why a driven call came back.
enum Step<T> {
    Done(T),
    /// Time to look for signals.
    Tick,
    /// The body has room for a chunk, or wants no more.
    Room(Option<Room>),
    /// A signer or the callable of a secret is asked.
    Ask(Question),
}

/// How a sync call ended: an outcome, or the caller's own exception with the event of the abandoned call.
pub(in super::super) enum Driven {
    Outcome(Outcome, Box<Driver>),
    Raised(PyErr, Event),
}

thread_local! {
    /// Whether this is Python's main thread, as asked in the process of this epoch.
    static IS_MAIN: Cell<Option<(u64, bool)>> = const { Cell::new(None) };
}

/// Whether this is Python's main thread. Signals are handled there alone; any other thread that came back to the
/// interpreter while it ends would be torn down in the middle of a call.
fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    if let Some((_, known)) = IS_MAIN.get().filter(|(asked, _)| *asked == epoch()) {
        return Ok(known);
    }
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    let main = threading.call_method0("get_ident")?.eq(main)?;
    IS_MAIN.set(Some((epoch(), main)));
    Ok(main)
}

/// Drives one call on this thread. The interpreter is left except while Python code has to run.
pub(in super::super) fn call(py: Python<'_>, core: &Core, prepared: Prepared) -> PyResult<Driven> {
    let Prepared { call, body, questions, .. } = prepared;
    let mut driver = core.stack.pop(&core.settings).or_raise(py)?;
    let sketch = Sketch::of(&core.setup, &call);
    let mut body = match body {
        Some((feeder, iterable)) => Some(Pump::new(py, feeder, &iterable)?),
        None => None,
    };
    let (mut questions, signers) =
        questions.map_or((None, Vec::new()), |(receiver, signers)| (Some(receiver), signers));
    let main = is_main_thread(py)?;
    let mut looked = driver.used;
    let rest = clock::now().duration_since(looked);
    let result = py.detach(|| {
        let Driver { runtime: Some(runtime), transport: Some(transport), crew: Some(crew), tick, .. } = &mut *driver
        else {
            return Err(wrong_type("The driver is gone."));
        };
        if rest > STALE_AFTER {
            // The connections that servers closed meanwhile, before one of them is used.
            look(runtime, crew);
        }
        let guard = runtime.enter();
        let mut future = pin!(super::send(&core.setup, transport, call, &sketch));
        let tick = tick.get_or_insert_with(|| Box::pin(sleep(TICK)));
        let mut tick = main.then_some(tick.as_mut());
        if let Some(tick) = tick.as_mut().filter(|_| rest > TICK) {
            tick.as_mut().reset(clock::on_timers(clock::now() + TICK).into());
        }
        drop(guard);
        let result = loop {
            match runtime.block_on(crew.drive(step(
                future.as_mut(),
                tick.as_mut().map(Pin::as_mut),
                body.as_mut(),
                questions.as_mut(),
            ))) {
                Step::Done(outcome) => break Ok(outcome),
                Step::Tick => {
                    if let Err(raised) = Python::attach(|py| py.check_signals()) {
                        break Err(raised);
                    }
                }
                Step::Room(room) => {
                    if let Some(Err(raised)) = body.as_mut().map(|pump| Python::attach(|py| pump.push(py, room))) {
                        break Err(raised);
                    }
                    if clock::now().duration_since(looked) > LOOK {
                        looked = clock::now();
                        look(runtime, crew);
                    }
                }
                Step::Ask(question) => {
                    if let Err(raised) = Python::attach(|py| answer(py, question, &signers)) {
                        break Err(raised);
                    }
                }
            }
        };
        // An abandoned exchange is dropped inside its runtime, which then closes the connection.
        let _guard = runtime.enter();
        result
    });
    let finished = body.map_or(Ok(()), |mut pump| {
        let finished = if result.is_ok() { pump.finish(py) } else { Ok(()) };
        pump.close(py);
        finished
    });
    let (raised, event) = match (result, finished) {
        (Ok(outcome), Ok(())) => return Ok(Driven::Outcome(outcome, driver)),
        (Ok(outcome), Err(raised)) => {
            let _guard = driver.runtime.as_ref().map(Runtime::enter);
            drop(outcome.result);
            (raised, outcome.event)
        }
        (Err(raised), _) => (raised, sketch.cancelled(&core.setup)),
    };
    core.stack.push(driver);
    Ok(Driven::Raised(raised, event))
}

/// Lets the runtime see which timers rang and what its sockets got.
fn look(runtime: &Runtime, crew: &mut Crew) {
    runtime.block_on(crew.drive(async {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }));
}

async fn step<F: Future>(
    mut future: Pin<&mut F>,
    mut tick: Option<Pin<&mut Sleep>>,
    mut body: Option<&mut Pump>,
    mut questions: Option<&mut mpsc::Receiver<Question>>,
) -> Step<F::Output> {
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Step::Done(output));
        }
        if let Some(pump) = body.as_mut()
            && let Poll::Ready(room) = pump.poll_room(context)
        {
            return Poll::Ready(Step::Room(room));
        }
        if let Some(questions) = questions.as_mut()
            && let Poll::Ready(Some(question)) = questions.poll_recv(context)
        {
            return Poll::Ready(Step::Ask(question));
        }
        let Some(tick) = tick.as_mut() else { return Poll::Pending };
        ready!(tick.as_mut().poll(context));
        tick.as_mut().reset(clock::on_timers(clock::now() + TICK).into());
        Poll::Ready(Step::Tick)
    })
    .await
}

fn answer(py: Python<'_>, question: Question, signers: &[std::sync::Arc<Py<PyAny>>]) -> PyResult<()> {
    let (index, request, reply) = match question {
        Question::Sign(index, request, reply) => (index, request, reply),
        Question::Read(secret, reply) => {
            outside::finish(py, &secret)?;
            let _ = reply.send(());
            return Ok(());
        }
    };
    let Some(signer) = signers.get(index) else { return Ok(()) };
    let request = SignRequest::show(py, request);
    let signed = signer.bind(py).call_method1("sign", (request,))?;
    if signed.hasattr("__await__")? {
        // Closed, or Python warns of a coroutine that was never awaited.
        let _ = signed.call_method0("close");
        return Err(wrong_type("This signer's sign() is async: use it with an AsyncClient."));
    }
    let _ = reply.send(Ok(signature(&signed)?));
    Ok(())
}

/// A signer's answer: a mapping of header names to values.
pub(in super::super) fn signature(signed: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let wrong = |_| wrong_type("A signer's sign() returns a mapping of header names to str values.");
    let pairs = convert::pairs(signed, "the result of sign()").map_err(wrong)?;
    pairs.iter().map(|(name, value)| Ok((name.extract().map_err(wrong)?, value.extract().map_err(wrong)?))).collect()
}

/// Reads the next chunk of a stream on this thread.
pub(in super::super) fn read(
    py: Python<'_>,
    driver: &mut Driver,
    stream: &mut Stream,
    limits: &Limits,
) -> PyResult<Result<Option<Bytes>, Error>> {
    let main = is_main_thread(py)?;
    py.detach(|| {
        let Driver { runtime: Some(runtime), crew: Some(crew), tick, .. } = driver else {
            return Err(wrong_type("The driver is gone."));
        };
        let guard = runtime.enter();
        let mut future = pin!(stream.next(limits));
        let tick = tick.get_or_insert_with(|| Box::pin(sleep(TICK)));
        let mut tick = main.then_some(tick.as_mut());
        drop(guard);
        loop {
            match runtime.block_on(crew.drive(step(future.as_mut(), tick.as_mut().map(Pin::as_mut), None, None))) {
                Step::Done(chunk) => return Ok(chunk),
                Step::Tick => Python::attach(|py| py.check_signals())?,
                Step::Room(_) | Step::Ask(_) => {}
            }
        }
    })
}

/// Drops a stream inside its driver's runtime.
pub(in super::super) fn discard(driver: &Driver, stream: Option<Box<Stream>>) {
    let _guard = driver.runtime.as_ref().map(Runtime::enter);
    drop(stream);
}

/// Whether the driver belongs to this process.
pub(in super::super) fn is_ours(driver: &Driver) -> bool {
    driver.epoch == epoch()
}
